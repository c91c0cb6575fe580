//! Views (MCP Apps, `io.modelcontextprotocol/ui`, SEP-1865): two pages in which a host shows
//! results and tables, and what they show beyond what a model gets.
//!
//! The pages are built from `ui/` and committed. They get their data from the host, or, opened by
//! themselves, from the server that writes it into them.

mod kept;
mod order;

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::secret::secret;
pub(crate) use kept::{KeptRows, PageBounds, Selection};
pub(crate) use order::{RowFilter, SortKey};

/// The name of the extension.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// What a page is.
pub(crate) const MIME_TYPE: &str = "text/html;profile=mcp-app";
/// `_meta` key of what a page needs to ask for more.
pub(crate) const META: &str = "io.github.mssql-mcp/view";

const RESULTS: &str = include_str!("../ui/dist/results.html");
const SCHEMA: &str = include_str!("../ui/dist/schema.html");
/// Of the script and the style of each page, for the policy under which they are opened by
/// themselves.
const HASHES: &str = include_str!("../ui/dist/hashes.txt");
/// Where a page has its data.
const DATA: &str = r#"<script type="application/json" id="view-data"></script>"#;

/// How long a result is kept.
const KEEP: Duration = Duration::from_secs(600);
/// Results of one principal; the oldest makes room.
const OF_OWNER: usize = 5;
/// Bytes of all of a mount; the oldest make room.
const BYTES: usize = 64 << 20;
/// Rows and characters that are read for a view, beyond what a model gets.
pub(crate) const ROWS: u64 = 5000;
pub(crate) const CHARS: usize = 8 << 20;

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Results,
    Schema,
}

/// Results that are kept for views. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptResults(Arc<Mutex<Vec<KeptResult>>>);

#[derive(Debug, Clone)]
struct KeptResult {
    handle: String,
    owner: String,
    began: Instant,
    until: DateTime<Utc>,
    query: Arc<str>,
    complete: bool,
    rows: Arc<KeptRows>,
}

// === impl Page ===

impl Page {
    pub(crate) const ALL: [Self; 2] = [Self::Results, Self::Schema];

    fn name(self) -> &'static str {
        match self {
            Self::Results => "results",
            Self::Schema => "schema",
        }
    }

    pub(crate) fn html(self) -> &'static str {
        match self {
            Self::Results => RESULTS,
            Self::Schema => SCHEMA,
        }
    }

    /// With the beginning of its digest: some hosts keep a page by its URI.
    pub(crate) fn uri(self) -> String {
        static VERSIONS: LazyLock<[String; 2]> = LazyLock::new(|| {
            Page::ALL.map(|page| {
                let digest = digest::digest(&digest::SHA256, page.html().as_bytes());
                digest.as_ref()[..4].iter().map(|b| format!("{b:02x}")).collect()
            })
        });
        format!("ui://mssql-mcp/{}.html?v={}", self.name(), VERSIONS[self as usize])
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Results => "Shows rows: sorting, search, chart, copy and CSV",
            Self::Schema => "Shows tables: columns, keys and a graph of foreign keys",
        }
    }

    /// `_meta` of its resource: it needs nothing from anywhere, and the clipboard.
    pub(crate) fn meta() -> Value {
        json!({ "ui": {
            "csp": {},
            "permissions": { "clipboardWrite": {} },
            "prefersBorder": true,
        } })
    }

    /// The page with data in it, and the policy under which it is opened by itself.
    pub(crate) fn with_data(self, data: &Value) -> (String, String) {
        // Nothing in a text ends the element that it stands in.
        let data = data.to_string().replace('<', "\\u003c");
        let filled = DATA.replace("></script>", &format!(">{data}</script>"));
        let line = HASHES.lines().find(|l| l.starts_with(self.name())).unwrap_or_default();
        let hash = |what: &str| {
            let mut words = line.split(' ').skip_while(|w| *w != what);
            words.nth(1).unwrap_or("'none'").to_owned()
        };
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash("script"),
            hash("style")
        );
        (self.html().replacen(DATA, &filled, 1), policy)
    }
}

/// Whether a client shows pages, by what it said of itself.
pub(crate) fn is_shown(capabilities: &Value) -> bool {
    let types = capabilities.get("extensions").and_then(|e| e.get(EXTENSION));
    let types = types.and_then(|e| e.get("mimeTypes")).and_then(Value::as_array);
    types.is_some_and(|all| all.iter().any(|t| t == MIME_TYPE))
}

// === impl KeptResults ===

