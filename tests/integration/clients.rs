//! Clients that none of us wrote: MCP SDKs of both eras, the conformance suite, and drivers
//! for the sandbox's TDS.
//!
//! `make test` installs them (`tests/clients/install.sh`).

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mssql_mcp_sandbox::{DATABASE, PASSWORD, Sandbox, USER};
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, serve_client_with_lifecycle};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Lab, binary};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn installed(path: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let p = target.join("clients").join(path);
    assert!(
        p.exists(),
        "{} is missing: run tests/clients/install.sh (make test does)",
        p.display()
    );
    p
}

/// Runs a client to its end; its output is the failure's message.
pub async fn run(program: PathBuf, script: &str, args: &[&str]) -> String {
    run_with(program, script, args, &[]).await
}

/// Likewise, with more in its environment.
pub async fn run_with(
    program: PathBuf,
    script: &str,
    args: &[&str],
    env: &[(String, String)],
) -> String {
    let mut c = Command::new(program);
    c.envs(env.iter().cloned());
    c.arg(root().join("tests/clients").join(script))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let out = tokio::time::timeout(Duration::from_secs(300), c.output())
        .await
        .expect("in time")
        .expect("run");
    let text =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{script} {args:?}:\n{text}");
    text
}

async fn over_both(program: &str, script: &str, lines: usize) {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let program = installed(program);
    let binary = binary();
    let binary = binary.to_str().expect("path");
    let url = format!("http://{address}/mcp");
    for args in [
        vec!["http", url.as_str()],
        vec!["stdio", binary, "demo", "--stdio", "--log-level", "error"],
    ] {
        let text = run(program.clone(), script, &args).await;
        assert_eq!(text.matches(": ok").count(), lines, "{script} {args:?}:\n{text}");
    }
}

pub const NODE: &str = "node_modules/node/bin/node";

