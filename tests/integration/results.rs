//! Results that are kept: whole, behind a handle, for whoever asked, in pages, as sums and as files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mssql_mcp_sandbox::{PASSWORD, USER};
use serde_json::{Value, json};

use crate::support::{Answer, Lab, http, modern, requested, signed_in, stateless, until};

/// A server with a folder of its own for what it keeps.
struct Kept {
    lab: Lab,
    address: SocketAddr,
    folder: PathBuf,
}

async fn kept(name: &str, more: &[(&'static str, &str)]) -> Kept {
    let folder = std::env::temp_dir().join(format!("mssql-mcp-kept-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let path = folder.to_str().expect("path").to_owned();
    let mut all = vec![("results.dir", path.as_str())];
    all.extend_from_slice(more);
    let lab = Lab::new(&all).await;
    let (address, _stop) = lab.serve().await;
    Kept { lab, address, folder }
}

impl Kept {
    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        stateless(self.address, "tools/call", params).await.json()["result"].clone()
    }

    /// What is told of a result whose caller asked for a handle.
    async fn handle(&self, query: &str) -> Value {
        let arguments = json!({ "query": query, "output": "handle" });
        let a = self.call("execute_sql", arguments).await;
        assert!(a["structuredContent"]["kept"]["handle"].is_string(), "{a}");
        a["structuredContent"].clone()
    }
}

fn error(a: &Value) -> Value {
    let text = a["content"][0]["text"].as_str().unwrap_or_default();
    serde_json::from_str::<Value>(text).unwrap_or_default()["error"].clone()
}

const ORDERS: &str = "SELECT OrderId, Status, Quantity, LimitPrice, PlacedAt FROM sales.Orders ORDER \
                      BY OrderId";

#[tokio::test(flavor = "multi_thread")]
async fn rows_beyond_an_answer_are_kept_and_come_page_by_page() {
    let k = kept("pages", &[("limits.max_rows", "1000")]).await;
    let a = k.call("execute_sql", json!({ "query": ORDERS })).await;
    let s = &a["structuredContent"];
    assert_eq!(s["truncated"]["reason"], "max_rows");
    assert_eq!((&s["kept"]["rows"], &s["kept"]["complete"]), (&json!(20_000), &json!(true)), "{s}");
    let handle = s["kept"]["handle"].as_str().expect("handle").to_owned();
    let (mut from, mut rows) = (Value::from(0), Vec::new());
    while !from.is_null() {
        let page = k.call("get_result", json!({ "handle": handle, "from": from })).await;
        let page = &page["structuredContent"];
        assert_eq!(page["source"]["label"], "default", "{page}");
        rows.extend(page["rows"].as_array().expect("rows").iter().cloned());
        from = page["next"].clone();
    }
    assert_eq!(rows.len(), 20_000);
    // What the model had is the beginning of it, and each row is where it was.
    let first = s["results"][0]["rows"].as_array().expect("rows");
    assert_eq!(first.as_slice(), &rows[..1000]);
    assert!(rows.iter().enumerate().all(|(n, row)| row[0] == json!(n + 1)));
    // What fits is not kept.
    let a =
        k.call("execute_sql", json!({ "query": "SELECT TOP 5 OrderId FROM sales.Orders" })).await;
    assert!(a["structuredContent"].get("kept").is_none(), "{a}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_has_the_shape_the_first_rows_and_what_is_in_the_columns() {
    let k = kept("handle", &[]).await;
    let s = k.handle(ORDERS).await;
    assert_eq!(s["results"][0]["row_count"], 20);
    assert_eq!(s["results"][0]["rows"][0][0], 1);
    let set = &s["kept"]["sets"][0];
    assert_eq!(set["rows"], 20_000);
    let column = |name: &str| {
        let all = set["columns"].as_array().expect("columns");
        all.iter().find(|c| c["name"] == name).expect("a column").clone()
    };
    let id = column("OrderId");
    assert_eq!((&id["min"], &id["max"]), (&json!("1"), &json!("20000")), "{id}");
    let status = column("Status");
    assert!(
        status["distinct"].as_u64().is_some_and(|n| n < 10) && status["top"].is_object(),
        "{status}"
    );
    // The figures are those of the database.
    let a = k
        .call(
            "execute_sql",
            json!({ "query":
        "SELECT Status, COUNT(*) AS n FROM sales.Orders GROUP BY Status ORDER BY n DESC" }),
        )
        .await;
    let top = &a["structuredContent"]["results"][0]["rows"][0];
    assert_eq!(status["top"][top[0].as_str().expect("text")], top[1]);
    let a = k
        .call(
            "execute_sql",
            json!({ "query":
        "SELECT COUNT(*) FROM sales.Orders WHERE LimitPrice IS NULL" }),
        )
        .await;
    assert_eq!(column("LimitPrice")["nulls"], a["structuredContent"]["results"][0]["rows"][0][0]);
    // Several result sets, and one that fits: whoever asks for a handle has one.
    let s = k.handle("SELECT 1 AS a; SELECT N'x' AS b, CAST(1.50 AS decimal(5,2)) AS c").await;
    assert_eq!(s["kept"]["sets"].as_array().map(Vec::len), Some(2), "{s}");
    assert_eq!(s["results"][1]["rows"], json!([["x", 1.50]]));
    let handle = s["kept"]["handle"].clone();
    let page = k.call("get_result", json!({ "handle": handle, "result": 1 })).await;
    let text = page["content"][0]["text"].as_str().expect("text");
    assert!(text.contains("[[\"x\",1.50]]"), "no digit is lost: {text}");
    let a = k.call("get_result", json!({ "handle": handle, "result": 2 })).await;
    assert_eq!(error(&a)["code"], "invalid_arguments");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_filtered_summed_and_grouped_without_the_database() {
    let k = kept("sums", &[]).await;
    let handle = k.handle(ORDERS).await["kept"]["handle"].clone();
    let requests = k.lab.sandbox.requests();
    let ask = async |more: Value| {
        let mut arguments = json!({ "handle": handle });
        arguments
            .as_object_mut()
            .expect("object")
            .extend(more.as_object().cloned().expect("object"));
        k.call("get_result", arguments).await
    };
    let a = ask(json!({ "filter": [{ "column": "Status", "op": "=", "value": "open" }, { "column": "OrderId", "op": "<=", "value": 500 }],
        "columns": ["Status", "OrderId"] })).await;
    let filtered = a["structuredContent"]["rows"].as_array().expect("rows").len();
    assert!(filtered > 0 && a["structuredContent"]["columns"][0]["name"] == "Status", "{a}");
    let a = ask(
        json!({ "measures": ["count", "sum:Quantity", "max:LimitPrice"], "group_by": ["Status"] }),
    )
    .await;
    let groups = a["structuredContent"]["rows"].as_array().expect("rows").clone();
    assert_eq!(k.lab.sandbox.requests(), requests, "nobody was asked");
    let database = k
        .call(
            "execute_sql",
            json!({ "query":
        "SELECT Status, COUNT(*), SUM(Quantity) FROM sales.Orders GROUP BY Status" }),
        )
        .await;
    for row in database["structuredContent"]["results"][0]["rows"].as_array().expect("rows") {
        let ours = groups.iter().find(|g| g[0] == row[0]).expect("a group");
        let number = |v: &Value| v.as_str().map_or(v.to_string(), str::to_owned);
        let scaled = |v: &Value| number(v).parse::<f64>().expect("a number");
        assert_eq!(number(&ours[1]), number(&row[1]));
        assert!((scaled(&ours[2]) - scaled(&row[2])).abs() < 1e-9, "{ours} {row}");
    }
    for (bad, says) in [
        (json!({ "columns": ["Nope"] }), "There is no column"),
        (json!({ "filter": [{ "column": "OrderId", "op": "near", "value": 1 }] }), "no operator"),
        (
            json!({ "filter": [{ "column": "OrderId", "op": "=", "value": "many" }] }),
            "no value of that column",
        ),
        (json!({ "measures": ["median:OrderId"] }), "cannot be measured"),
        (json!({ "measures": ["sum:Status"] }), "no numbers"),
        (json!({ "format": "json", "output": "link" }), "no file"),
        (json!({ "group_by": ["Status"] }), "needs measures"),
        (json!({ "measures": ["count"], "limit": 1, "format": "csv" }), "no format, limit"),
        (json!({ "cancel": true }), "for a run_ handle"),
        (json!({ "format": "csv", "output": "file" }), "must be"),
    ] {
        let a = ask(bad.clone()).await;
        assert!(error(&a)["message"].as_str().is_some_and(|m| m.contains(says)), "{bad}: {a}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_what_the_database_gave_byte_for_byte() {
    let folder = std::env::temp_dir().join(format!("mssql-mcp-exports-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let exports = folder.to_str().expect("path").to_owned();
    let more = [
        ("results.export_dir", exports.as_str()),
        ("limits.max_chars", "20000000"),
        ("limits.max_rows", "1000000"),
    ];
    let k = kept("files", &more).await;
    for query in [ORDERS, "SELECT * FROM dbo.AllTypes"] {
        let direct = k.call("execute_sql", json!({ "query": query, "format": "csv" })).await;
        let direct =
            direct["structuredContent"]["results"][0]["csv"].as_str().expect("csv").to_owned();
        let handle = k.handle(query).await["kept"]["handle"].as_str().expect("handle").to_owned();
        let a = k
            .call("get_result", json!({ "handle": handle, "format": "csv", "output": "file" }))
            .await;
        let file =
            a["structuredContent"]["file"].as_str().unwrap_or_else(|| panic!("{a}")).to_owned();
        let written = std::fs::read_to_string(&file).expect("the file").replace("\r\n", "\n");
        assert_eq!(rows_of(&written), rows_of(&direct), "{query}");
        // The same in the answer, and as a person's download.
        let a = k.call("get_result", json!({ "handle": handle, "format": "csv" })).await;
        let resource = &a["content"][1]["resource"];
        assert_eq!(
            resource["text"].as_str().map(|t| t.replace("\r\n", "\n")),
            Some(written.clone()),
            "{query}"
        );
        let got = http(k.address, "GET", &format!("/results/{handle}.csv"), &[], b"").await;
        assert_eq!(got.status, 200, "{got:?}");
        assert_eq!(got.body.replace("\r\n", "\n"), written);
        let length: usize =
            got.header("content-length").expect("a length").parse().expect("a number");
        assert_eq!(length, got.body.len());
        assert!(got.header("content-disposition").is_some_and(|d| d.contains(&handle)));
        let lines = http(k.address, "GET", &format!("/results/{handle}.jsonl"), &[], b"").await;
        let first: Value =
            serde_json::from_str(lines.body.lines().next().expect("a line")).expect("JSON");
        assert!(first.is_object(), "{first}");
        // A link leads there, and what it names can be read.
        let a = k
            .call("get_result", json!({ "handle": handle, "format": "csv", "output": "link" }))
            .await;
        let uri = a["content"][1]["uri"].as_str().expect("a uri");
        assert!(uri.ends_with(&format!("/results/{handle}.csv")), "{a}");
        let uri = format!("mssql://results/{handle}.csv");
        let read = stateless(k.address, "resources/read", json!({ "uri": uri })).await.json();
        let text =
            read["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{read}"));
        assert_eq!(text.replace("\r\n", "\n"), written);
    }
    for (path, status) in
        [("/results/res_nothing.csv", 404), ("/results/other.csv", 404), ("/results/", 404)]
    {
        assert_eq!(http(k.address, "GET", path, &[], b"").await.status, status, "{path}");
    }
    std::fs::remove_dir_all(folder).expect("clean");
}

/// Records of CSV, by a reader that is not ours for neither of the two.
fn rows_of(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' => {
                quoted = !quoted;
                // An empty text is not NULL.
                field.push('\u{1}');
            }
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    let whole = |f: String| if f == "\u{1}\u{1}" { f } else { f.replace('\u{1}', "") };
    rows.into_iter().map(|r: Vec<String>| r.into_iter().map(whole).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_its_owners() {
    let k = kept("owners", &[("auth.mode", "builtin"), ("auth.store", "memory")]).await;
    let grants = k.lab.app.authority.as_ref().expect("sign-in").grants();
    let token = async |who: &str| {
        let scopes = vec!["mssql:read".to_owned()];
        grants.api_token(who, scopes, "", None).await.expect("token")
    };
    let (ada, bob) = (token("ada").await, token("bob").await);
    let call = async |token: &str, tool: &str, arguments: Value| {
        let params = modern(json!({ "name": tool, "arguments": arguments }));
        requested(k.address, Some(token), "tools/call", params).await.json()["result"].clone()
    };
    let a = call(&ada, "execute_sql", json!({ "query": ORDERS, "output": "handle" })).await;
    let handle = a["structuredContent"]["kept"]["handle"]
        .as_str()
        .unwrap_or_else(|| panic!("{a}"))
        .to_owned();
    let mine = call(&ada, "get_result", json!({ "handle": handle })).await;
    assert_eq!(mine["isError"], false, "{mine}");
    // Somebody else's, one that is not there and one that was made up are the same. Its first
    // letter is changed: the last has two bits, and may be what it is changed to.
    let other = if handle.starts_with("res_A") { "B" } else { "A" };
    let forged = format!("res_{other}{}", &handle["res_A".len()..]);
    let mut told = Vec::new();
    for (who, handle) in [
        (&bob, handle.as_str()),
        (&ada, "res_AAAAAAAAAAAAAAAAAAAAAA"),
        (&ada, &forged),
        (&ada, "../../etc/passwd"),
    ] {
        let a = call(who, "get_result", json!({ "handle": handle })).await;
        assert_eq!(error(&a)["code"], "handle_expired", "{handle}: {a}");
        told.push(error(&a));
    }
    assert!(told.windows(2).all(|t| t[0] == t[1]));
    let path = format!("/results/{handle}.csv");
    let get = async |token: Option<&str>| -> Answer {
        let bearer = token.map(|t| format!("Bearer {t}"));
        let headers: Vec<_> = bearer.iter().map(|b| ("Authorization", b.as_str())).collect();
        http(k.address, "GET", &path, &headers, b"").await
    };
    assert_eq!(get(Some(&ada)).await.status, 200);
    assert_eq!(get(Some(&bob)).await.status, 404);
    assert_eq!(get(Some("nonsense")).await.status, 401);
    let stranger = get(None).await;
    // Whoever is nobody is asked to sign in.
    assert!(stranger.body.contains("<form") && !stranger.body.contains("OrderId"), "{stranger:?}");
    // What is on the disk says nothing.
    for file in std::fs::read_dir(&k.folder).expect("folder") {
        let bytes = std::fs::read(file.expect("file").path()).unwrap_or_default();
        assert!(!bytes.windows(6).any(|w| w == b"Filled"), "rows are encrypted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_gone_when_its_time_is_over() {
    let k = kept("time", &[("results.keep", "1s")]).await;
    let handle = k.handle(ORDERS).await["kept"]["handle"].clone();
    until("it expires", async || {
        error(&k.call("get_result", json!({ "handle": handle })).await)["code"] == "handle_expired"
    })
    .await;
    let path = format!("/results/{}.csv", handle.as_str().expect("a handle"));
    assert_eq!(http(k.address, "GET", &path, &[], b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_says_so_and_nothing_that_came_is_lost() {
    // By its rows, its bytes, its time; and by a folder that nobody may write to.
    let k = kept("rows", &[("results.max_rows", "150000"), ("results.auto_rows", "5000")]).await;
    let a = k.call("execute_sql", json!({ "query": ORDERS })).await;
    let csv = k.call("execute_sql", json!({ "query": ORDERS, "format": "csv" })).await;
    for text in [&a["structuredContent"]["truncated"]["advice"], &csv["content"][0]["text"]] {
        let text = text.as_str().expect("text");
        let is = text.contains("5000 rows are kept, and the rest was not read (max_rows)");
        assert!(is && !text.to_lowercase().contains("all 5000"), "{text}");
    }
    let told = &a["structuredContent"]["kept"];
    assert_eq!(
        (&told["rows"], &told["complete"], &told["reason"]),
        (&json!(5000), &json!(false), &json!("max_rows")),
        "{told}"
    );
    assert_eq!(k.handle(ORDERS).await["kept"]["rows"], 20_000, "who asks has more");
    let k = kept("bytes", &[("results.max_bytes", "100000")]).await;
    let told = k.handle(ORDERS).await["kept"].clone();
    assert_eq!(
        (&told["complete"], &told["reason"]),
        (&json!(false), &json!("max_bytes")),
        "{told}"
    );
    let kept_rows = told["rows"].as_u64().expect("rows");
    let last = json!({ "handle": told["handle"], "from": kept_rows - 1 });
    assert_eq!(k.call("get_result", last).await["structuredContent"]["rows"][0][0], kept_rows);
    let k = kept("time", &[("limits.query_timeout", "2s")]).await;
    k.lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(1)));
    let told = k.handle(ORDERS).await["kept"].clone();
    assert_eq!((&told["complete"], &told["reason"]), (&json!(false), &json!("stopped")), "{told}");
    assert!(told["rows"].as_u64().is_some_and(|n| n > 100 && n < 20_000), "{told}");
    let file = std::env::temp_dir().join(format!("mssql-mcp-no-folder-{}", std::process::id()));
    std::fs::write(&file, "").expect("file");
    let lab = Lab::new(&[("results.dir", file.to_str().expect("path"))]).await;
    let (address, _stop) = lab.serve().await;
    let params =
        json!({ "name": "execute_sql", "arguments": { "query": ORDERS, "output": "handle" } });
    let a = stateless(address, "tools/call", params).await.json()["result"].clone();
    assert_eq!(a["structuredContent"]["results"][0]["row_count"], 1000, "{a}");
    assert!(
        a["structuredContent"]["messages"][0]
            .as_str()
            .is_some_and(|m| m.contains("could not be kept")),
        "{a}"
    );
    std::fs::remove_file(file).expect("clean");
}

/// A file of settings with two databases on one server, of which ada is shown one.
pub(crate) fn two_databases(name: &str, shown: &str) -> PathBuf {
    let file = format!("mssql-mcp-two-{name}-{}.toml", std::process::id());
    let file = std::env::temp_dir().join(file);
    let server = format!(
        "[[server]]\nname = \"east\"\nhost = \"127.0.0.1\"\nport = SANDBOX_PORT\nuser = \
         \"{USER}\"\npassword = \"{PASSWORD}\"\nca_file = \"SANDBOX_CA\"\n"
    );
    let database = |n: &str| {
        format!("[[database]]\nname = \"{n}\"\nserver = \"east\"\ndatabase = \"trading\"\n")
    };
    let grant = format!("[[grant]]\nprincipals = [\"token:ada\"]\ndatabases = [\"{shown}\"]\n");
    let text = [server, database("one"), database("two"), grant].concat();
    std::fs::write(&file, text).expect("file");
    file
}

/// What ada's call comes to.
pub(crate) async fn as_ada(lab: &Lab, at: SocketAddr, tool: &str, arguments: Value) -> Value {
    let params = modern(json!({ "name": tool, "arguments": arguments }));
    ada_asks(lab, at, "tools/call", params).await["result"].clone()
}

/// Likewise, by any method.
pub(crate) async fn ada_asks(lab: &Lab, at: SocketAddr, method: &str, params: Value) -> Value {
    signed_in(lab, at, ("ada", &["mssql:read"]), method, params).await.json()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_a_restart_is_refused_to_whoever_is_shown_its_database_no_longer() {
    let folder = |n: &str| {
        let name = format!("mssql-mcp-kept-persist-{n}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        folder
    };
    let start = async |n: &str, shown: &str, folder: &std::path::Path| {
        let settings = [
            ("auth.mode", "builtin"),
            ("auth.store", "memory"),
            ("results.persist", "yes"),
            ("results.dir", folder.to_str().expect("path")),
        ];
        let lab = Lab::with_file(&two_databases(n, shown), &settings).await;
        let (address, stop) = lab.serve().await;
        (lab, address, stop)
    };
    let first = folder("first");
    let (lab, address, _stop) = start("before", "one", &first).await;
    let ask = json!({ "query": ORDERS, "output": "handle", "database": "one" });
    let a = as_ada(&lab, address, "execute_sql", ask).await;
    let told = &a["structuredContent"];
    let handle = told["kept"]["handle"].as_str().unwrap_or_else(|| panic!("{a}"));
    // Without the lock of a process that lives, it is what a process left that has ended.
    for (n, shown) in [("again", "one"), ("revoked", "two")] {
        use std::os::unix::fs::DirBuilderExt as _;
        let left = folder(n);
        std::fs::DirBuilder::new().mode(0o700).create(&left).expect("folder");
        for file in std::fs::read_dir(&first).expect("folder") {
            let file = file.expect("file");
            if file.path().extension().is_none_or(|e| e != "lock") {
                std::fs::copy(file.path(), left.join(file.file_name())).expect("copied");
            }
        }
        let (lab, address, _stop) = start(n, shown, &left).await;
        let page = as_ada(&lab, address, "get_result", json!({ "handle": handle })).await;
        match shown {
            "one" => assert_eq!(page["structuredContent"]["source"], told["source"], "{page}"),
            _ => assert_eq!(error(&page)["code"], "handle_expired", "{page}"),
        }
        std::fs::remove_dir_all(&left).expect("clean");
    }
    std::fs::remove_dir_all(&first).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_groups_end_at_the_limits_and_say_where_to_go_on() {
    const SOME: &str = "SELECT TOP 400 OrderId, Status FROM sales.Orders ORDER BY OrderId";
    for (name, bound) in
        [("by-rows", ("limits.max_rows", "50")), ("by-chars", ("limits.max_chars", "2000"))]
    {
        let k = kept(name, &[bound]).await;
        let handle = k.handle(SOME).await["kept"]["handle"].clone();
        for sums in [false, true] {
            let (mut from, mut all) = (json!(0), Vec::new());
            while !from.is_null() {
                let mut asked = json!({ "handle": handle, "from": from });
                if sums {
                    asked["measures"] = json!(["count"]);
                    asked["group_by"] = json!(["OrderId"]);
                }
                let a = k.call("get_result", asked).await;
                let page = &a["structuredContent"];
                let rows = page["rows"].as_array().unwrap_or_else(|| panic!("{a}"));
                assert!(rows.len() <= 200 && page["rows"].to_string().len() <= 2000, "{a}");
                all.extend(rows.iter().cloned());
                from = page["next"].clone();
                if sums {
                    let left = 400 - all.len();
                    assert_eq!(page["left_out"].as_u64().unwrap_or(0), left as u64, "{a}");
                    assert_eq!(page["complete"], left == 0, "{a}");
                }
            }
            assert_eq!(all.len(), 400);
            let number = |v: &Value| v.as_str().map_or(v.to_string(), str::to_owned);
            assert!(all.iter().zip(1..).all(|(row, n)| number(&row[0]) == n.to_string()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_while_the_server_runs_is_made_again_or_told_of() {
    let k = kept("gone", &[]).await;
    k.handle(ORDERS).await;
    std::fs::remove_dir_all(&k.folder).expect("removed");
    let s = k.handle(ORDERS).await;
    assert_eq!((&s["results"][0]["row_count"], &s["kept"]["rows"]), (&json!(20), &json!(20_000)));
    std::fs::remove_dir_all(&k.folder).expect("removed");
    std::fs::write(&k.folder, "").expect("a file in its place");
    let a = k.call("execute_sql", json!({ "query": ORDERS, "output": "handle" })).await;
    let s = &a["structuredContent"];
    assert_eq!(s["results"][0]["row_count"], 1000, "{a}");
    let message = s["messages"][0].as_str().unwrap_or_else(|| panic!("{a}"));
    assert!(message.contains("could not be kept: ") && message.contains("os error"), "{message}");
    std::fs::remove_file(&k.folder).expect("removed");
    assert_eq!(k.handle(ORDERS).await["kept"]["complete"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_on_the_server_overwrite_none_and_their_failures_are_no_loss_of_the_result() {
    let folder = std::env::temp_dir().join(format!("mssql-mcp-no-exports-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    let exports = folder.to_str().expect("path").to_owned();
    let k = kept("overwrites", &[("results.export_dir", exports.as_str())]).await;
    let handle = k.handle("SELECT 1 AS a; SELECT 2 AS b").await["kept"]["handle"].clone();
    let name = handle.as_str().expect("handle").to_owned();
    let export = async |n: usize| {
        let asked = json!({ "handle": handle, "result": n, "format": "csv", "output": "file" });
        k.call("get_result", asked).await
    };
    for (n, path, text) in
        [(0, format!("{name}.csv"), "a\r\n1"), (1, format!("{name}-2.csv"), "b\r\n2")]
    {
        let a = export(n).await;
        let path = folder.join(path);
        assert_eq!(a["structuredContent"]["file"], json!(path), "{a}");
        assert_eq!(std::fs::read_to_string(path).expect("the file").trim_end(), text);
    }
    let first = std::fs::read_to_string(folder.join(format!("{name}.csv"))).expect("the file");
    assert_eq!(first.trim_end(), "a\r\n1");
    assert_eq!(
        std::fs::read_dir(&folder).expect("folder").count(),
        2,
        "nothing is left beside them"
    );
    std::fs::remove_dir_all(&folder).expect("removed");
    let told = error(&export(0).await);
    assert_eq!(told["code"], "internal", "{told}");
    assert!(told["message"].as_str().is_some_and(|m| m.contains("could not be written")), "{told}");
    assert_eq!(k.call("get_result", json!({ "handle": handle })).await["isError"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_kept_the_query_stops_at_the_limit() {
    let k = kept("off", &[("results.spool", "off")]).await;
    let a = k.call("execute_sql", json!({ "query": ORDERS })).await;
    assert!(
        a["structuredContent"]["truncated"].is_object()
            && a["structuredContent"].get("kept").is_none()
    );
    let a = k.call("execute_sql", json!({ "query": ORDERS, "output": "handle" })).await;
    assert_eq!(error(&a)["code"], "invalid_arguments");
    let tools = stateless(k.address, "tools/list", json!({})).await.json();
    let tools = tools["result"]["tools"].as_array().expect("tools").clone();
    assert!(!tools.iter().any(|t| t["name"] == "get_result"));
    assert!(!k.folder.exists());
    let k = kept("asked", &[("results.spool", "asked")]).await;
    let a = k.call("execute_sql", json!({ "query": ORDERS })).await;
    assert!(a["structuredContent"].get("kept").is_none(), "{a}");
    assert!(k.handle(ORDERS).await["kept"]["complete"] == true);
}
