//! A kept result as a file, for the person or program that it belongs to.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};
use mssql_mcp_spool::{Error, Kept, Query, Stop};
use mssql_mcp_transports::body::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Mount;
use crate::answer::{self, Answer};
use crate::in_process;
use crate::principal::Principal;
use crate::results::{self, KeptFiles};

/// Pieces that wait for a slow reader.
const AHEAD: usize = 4;

/// Handle and ending of `/results/HANDLE.ENDING`; without one it is CSV.
fn named(path: &str) -> (&str, &str) {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    name.split_once('.').unwrap_or((name, "csv"))
}

/// The file; `query` may say `result=N`, which result set. None where the visitor has no such
/// result.
pub(super) async fn file(
    mount: &Mount,
    visitor: Arc<Principal>,
    path: &str,
    query: &str,
) -> Option<Answer> {
    let (handle, ending) = named(path);
    let set = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "result");
    let set: usize = set.map_or(Ok(0), |(_, n)| n.parse()).ok()?;
    let Some((format, mime_type)) = mount.files.format(ending) else {
        let what =
            format!("there is no format {ending:?}; there are {}", KeptFiles::ENDINGS.join(", "));
        return Some(answer::json(StatusCode::NOT_FOUND, &json!({ "error": what })));
    };
    let kept = mount.files.get(handle, &results::owner(&mount.path, Some(&visitor)))?;
    kept.sets().get(set)?;
    // As any read of it: limited, recorded, and refused to whoever may not read here.
    let params = json!({
        "name": "get_result", "arguments": { "handle": handle, "result": set, "limit": 1 },
    });
    let asked =
        in_process::ask(mount.service.clone(), "download", visitor, "tools/call", &params).await;
    let asked: Value = asked.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    if asked["result"]["isError"] != false {
        let said = asked["result"]["content"][0]["text"].as_str().unwrap_or("not allowed");
        return Some(answer::json(StatusCode::FORBIDDEN, &json!({ "error": said })));
    }
    // Twice, so that its length is known before: a file that breaks off is not taken for a whole
    // one, and what is damaged is found before anything is sent.
    let (read, stop) = (kept.clone(), Stop::new());
    let _ended = Ended(stop.clone());
    let measured = tokio::task::spawn_blocking(move || {
        let query = Query { stop, ..Query::default() };
        read.export(set, &query, format)?.try_fold(0, |sum, piece| Ok(sum + piece?.len() as u64))
    });
    let length: Result<u64, Error> = measured.await.ok()?;
    let length = match length {
        Ok(length) => length,
        Err(e) => {
            let e = json!({ "error": format!("this result cannot be written so: {e}") });
            return Some(answer::json(StatusCode::CONFLICT, &e));
        }
    };
    let mut answer = Answer::new(Body::Events(Box::pin(pieces(kept.clone(), set, format))));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime_type));
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The handle is of letters, digits, - and _ alone.
    let disposition = format!("attachment; filename=\"{handle}.{ending}\"");
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).ok()?);
    headers.insert(
        "x-complete",
        HeaderValue::from_static(if kept.is_complete() { "true" } else { "false" }),
    );
    Some(answer::no_store(answer))
}

/// Ends a reading that nobody waits for any more.
struct Ended(Stop);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Read in a thread that may block; whoever reads slowly holds it back.
fn pieces(
    kept: Arc<Kept>,
    set: usize,
    format: mssql_mcp_spool::Format,
) -> impl futures_util::Stream<Item = Bytes> + Send {
    let (give, mut take) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let Ok(pieces) = kept.export(set, &Query::default(), format) else { return };
        for piece in pieces {
            match piece {
                Ok(piece) => {
                    if give.blocking_send(piece).is_err() {
                        return;
                    }
                }
                // What is missing is seen by the length.
                Err(e) => return tracing::error!("a download broke off: {e}"),
            }
        }
    });
    futures_util::stream::poll_fn(move |cx| take.poll_recv(cx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_handle_with_an_ending() {
        for (path, is) in [
            ("/results/res_a-_1.csv", ("res_a-_1", "csv")),
            ("/demo/results/res_a.jsonl", ("res_a", "jsonl")),
            ("/results/res_a/", ("res_a", "csv")),
            ("/results/res_a.csv.exe", ("res_a", "csv.exe")),
        ] {
            assert_eq!(named(path), is, "{path}");
        }
    }
}