#[tokio::test(flavor = "multi_thread")]
async fn npm_sdk_1_20() {
    over_both(NODE, "sdk-1-20.mjs", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_sdk_1_32() {
    over_both(NODE, "sdk-1-32.mjs", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_client_2_in_both_eras() {
    over_both(NODE, "client-2.mjs", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pypi_mcp_1_12() {
    over_both("py-mcp-1.12/bin/python", "mcp1.py", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pypi_mcp_1_30() {
    over_both("py-mcp-1.30/bin/python", "mcp1.py", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pypi_mcp_2_in_both_eras() {
    over_both("py-mcp-2.3/bin/python", "mcp2.py", 3).await;
}

/// People who are asked through their clients before data is changed, over both
/// eras and both transports.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_ask_their_person() {
    let binary = binary();
    let binary = binary.to_str().expect("path");
    for (program, script, which) in [
        (NODE, "confirm.mjs", Some("sdk")),
        (NODE, "confirm.mjs", Some("legacy")),
        (NODE, "confirm.mjs", Some("modern")),
        ("py-mcp-1.30/bin/python", "confirm.py", None),
    ] {
        // A sandbox of its own each, because each changes the data.
        let lab = Lab::new(&[("access.level", "read-write")]).await;
        let (address, _stop) = lab.serve().await;
        let url = format!("http://{address}/mcp");
        let stdio = [
            "stdio",
            binary,
            "demo",
            "--stdio",
            "--log-level",
            "error",
            "--access-level",
            "read-write",
        ];
        for place in [&["http", url.as_str()][..], &stdio] {
            let args: Vec<&str> = which.into_iter().chain(place.iter().copied()).collect();
            let text = run(installed(program), script, &args).await;
            assert!(text.contains(": ok"), "{text}");
        }
    }
}

/// Clients that register themselves, sign in through the pages, refresh and revoke.
#[tokio::test(flavor = "multi_thread")]
async fn bridges_and_inspectors_sign_in() {
    use crate::oauth::{PASSWORD as SECRET, documents, lab, lab_with};
    let (_lab, address) = lab(&[], &["mssql:read"]).await;
    let url = format!("http://{address}/mcp");
    let text = run(installed(NODE), "remote.mjs", &[&url, "ada", SECRET]).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
    let text = run(installed(NODE), "inspector.mjs", &[&url, "ada", SECRET]).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
    // The same by a metadata document instead of a registration.
    const ID: &str = "https://client.example/inspector.json";
    let document = json!({ "client_id": ID, "client_name": "Inspector", "redirect_uris": ["http://127.0.0.1:6276/oauth/callback"] });
    let (_lab, address) = lab_with(&[], &["mssql:read"], Some(documents(document).await)).await;
    let url = format!("http://{address}/mcp");
    let text = run(installed(NODE), "inspector.mjs", &[&url, "ada", SECRET, ID]).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
}

/// A bridge over HTTP+SSE works through the end of one token after another: it refreshes when a
/// post is refused, and its session is still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_over_sse_keeps_its_session() {
    use crate::oauth::{PASSWORD as SECRET, lab};
    let (_lab, address) = lab(&[("auth.access_token_ttl", "4s")], &["mssql:read"]).await;
    let url = format!("http://{address}/sse");
    let env = [("BUSY".to_owned(), "9000".to_owned())];
    let args = [&url, "ada", SECRET, "--transport", "sse-only"];
    let text = run_with(installed(NODE), "remote.mjs", &args, &env).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
}

/// The conformance suite's authorization-server scenarios, with a person at the pages.
#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_scenarios_of_the_conformance_suite() {
    use crate::oauth::{PASSWORD as SECRET, lab, register};
    let (_lab, address) = lab(&[], &["mssql:read"]).await;
    let port = crate::support::free().port();
    let client = register(address, "http://127.0.0.1:3000/callback").await;
    let text = run(
        installed(NODE),
        "conformance-authorization.mjs",
        &[&format!("http://{address}"), &client, &port.to_string(), "ada", SECRET],
    )
    .await;
    assert!(text.contains("all scenarios: ok"), "{text}");
}

/// `demo --oauth` on a port of its own: the process, its origin, and the printed password.
async fn demo_with_sign_in() -> (tokio::process::Child, String, String) {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let mut c = crate::support::command(&[
        "demo",
        "--oauth",
        "--listen",
        "127.0.0.1:0",
        "--access-level",
        "read-write",
        "--access-confirm-writes",
        "never",
        "--auth-redirect-schemes",
        "cursor",
    ]);
    let mut demo = c.spawn().expect("spawn");
    let mut lines = BufReader::new(demo.stdout.take().expect("stdout")).lines();
    loop {
        let line = lines.next_line().await.expect("read").expect("a line");
        if line.contains("MCP endpoint") {
            let url = line.split_whitespace().find(|w| w.starts_with("http://")).expect("a URL");
            let password = line
                .split("password ")
                .nth(1)
                .and_then(|r| r.split(';').next())
                .expect("a password");
            return (demo, url.trim_end_matches("/mcp").to_owned(), password.to_owned());
        }
    }
}

/// What `demo --oauth` prints can be pasted: the line for curl, the inspector's, the address, and a
/// password that can be typed.
#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_the_demo_with_sign_in_work() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let mut c = crate::support::command(&["demo", "--oauth", "--listen", "127.0.0.1:0"]);
    let mut demo = c.spawn().expect("spawn");
    let mut lines = BufReader::new(demo.stdout.take().expect("stdout")).lines();
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        text += &format!("{}\n", lines.next_line().await.expect("read").expect("a line"));
    }
    let below = |heading: &str| {
        let after = text.split(heading).nth(1).unwrap_or_else(|| panic!("{heading}: {text}"));
        after
            .split_once(":\n")
            .expect("lines")
            .1
            .split("\n\n")
            .next()
            .expect("a block")
            .trim()
            .to_owned()
    };
    let shell = async |line: &str| {
        let out =
            Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().await.expect("sh");
        (
            out.status.success(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            ),
        )
    };
    let (ok, said) = shell(&below("Try it with curl")).await;
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    let rows = answer["result"]["structuredContent"]["results"][0]["rows"].as_array().map(Vec::len);
    assert!(ok && rows == Some(3), "{said}");
    // The same program, without asking the registry for it.
    let inspector = installed("node_modules/.bin/mcp-inspector");
    let here = format!("{} {}", installed(NODE).display(), inspector.display());
    let line = below("MCP Inspector");
    let (ok, said) = shell(&line.replace("npx @modelcontextprotocol/inspector", &here)).await;
    assert!(line.starts_with("npx ") && ok && said.contains("execute_sql"), "{line}: {said}");
    // The page that it says to open, and the password as one would type it.
    let line = text.lines().find(|l| l.contains("Sign-in page")).expect("the page");
    let words: Vec<&str> = line.split_whitespace().collect();
    let (url, password) = (words[2], words.last().copied().expect("a password"));
    let typed = password
        .split('-')
        .all(|p| p.len() == 4 && p.chars().all(|c| "abcdefghijkmnpqrstuvwxyz23456789".contains(c)));
    assert!(typed && password.len() == 19, "{line}");
    let address: std::net::SocketAddr =
        url.split('/').nth(2).and_then(|a| a.parse().ok()).expect("an address");
    let mut b = crate::oauth::Browser::default();
    let page = b.go(address, "GET", "/apps", "").await;
    assert!(url.ends_with("/apps") && page.body.contains("type=\"password\""), "{page:?}");
    let login = [
        ("do", "login"),
        ("request", ""),
        ("username", words[4].trim_end_matches(',')),
        ("password", password),
    ];
    assert_eq!(b.submit(address, "/apps", &login).await.status, 303);
    assert!(
        b.go(address, "GET", "/apps", "").await.body.contains("Signed in as <strong>demo</strong>")
    );
    demo.kill().await.expect("the demo ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_in_a_real_browser() {
    let (mut demo, origin, password) = demo_with_sign_in().await;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let shots = target.join("screenshots");
    let args = [origin.as_str(), &password, shots.to_str().expect("path"), "/usr/bin/chromium"];
    let text = run(installed(NODE), "pages.mjs", &args).await;
    assert!(text.contains("pages: ok"), "{text}");
    demo.kill().await.expect("the demo ends");
}

/// The flow that a newcomer sees: the demo with sign-in, its printed password, and an SDK that
/// knows nothing but the URL.
#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_signs_in_through_the_pages_of_the_demo() {
    let (mut demo, origin, password) = demo_with_sign_in().await;
    let url = format!("{origin}/mcp");
    let text = run(installed("py-mcp-2.3/bin/python"), "oauth.py", &[&url, &password]).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
    demo.kill().await.expect("the demo ends");
}

/// A real OpenID provider signs the callers in: its tokens are good, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn an_external_issuer_signs_in() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let port = crate::support::free().port();
    let issuer = format!("http://127.0.0.1:{port}");
    let url = "http://127.0.0.1:8008";
    let start = async || {
        let mut c = Command::new(installed(NODE));
        c.arg(root().join("tests/clients/issuer.mjs"))
            .args([&port.to_string(), &format!("{url}/mcp")]);
        let mut child = c
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("spawn");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let line = loop {
            let line = lines.next_line().await.expect("read").expect("a line");
            if line.starts_with('{') {
                break line;
            }
        };
        (child, serde_json::from_str::<Value>(&line).expect("JSON"))
    };
    let (mut provider, tokens) = start().await;
    let lab = Lab::new(&[
        ("auth.mode", "external"),
        ("auth.store", "memory"),
        ("auth.issuer", &issuer),
        ("auth.scope_map", "Sql.Read=mssql:read,Sql.Write=mssql:write"),
        ("http.public_url", url),
        ("access.level", "read-write"),
        ("access.confirm_writes", "never"),
    ])
    .await;
    let (address, _stop) = lab.serve().await;
    let call = async |token: &str, query: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": crate::support::modern(json!({ "name": "execute_sql", "arguments": { "query": query } })) });
        let bearer = format!("Bearer {token}");
        let headers = [
            crate::support::JSON,
            crate::support::BOTH,
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "execute_sql"),
            ("Authorization", &bearer),
        ];
        crate::support::http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await
    };
    let text = |v: &Value| v.as_str().expect("a token").to_owned();
    let update = "UPDATE dbo.Employees SET Name = Name";
    for good in ["read", "write", "person", "skewed"] {
        assert_eq!(call(&text(&tokens[good]), "SELECT 1 AS a").await.status, 200, "{good}");
    }
    let a = call(&text(&tokens["read"]), update).await;
    assert_eq!(a.status, 403);
    let challenge = a.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.contains("scope=\"Sql.Read Sql.Write\""),
        "as the issuer names them: {challenge}"
    );
    assert_eq!(call(&text(&tokens["write"]), update).await.status, 200);
    for (what, token) in tokens["bad"].as_object().expect("tokens") {
        assert_eq!(call(&text(token), "SELECT 1 AS a").await.status, 401, "{what}");
    }
    let path = "/.well-known/oauth-protected-resource/mcp";
    let metadata = crate::support::http(address, "GET", path, &[], b"").await.json();
    assert_eq!(metadata["authorization_servers"], json!([issuer]));
    assert_eq!(metadata["scopes_supported"], json!(["Sql.Read", "Sql.Write"]));
    assert_eq!(crate::support::http(address, "GET", "/authorize", &[], b"").await.status, 404);
    // The issuer changes its keys: new tokens are good as soon as unknown keys may
    // be asked for again.
    provider.kill().await.expect("the provider ends");
    let (_provider, fresh) = start().await;
    crate::support::until("the new key is known", async || {
        call(&text(&fresh["read"]), "SELECT 1 AS a").await.status == 200
    })
    .await;
    assert_eq!(call(&text(&fresh["bad"]["another key"]), "SELECT 1 AS a").await.status, 401);
}

/// The tools that there are, as the snapshot of `tools/list` has them.
fn listed() -> Vec<String> {
    let snapshot = include_str!("snapshots/integration__wire__tools_list_2026_07_28.snap");
    let json = snapshot.splitn(3, "---\n").last().expect("insta's head, and the answer");
    let answer: Value = serde_json::from_str(json).expect("JSON");
    let tools = answer["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|t| t["name"].as_str().expect("a name").to_owned()).collect()
}

async fn with_rmcp<T, E, A>(transport: T, mode: ClientLifecycleMode)
where
    T: rmcp::transport::IntoTransport<rmcp::RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let client = serve_client_with_lifecycle((), transport, mode).await.expect("connect");
    let tools = client.list_all_tools().await.expect("tools/list");
    let names: Vec<&str> = tools.iter().map(|t| t.name.as_ref()).collect();
    assert!(names.len() >= 4 && names == listed(), "{names:?}");
    for (tool, args) in [
        ("list_tables", json!({})),
        ("describe_table", json!({ "table_name": "sales.Orders" })),
        ("execute_sql", json!({ "query": "SELECT COUNT(*) AS n FROM sales.Orders" })),
        ("get_table_sample", json!({ "table_name": "Employees" })),
    ] {
        let Value::Object(args) = args else { unreachable!("an object") };
        let r = client
            .call_tool(CallToolRequestParams::new(tool).with_arguments(args))
            .await
            .expect("tools/call");
        assert_ne!(r.is_error, Some(true), "{tool}: {r:?}");
        if tool == "execute_sql" {
            assert_eq!(
                r.structured_content.expect("structured")["results"][0]["rows"],
                json!([[20_000]])
            );
        }
    }
    client.cancel().await.expect("close");
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcp_in_both_eras() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    for mode in [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    ] {
        with_rmcp(
            StreamableHttpClientTransport::from_uri(format!("http://{address}/mcp")),
            mode.clone(),
        )
        .await;
        let mut c = Command::new(binary());
        c.args(["demo", "--stdio", "--log-level", "error"]);
        with_rmcp(TokioChildProcess::new(c).expect("spawn"), mode).await;
    }
}

/// All that the suite has for each revision, which is more than the revision requires, and the
/// extension that needs no fixture. What needs one is named, with its reason, in the baseline, and
/// green in `conformance`; a scenario of the baseline that passes fails here.
#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let baseline = root().join("tests/clients/conformance-baseline.yml");
    let baseline = baseline.to_str().expect("path");
    let versions = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
    let skills = ["directory", "enumeration", "manifest"].map(|s| format!("sep-2640-skills-{s}"));
    let all = versions.iter().map(|version| vec!["--suite", "all", "--spec-version", version]);
    let skills = skills.iter().map(|scenario| vec!["--scenario", scenario.as_str()]);
    for mut arguments in all.chain(skills) {
        arguments.extend(["--expected-failures", baseline]);
        let out = crate::conformance::suite::suite(address, &arguments).await;
        assert!(
            out.status.success(),
            "{arguments:?}:\n{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tds_drivers_understand_the_sandbox() {
    let sandbox = Sandbox::start(Default::default()).await.expect("sandbox");
    let port = sandbox.address().port().to_string();
    let ca = std::env::temp_dir().join(format!("mssql-mcp-ca-{port}.pem"));
    std::fs::write(&ca, sandbox.certificate()).expect("write");
    let base = [port.as_str(), USER, PASSWORD, DATABASE];
    let mut args = base.to_vec();
    args.push(ca.to_str().expect("path"));
    let text = run(installed(NODE), "tedious.mjs", &args).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
    let text = run(installed("py-tds/bin/python"), "tds.py", &args).await;
    assert_eq!(text.matches(": ok").count(), 3, "{text}");
    let text = run(installed("py-tds/bin/python"), "drivers.py", &args).await;
    assert_eq!(text.matches(": ok").count(), 5, "{text}");
    let mut c = Command::new("tsql");
    c.args(["-H", "127.0.0.1", "-p", &port, "-U", USER, "-P", PASSWORD, "-D", DATABASE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = c.spawn().expect("tsql is missing: run tests/clients/install.sh");
    let mut input = child.stdin.take().expect("stdin");
    tokio::io::AsyncWriteExt::write_all(
        &mut input,
        b"SELECT TOP 1 Name FROM dbo.Employees ORDER BY EmployeeId\ngo\nexit\n",
    )
    .await
    .expect("write");
    drop(input);
    let out = child.wait_with_output().await.expect("run");
    assert!(String::from_utf8_lossy(&out.stdout).contains("Ada Lovelace"), "{out:?}");
    // freebcp asks for the columns under FMTONLY, then reads; what it would load in bulk
    // is refused by name.
    let file = std::env::temp_dir().join(format!("mssql-mcp-bcp-{port}.txt"));
    let bcp = async |direction: &str| {
        let mut c = Command::new("freebcp");
        c.args(["trading.dbo.Employees", direction]).arg(&file);
        c.args(["-c", "-S", &format!("127.0.0.1:{port}"), "-U", USER, "-P", PASSWORD]);
        let out = c.output().await.expect("freebcp is missing: run tests/clients/install.sh");
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    };
    let text = bcp("out").await;
    assert!(text.contains("8 rows copied"), "{text}");
    let copied = std::fs::read_to_string(&file).expect("the copy");
    assert!(copied.lines().count() == 8 && copied.starts_with("1\t\tAda Lovelace\t"), "{copied}");
    let text = bcp("in").await;
    assert!(text.contains("Not in the sandbox"), "{text}");
    std::fs::remove_file(file).expect("clean");
    std::fs::remove_file(ca).expect("clean");
}

/// What docs/reading-results.md tells people to write, over values that readers get wrong.
#[tokio::test(flavor = "multi_thread")]
async fn results_are_read_by_what_people_read_them_with() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-readers-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let row = |id: i32, price: &str, status: &str| {
        format!(
            "SELECT {id} AS id, CAST('{}-02-28T12:34:56.1234567' AS datetime2(7)) AS placed, \
             CAST({price} AS decimal(38,4)) AS price, \
             CAST({id} AS binary(4)) AS raw, {status} AS status",
            if id == 4 { 9999 } else { 2024 }
        )
    };
    let rows = [
        row(1, "235.6849", "'# 3 rows'"),
        row(2, "142.8", "'a \"b\", c' + CHAR(10) + 'd'"),
        row(3, "NULL", "NULL"),
        row(4, "1234567890123456789.1234", "'x # y'"),
    ];
    let query = rows.join(" UNION ALL ");
    for (form, file) in [(&["--json"][..], "answer.json"), (&["--format", "csv"], "answer.csv")] {
        let out = crate::support::command(&["call", "--demo", "execute_sql", &query])
            .args(form)
            .output()
            .await
            .expect("run");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::write(dir.join(file), out.stdout).expect("write");
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tokio::process::Command::new(installed("py-readers/bin/python"))
        .arg(root.join("tests/clients/readers.py"))
        .arg(root.join("docs/reading-results.md"))
        .current_dir(&dir)
        .output()
        .await
        .expect("run");
    let said =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.matches(": ok").count() == 4, "{said}");
    std::fs::remove_dir_all(dir).expect("clean");
}