impl KeptResults {
    fn all(&self) -> MutexGuard<'_, Vec<KeptResult>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|r| r.began.elapsed() < KEEP);
        all
    }

    /// Keeps a result of a query; gives what `_meta` says of it.
    pub(crate) fn keep(
        &self,
        owner: &str,
        query: &str,
        rows: Arc<KeptRows>,
        complete: bool,
        took: Duration,
    ) -> Value {
        let until = Utc::now() + KEEP;
        let one = KeptResult {
            handle: secret("view_"),
            owner: owner.to_owned(),
            began: Instant::now(),
            until,
            query: query.into(),
            complete,
            rows,
        };
        let mut all = self.all();
        let mut room = |is_one: &dyn Fn(&KeptResult) -> bool,
                        over: &dyn Fn(&[KeptResult]) -> bool| {
            while over(&all) {
                match all.iter().position(is_one) {
                    Some(oldest) => drop(all.remove(oldest)),
                    None => break,
                }
            }
        };
        let mine = |r: &KeptResult| r.owner == owner;
        room(&mine, &|all| all.iter().filter(|r| mine(r)).count() >= OF_OWNER);
        let size = one.rows.len();
        room(&|_| true, &|all| all.iter().map(|r| r.rows.len()).sum::<usize>() + size > BYTES);
        let meta = json!({
            "handle": one.handle,
            "rows_kept": one.rows.total_rows(),
            "complete": complete,
            "expires": until.to_rfc3339_opts(SecondsFormat::Secs, true),
            "elapsed_ms": took.as_millis() as u64,
            "sql": query,
        });
        all.push(one);
        meta
    }

    /// The rows of a handle, if it is this owner's.
    pub(crate) fn rows(&self, handle: &str, owner: &str) -> Option<Arc<KeptRows>> {
        let all = self.all();
        let found = all.iter().find(|r| r.handle == handle && r.owner == owner);
        found.map(|r| r.rows.clone())
    }

    /// The page of a handle, if it is this owner's: text and policy.
    pub(crate) fn page(&self, handle: &str, owner: &str) -> Option<(String, String)> {
        let found = {
            let all = self.all();
            all.iter().find(|r| r.handle == handle && r.owner == owner).cloned()?
        };
        let results: Value = serde_json::from_slice(found.rows.json()).ok()?;
        let mut content = json!({ "results": results });
        if !found.complete {
            content["truncated"] = json!({
                "reason": "max_rows",
                "missing": "the rows behind it",
                "advice": format!("Kept until {}.", found.until.format("%H:%M UTC")),
            });
        }
        let data = json!({
            "tool": "execute_sql",
            "arguments": { "query": &*found.query },
            "result": { "content": [], "structuredContent": content },
        });
        Some(Page::Results.with_data(&data))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> Arc<KeptRows> {
        let rows: Vec<Value> = (0..n).map(|i| json!([i, "</script><script>alert(1)"])).collect();
        let json =
            json!([{ "columns": [{ "name": "a", "type": "int" }, { "name": "b" }], "rows": rows }]);
        Arc::new(KeptRows::new(json.to_string().into()).expect("rows"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_its_owners_and_kept_for_a_while() {
        let kept = KeptResults::default();
        let meta = kept.keep("ada", "SELECT 1", rows(3), true, Duration::from_millis(5));
        let handle = meta["handle"].as_str().expect("a handle");
        assert_eq!((&meta["rows_kept"], &meta["sql"]), (&json!(3), &json!("SELECT 1")));
        assert!(kept.rows(handle, "ada").is_some());
        assert!(kept.rows(handle, "bob").is_none() && kept.page(handle, "bob").is_none());
        for _ in 0..OF_OWNER {
            kept.keep("ada", "", rows(1), true, Duration::ZERO);
        }
        assert!(kept.rows(handle, "ada").is_none(), "the oldest made room");
        assert_eq!(kept.len(), OF_OWNER);
        tokio::time::advance(KEEP).await;
        assert_eq!(kept.len(), 0);
    }

    #[test]
    fn data_does_not_end_its_element_and_pages_are_small_and_whole() {
        let kept = KeptResults::default();
        let meta = kept.keep("ada", "</script>", rows(2), false, Duration::ZERO);
        let handle = meta["handle"].as_str().expect("a handle");
        let (html, policy) = kept.page(handle, "ada").expect("a page");
        assert!(html.contains("\\u003c/script>") && !html.contains("</script><script>alert"));
        assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
        for page in Page::ALL {
            assert!(page.html().len() <= 150_000 && page.html().contains(DATA), "{page:?}");
            assert!(
                !page.html().replace("http://www.w3.org/2000/svg", "").contains("http"),
                "{page:?}"
            );
        }
    }

    #[test]
    fn a_client_says_that_it_shows_pages() {
        let with = |types: Value| json!({ "extensions": { EXTENSION: { "mimeTypes": types } } });
        assert!(is_shown(&with(json!(["text/html;profile=mcp-app"]))));
        for not in [
            with(json!(["text/html"])),
            with(json!("text/html;profile=mcp-app")),
            json!({}),
            Value::Null,
        ] {
            assert!(!is_shown(&not), "{not}");
        }
    }
}
