//! An exchange that keeps what it was asked, and answers as it was told.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use mssql_mcp_entra::{Credential, EntraOptions, Exchange, SourceKind, Surroundings};
use serde_json::{Value, json};

pub(crate) type Answer = Result<Response<Bytes>, String>;

/// What is answered, one after the other; the last one for ever.
#[derive(Default)]
pub(crate) struct Wire {
    answers: Mutex<VecDeque<(Answer, Duration)>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

impl Wire {
    pub(crate) fn new(answers: Vec<Answer>) -> Arc<Self> {
        let answers = answers.into_iter().map(|a| (a, Duration::ZERO)).collect();
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    /// Answers each only after a while.
    pub(crate) fn slow(answer: Answer, after: Duration) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new([(answer, after)].into()), ..Self::default() })
    }

    /// All requests, as they went out: request line, headers, and the form's or query's parts.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("requests").iter().map(told).collect()
    }

    pub(crate) fn requests(&self) -> Vec<Request<Bytes>> {
        self.asked.lock().expect("requests").clone()
    }
}

impl Exchange for Wire {
    fn send(
        &self,
        request: Request<Bytes>,
        within: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, String>> {
        self.asked.lock().expect("requests").push(request);
        let mut answers = self.answers.lock().expect("answers");
        let (answer, after) = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().expect("an answer"),
        };
        Box::pin(async move {
            match after > within {
                true => {
                    tokio::time::sleep(within).await;
                    Err("it took too long".into())
                }
                false => {
                    tokio::time::sleep(after).await;
                    answer
                }
            }
        })
    }
}

fn told(r: &Request<Bytes>) -> String {
    let mut text = format!("{} {}\n", r.method(), r.uri());
    for (name, value) in r.headers() {
        text += &format!("{name}: {}\n", value.to_str().expect("text"));
    }
    text + std::str::from_utf8(r.body()).expect("text")
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A token of this name, for an hour.
pub(crate) fn jwt(name: &str) -> String {
    let part = |v: Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let claims = json!({ "oid": name, "appid": "app", "tid": "tenant", "exp": now() + 3600 });
    format!("{}.{}.c2ln", part(json!({ "alg": "RS256" })), part(claims))
}

pub(crate) fn answer(status: u16, body: &Value) -> Answer {
    Ok(Response::builder().status(status).body(body.to_string().into()).expect("an answer"))
}

/// As the login host gives a token.
pub(crate) fn granted(name: &str) -> Answer {
    answer(200, &json!({ "access_token": jwt(name), "expires_in": 3599, "token_type": "Bearer" }))
}

/// As managed identities do: numbers are texts.
pub(crate) fn managed(name: &str) -> Answer {
    let end = (now() + 3600).to_string();
    answer(200, &json!({ "access_token": jwt(name), "expires_on": end, "token_type": "Bearer" }))
}

pub(crate) fn around(variables: &[(&str, &str)]) -> Surroundings {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Surroundings { variables, arc_keys: PathBuf::from("/nonexistent/arc") }
}

pub(crate) fn options(source: SourceKind) -> EntraOptions {
    EntraOptions { source, server: "x.database.windows.net".into(), ..EntraOptions::default() }
}

/// A service principal's options.
pub(crate) fn principal(source: SourceKind) -> EntraOptions {
    EntraOptions { tenant: "t-1".into(), client_id: "c-1".into(), ..options(source) }
}

pub(crate) const WITHIN: Duration = Duration::from_secs(15);

/// The name of the token that a credential gives, or why there is none.
pub(crate) async fn token(c: &Credential) -> Result<String, String> {
    let token = c.token(WITHIN).await.map_err(|e| format!("{e} → {}", e.mend))?;
    Ok(token.identity().object.unwrap_or_default())
}

/// A folder of a test, which goes with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("entra-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
