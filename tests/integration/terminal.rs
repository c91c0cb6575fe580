//! What a person meets at a terminal: the tables of `call`, help, completions, addresses, statuses.

use std::process::Stdio;

use mssql_mcp::cli::node::Node;
use mssql_mcp::cli::table::show;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Lab, binary, command, free, stateless, until};

async fn run(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut c = command(args);
    c.envs(env.iter().copied()).stdin(Stdio::null());
    let out = c.output().await.expect("run");
    let text = |b| String::from_utf8(b).expect("UTF-8");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

/// What `call --demo execute_sql` prints.
async fn query(sql: &str, more: &[&str]) -> String {
    let (status, out, err) =
        run(&[&["call", "--demo", "execute_sql", sql], more].concat(), &[]).await;
    assert_eq!(status, Some(0), "{sql}: {out}{err}");
    out
}

/// In a terminal that is so wide: what is seen on it.
pub async fn in_terminal(columns: u16, line: &str) -> String {
    let line = format!("stty cols {columns}; {line}");
    let mut c = tokio::process::Command::new("script");
    c.args(["-qec", &line, "/dev/null"])
        .env("PATH", path())
        .stdin(Stdio::piped())
        .kill_on_drop(true);
    let mut child = c.stdout(Stdio::piped()).spawn().expect("script (util-linux)");
    // End of input, as a person types it.
    child.stdin.take().expect("stdin").write_all(b"\x04").await.expect("write");
    let out = tokio::time::timeout(crate::support::PATIENCE, child.wait_with_output())
        .await
        .expect("in time")
        .expect("run");
    String::from_utf8(out.stdout).expect("UTF-8").replace("\r\n", "\n").replace("^D\u{8}\u{8}", "")
}

/// A person at a terminal: waits for each text to be shown, and then types the line behind it. All
/// that was shown.
pub async fn dialogue(line: &str, typed: &[(&str, &str)]) -> String {
    let mut c = tokio::process::Command::new("script");
    c.args(["-qec", line, "/dev/null"]).env("PATH", path()).kill_on_drop(true);
    let mut child = c.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script");
    let mut keys = child.stdin.take().expect("stdin");
    let mut screen = child.stdout.take().expect("stdout");
    let (mut shown, mut from) = (String::new(), 0);
    let all = async {
        for (prompt, answer) in typed {
            while !shown[from..].contains(prompt) {
                let mut some = [0; 4096];
                let n = screen.read(&mut some).await.expect("read");
                assert!(n > 0, "it ended before {prompt:?}: {shown}");
                shown += &String::from_utf8_lossy(&some[..n]);
            }
            from = shown.len();
            // A prompt is shown before the echo is off; a person is not as quick as this.
            if prompt.contains("Password") {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            keys.write_all(format!("{answer}\n").as_bytes()).await.expect("type");
        }
        screen.read_to_string(&mut shown).await.expect("the rest");
    };
    tokio::time::timeout(crate::support::PATIENCE, all).await.expect("in time");
    shown.replace("\r\n", "\n")
}

/// With the binary under test first.
pub fn path() -> String {
    let dir = binary().parent().expect("folder").display().to_string();
    format!("{dir}:{}", std::env::var("PATH").unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_shown_as_they_are() {
    let out = query(
        "SELECT CAST(4250000 AS decimal(19,4)) AS d, CAST(1.50 AS decimal(30,2)) AS e, CAST(2 AS \
         money) AS m, NULL AS n, 'NULL' AS t, '''NULL''' AS u, '' AS v",
        &[],
    )
    .await;
    let row = out.lines().nth(2).expect("a row");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, ["4250000.0000", "1.50", "2.0000", "NULL", "'NULL'", "''NULL''"], "{out}");
    // What a terminal would obey is shown and not sent.
    let out = query("SELECT NCHAR(27) + N'[31m' + NCHAR(8238) + NCHAR(10) + N'x' AS c", &[]).await;
    assert!(out.contains(r"\u{1b}[31m\u{202e}\nx"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_aligned_by_what_is_seen() {
    let out = query("SELECT N'日本語' AS a, 5 AS n UNION ALL SELECT N'x', 1234", &[]).await;
    assert_eq!(
        out,
        "a       n\n------  ----\n日本語     5\nx       1234\n(2 rows)\n\
         from sandbox (trading) @ SANDBOX as sandbox, read-only\n"
    );
    // A column of exact decimals, which are texts in JSON, is one of numbers.
    let out = query(
        "SELECT CAST(1 AS decimal(38,20)) AS n UNION ALL SELECT CAST(12345 AS decimal(38,20))",
        &[],
    )
    .await;
    assert!(out.contains("\n    1.00000000000000000000\n12345.00000000000000000000\n"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_folded_to_the_terminal_and_nowhere_else() {
    let sql = "SELECT N'one two three four five six seven' AS words, REPLICATE(N'日', 40) AS wide, \
               7 AS n";
    let whole = query(sql, &[]).await;
    assert!(whole.contains(&"日".repeat(40)) && whole.contains("six seven"), "{whole}");
    let folded = query(sql, &["--max-width", "40"]).await;
    let seen = |l: &str| l.chars().map(|c| if c == '日' { 2 } else { 1 }).sum::<usize>();
    assert!(folded.lines().all(|l| seen(l) <= 40), "{folded}");
    assert_eq!(folded.matches('日').count(), 40);
    for word in ["one", "two", "three", "four", "five", "six", "seven"] {
        assert!(folded.contains(word), "{word} is not whole in\n{folded}");
    }
    // In a terminal by itself, and not where one asks for the whole.
    let line = format!("mssql-mcp call --demo execute_sql \"{sql}\"");
    let terminal = in_terminal(50, &line).await;
    assert!(terminal.contains("words") && terminal.lines().all(|l| seen(l) <= 50), "{terminal}");
    let wide = in_terminal(50, &format!("{line} --wide")).await;
    assert!(wide.contains(&"日".repeat(40)), "{wide}");
    // Too many columns for any folding are lines, none of which is too wide either.
    let many: Vec<String> = (0..30).map(|n| format!("'value {n}' AS column{n}")).collect();
    let many = query(&format!("SELECT {}", many.join(", ")), &["--max-width", "40"]).await;
    assert!(many.contains("column29: value 29\n") && many.lines().all(|l| l.len() <= 40), "{many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_what_the_server_sent_and_csv_needs_no_switch() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let url = format!("http://{address}/mcp");
    let sql = "SELECT CAST(1.10 AS decimal(5,2)) AS a, 1e0 AS b, N'é' AS c";
    let (status, out, err) = run(&["call", "--url", &url, "--json", "execute_sql", sql], &[]).await;
    let arguments = json!({ "name": "execute_sql", "arguments": { "query": sql } });
    let sent = stateless(address, "tools/call", arguments).await.body;
    assert_eq!(status, Some(0), "{err}");
    assert!(
        sent.contains(&format!("\"result\":{}", out.trim_end_matches('\n'))),
        "{out}\nis not in\n{sent}"
    );
    let (_, csv, _) =
        run(&["call", "--url", &url, "execute_sql", sql, "--format", "csv"], &[]).await;
    let v: Value = serde_json::from_str(&sent).expect("JSON");
    assert!(v["result"]["structuredContent"].is_object());
    assert!(csv.starts_with("a,b,c\n1.10,"), "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_asked_with_its_token() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    for url in [
        format!("http://{address}/mcp"),
        format!("http://{address}"),
        format!("http://{address}/sse"),
    ] {
        let (status, out, err) = run(&["call", "list_tables", "--url", &url], &[]).await;
        assert!(status == Some(0) && out.contains("Employees"), "{url}: {out}{err}");
    }
    // What takes longer than `http.silence` comes as an event stream.
    let slow = Lab::new(&[("http.silence", "0s")]).await;
    let (streams, _stop) = slow.serve().await;
    let sent =
        stateless(streams, "tools/call", json!({ "name": "list_tables", "arguments": {} })).await;
    assert_eq!(sent.header("content-type"), Some("text/event-stream"));
    let (status, out, err) =
        run(&["call", "--url", &format!("http://{streams}/mcp"), "list_tables"], &[]).await;
    assert!(status == Some(0) && out.contains("Employees"), "{out}{err}");
    // A 404, and nobody there.
    let (status, _, err) =
        run(&["call", "list_tables", "--url", &format!("http://{address}/nope")], &[]).await;
    assert!(status == Some(1) && err.contains("404"), "{err}");
    let (status, _, err) =
        run(&["call", "list_tables", "--url", "http://127.0.0.1:1/mcp"], &[]).await;
    assert!(status == Some(1) && err.contains("does not answer"), "{err}");

    for (bad, why) in [
        ("localhost:8008", "no URL"),
        ("127.0.0.1", "no URL"),
        ("http://ada:hunter2@127.0.0.1/mcp", "must not name a user"),
        ("ftp://127.0.0.1/", "neither https:// nor http://"),
    ] {
        let (status, _, err) = run(&["call", "list_tables", "--url", bad], &[]).await;
        assert!(
            status.is_some_and(|s| s > 0) && err.contains(why) && !err.contains("hunter2"),
            "{bad}: {err}"
        );
    }

    // With sign-in: no token, a wrong one, a good one in the environment or in a file.
    let dir = std::env::temp_dir().join(format!("mssql-mcp-call-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let store = format!("sqlite:{}", dir.join("s.db").display());
    let signed = Lab::new(&[("auth.mode", "builtin"), ("auth.store", &store)]).await;
    let (address, _stop) = signed.serve().await;
    let url = format!("http://{address}/mcp");
    let (_, token, err) = run(&["token", "create", "t", "--auth-store", &store], &[]).await;
    assert!(token.starts_with("mcp_"), "{token}{err}");
    let ask = ["call", "--url", &url, "list_tables"];
    let (status, _, err) = run(&ask, &[]).await;
    assert!(status == Some(1) && err.contains("a token is needed"), "{err}");
    let (status, _, err) = run(&ask, &[("MSSQL_MCP_TOKEN", "mcp_wrong-secret")]).await;
    assert!(
        status == Some(1) && err.contains("not good here") && !err.contains("wrong-secret"),
        "{err}"
    );
    let (status, out, err) = run(&ask, &[("MSSQL_MCP_TOKEN", token.trim())]).await;
    assert!(status == Some(0) && out.contains("Employees"), "{out}{err}");
    let file = dir.join("token");
    std::fs::write(&file, format!("\u{feff}{}\r\n", token.trim())).expect("file");
    let (status, out, err) = run(
        &["call", "--url", &url, "--token-file", file.to_str().expect("path"), "list_tables"],
        &[],
    )
    .await;
    assert!(status == Some(0) && out.contains("Employees"), "{out}{err}");
    // Not in the clear over a network; 192.0.2.0/24 is nobody's (RFC 5737).
    let (status, _, err) =
        run(&["call", "--url", "http://192.0.2.1/mcp", "list_tables"], &[("MSSQL_MCP_TOKEN", "t")])
            .await;
    assert!(status == Some(1) && err.contains("use https://"), "{err}");
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_says_that_it_was_committed() {
    let change = "UPDATE dbo.Employees SET Name = Name WHERE EmployeeId = 1";
    let out = query(change, &["--access-level", "read-write"]).await;
    assert!(out.contains("(1 row affected)\ncommitted\nfrom sandbox "), "{out}");
    let out = query(change, &["--access-level", "read-write", "--dry-run"]).await;
    assert!(
        out.contains("(1 row affected; dry run: rolled back)") && !out.contains("committed"),
        "{out}"
    );
    assert!(!query("SELECT 1 AS a", &[]).await.contains("committed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_described_table_is_tables() {
    let (status, out, err) = run(&["call", "--demo", "describe_table", "sales.Orders"], &[]).await;
    assert_eq!(status, Some(0), "{err}");
    assert!(out.starts_with("schema: sales\nname: Orders\n"), "{out}");
    for part in ["\ncolumns\nname ", "\nPK_Orders ", "\nforeign_keys\n", "\nOrderId "] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
    assert!(!out.contains(['{', '[']), "{out}");
}

#[test]
fn any_answer_has_a_form() {
    let shown = |v: Value| show(&Node::read(&v.to_string()).expect("JSON"), Some(30));
    let rows = json!([{ "columns": [{ "name": "", "type": "int" }], "rows": [[1]], "row_count": 1, "truncated": { "reason": "max_rows" } }]);
    assert_eq!(
        shown(json!({ "structuredContent": { "results": rows } })),
        "\n-\n1\n(1 row; cut: max_rows)\n"
    );
    let found = json!({ "results": [{ "id": "table:a", "title": "A" }] });
    assert_eq!(
        shown(json!({ "structuredContent": found })),
        "id       title\n-------  -----\ntable:a  A\n"
    );
    let more = json!({ "results": [], "messages": ["hello"], "note": "something new" });
    assert_eq!(shown(json!({ "structuredContent": more })), "hello\nnote: something new\n");
    let failed = json!({ "isError": true, "content": [{ "type": "text", "text": "{\"error\":{\"code\":\"busy\",\"message\":\"All are in use.\",\"hint\":\"Wait.\"}}" }] });
    assert_eq!(shown(failed), "error: All are in use.\nhint: Wait.\n");
    let text = json!({ "structuredContent": { "id": "x", "text": "a line that is longer than \
        thirty columns\nand another", "rows": 3 } });
    assert!(shown(text).lines().all(|l| l.len() <= 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_about_the_command_and_settings_come_on_demand() {
    for (args, has, has_not) in [
        (&["serve", "--help"][..], "--port", "--database-host"),
        (&["call", "-h"], "--max-width", "--database-host"),
        (&["user", "add", "--help"], "--scopes", "--database-host"),
        (&["help", "serve"], "--database-host", "no such word"),
        (&["help", "call"], "--limits-query-timeout", "no such word"),
        (&["call", "execute_sql", "--help"], "--params <JSON array>", "--database-host"),
        (&["call", "--demo", "get_table_sample", "-h"], "--limit <integer>", "--database-host"),
    ] {
        let (status, out, err) = run(args, &[]).await;
        assert!(
            status == Some(0) && out.contains(has) && !out.contains(has_not),
            "{args:?}: {out}{err}"
        );
    }
    let (_, out, _) = run(&["help", "serve"], &[]).await;
    assert!(out.find("--port") < out.find("--database-host"), "its own options first: {out}");
    for args in [
        &["call", "nope", "--help"][..],
        &["call", "--demo", "nope", "--a", "b"],
        &["call", "--demo", "search", "x"],
    ] {
        let (status, _, err) = run(args, &[]).await;
        assert!(
            status == Some(2)
                && err.contains("Unknown tool: ")
                && err.contains("; there are ")
                && err.contains("describe_table, execute_sql"),
            "{err}"
        );
    }
}

/// Whose reader has gone (`| head`, a supervisor that closed its pipe): nothing is lost by it,
/// least of all the status or the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_went_away_ends_nothing() {
    let unread = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("pipe");
        drop(reader);
        let mut c = command(args);
        c.stdout(writer);
        c
    };
    let dir = std::env::temp_dir().join(format!("mssql-mcp-unread-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let file = dir.join("audit-1.jsonl");
    std::fs::write(&file, "no record\n").expect("write");
    let out =
        unread(&["audit", "verify", file.to_str().expect("path")]).output().await.expect("run");
    std::fs::remove_dir_all(&dir).expect("removed");
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));

    // Nobody reads what is wrong either.
    let (reader, writer) = std::io::pipe().expect("pipe");
    drop(reader);
    let status =
        command(&["audit", "verify", "/nonexistent"]).stderr(writer).status().await.expect("run");
    assert_eq!(status.code(), Some(2));

    let listens =
        async |port: std::net::SocketAddr| tokio::net::TcpStream::connect(port).await.is_ok();
    let port = free();
    let mut demo = unread(&["demo", "--listen", &port.to_string()]).spawn().expect("spawn");
    until("it listens", async || listens(port).await).await;
    let (status, out, err) =
        run(&["call", "list_tables", "--url", &format!("http://{port}/mcp")], &[]).await;
    assert!(status == Some(0) && out.contains("Employees"), "{out}{err}");
    let out = unread(&["health", &format!("http://{port}/health")]).output().await.expect("run");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    demo.kill().await.expect("SIGKILL");
}

/// Typed into a real one, with Tab where it completes.
#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_behind_the_first_word() {
    let typed = [
        "source <(mssql-mcp completions bash)",
        // What is completed here is run, so that its answer is what is looked at.
        "mssql-mcp call --demo list_t\t --schema dbo",
        "mssql-mcp call --demo execute_sql 'SELECT 1 AS a' --fo\tc\t",
        "mssql-mcp conf\t--access-level read-w\t | grep ^access.level",
        "mssql-mcp config --http-mcp=n\t | grep ^http.mcp",
        "mssql-mcp compl\tfi\t | head -n 1",
        "mssql-mcp user ad\tada --scopes mssql:w\t --help; exit",
        "",
    ];
    let mut child = tokio::process::Command::new("script");
    child
        .args(["-qec", "bash --norc -i", "/dev/null"])
        .env("PATH", path())
        .env("PS1", "> ")
        .env("TERM", "dumb");
    child
        .env("HISTFILE", "/dev/null")
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = child.spawn().expect("script (util-linux)");
    let mut keyboard = child.stdin.take().expect("stdin");
    keyboard.write_all(typed.join("\n").as_bytes()).await.expect("write");
    let out = tokio::time::timeout(crate::support::PATIENCE, child.wait_with_output())
        .await
        .expect("in time")
        .expect("run");
    drop(keyboard);
    let seen = String::from_utf8_lossy(&out.stdout).replace("\r\n", "\n");
    for (part, what) in [
        ("Employees", "a tool"),
        ("\na\n1\n# 1 row\n", "an argument of a tool, and its value"),
        ("\"read-write\"", "a value"),
        ("\"no\"", "a value behind ="),
        ("# Print an optspec", "a shell's name"),
        ("--scopes mssql:write ", "a value with a colon"),
        ("Usage: mssql-mcp user add", "a subcommand of a subcommand"),
    ] {
        assert!(seen.contains(part), "{what}: {part:?} is not in\n{seen}");
    }
}

#[test]
fn a_reader_may_go_away() {
    for args in [
        "config --markdown",
        "metrics",
        "completions zsh",
        "config",
        "classify --statements",
        "help serve",
    ] {
        let line = format!("set -o pipefail; mssql-mcp {args} | true");
        let out = std::process::Command::new("bash")
            .args(["-c", &line])
            .env("PATH", path())
            .output()
            .expect("bash");
        assert!(out.status.success() && out.stderr.is_empty(), "{args}: {out:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn short_addresses_are_loopback() {
    let shown = async |args: &[&str]| run(&[&["config"], args].concat(), &[]).await;
    for (text, want) in [
        ("9000", "127.0.0.1:9000"),
        ("localhost:9000", "127.0.0.1:9000"),
        ("[::1]:9000", "[::1]:9000"),
        ("LOCALHOST:1", "127.0.0.1:1"),
    ] {
        for key in ["http-listen", "admin-listen"] {
            let (status, out, err) = shown(&[&format!("--{key}"), text]).await;
            assert!(
                status == Some(0) && out.contains(&format!("\"{want}\"")),
                "{key} {text}: {out}{err}"
            );
        }
    }
    for bad in ["nowhere", ":9000", "99999", "localhost", "localhost:99999", "example.com:80", ""] {
        let (status, _, err) = shown(&["--http-listen", bad]).await;
        assert!(
            status == Some(2)
                && err.contains("no address such as 127.0.0.1:8008, localhost:8008 or 8008"),
            "{bad}: {err}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_alone_is_enough_and_health_asks_there() {
    for option in ["--listen", "--port"] {
        let port = free().port().to_string();
        let server = command(&["demo", option, &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("demo");
        let listen = [("MSSQL_MCP_LISTEN", port.as_str())];
        until("the demo is healthy", async || run(&["health"], &listen).await.0 == Some(0)).await;
        let (_, out, _) = run(&["health", "--http-listen", &format!("0.0.0.0:{port}")], &[]).await;
        assert!(out.contains("\"status\":\"healthy\""), "{out}");
        drop(server);
    }
    // The host stays that of the configuration.
    let dir = std::env::temp_dir().join(format!("mssql-mcp-port-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let file = dir.join("c.toml");
    std::fs::write(&file, "[http]\nlisten = \"0.0.0.0:8008\"\n[database]\nhost = \"h\"\n")
        .expect("file");
    let (status, _, err) =
        run(&["serve", "--port", "0", "--config", file.to_str().expect("path")], &[]).await;
    assert!(status == Some(1) && err.contains("can be reached from other machines"), "{err}");
    std::fs::remove_dir_all(dir).expect("clean");
    let (status, _, err) = run(&["health", "--http-listen", "0"], &[]).await;
    assert!(status == Some(2) && err.contains("give the URL"), "{err}");
    let (status, _, err) = run(&["health"], &[("MSSQL_MCP_LISTEN", "nowhere")]).await;
    assert!(status == Some(2) && err.contains("MSSQL_MCP_LISTEN"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn classify_says_by_its_status_that_something_would_be_refused() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-classify-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let file = dir.join("s.sql");
    for (sql, more, want) in [
        ("SELECT 1\nGO\nSELECT 2", &[][..], 0),
        ("DELETE t\nGO\nSELECT 2", &[], 3),
        ("DELETE t", &["--access", "read-write"], 0),
        ("", &[], 0),
    ] {
        std::fs::write(&file, sql).expect("file");
        let (status, out, _) =
            run(&[&["classify", file.to_str().expect("path")], more].concat(), &[]).await;
        assert_eq!(status, Some(want), "{sql}: {out}");
    }
    assert_eq!(run(&["classify", "/nonexistent.sql"], &[]).await.0, Some(1));
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_shows_quotas_mounts_and_clients() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-lists-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let file = dir.join("c.toml");
    let toml = r#"
        [database]
        host = "main"
        [[mount]]
        path = "/demo"
        [mount.database]
        host = "other"
        password = "hunter2"
        [[client]]
        id = "reports"
        name = "Reports"
        redirect_uris = ["https://reports.example.com/callback"]
        secret = "0123456789abcdef0123456789abcdef"
        [[quota]]
        principals = ["token:nightly-*", "ada"]
        calls = 77
    "#;
    std::fs::write(&file, toml).expect("file");
    let (status, out, err) = run(&["config", "--config", file.to_str().expect("path")], &[]).await;
    assert_eq!(status, Some(0), "{err}");
    for part in [
        "[[mount]] /demo",
        "\"other\"",
        "[[client]] reports (Reports), with a secret: https://reports.example.com/callback",
        "[[quota]] token:nightly-*, ada: calls 77, catalog_calls 600, concurrent_calls 16",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(!out.contains("hunter2") && !out.contains("0123456789abcdef"), "{out}");
    // What a mount shares with the main database is said once.
    assert_eq!(out.matches("http.listen ").count(), 1, "{out}");
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn stdio_in_a_terminal_says_what_it_waits_for() {
    let seen = in_terminal(80, "mssql-mcp demo --stdio").await;
    assert!(
        seen.contains("waits for a client's messages") && seen.contains("mssql-mcp call"),
        "{seen}"
    );
    let (_, _, err) = run(&["demo", "--stdio"], &[]).await;
    assert!(!err.contains("waits for a client"), "a client's pipe is told nothing: {err}");
}

/// What people read: every number with what it counts, "1 row" among them. What is found here has
/// its number from where 1 cannot be, and says why.
#[test]
fn no_number_stands_before_a_plural_that_does_not_heed_it() {
    const NEVER_ONE: [&str; 16] = [
        // The limit is 1024 at least.
        "a message of {bytes} bytes; the limit is",
        "n => format!(\"{n} rows come\")",
        "n => format!(\"All {n} connections {many}\")",
        "n => format!(\"{n} calls wait\")",
        "n => format!(\"({n} bytes that are no JSON)\")",
        "{MAX_PASSWORD} bytes",
        "1 to {MOST} messages",
        "more than {MOST} tables",
        "after {most} characters",
        // A limit is 16 at least, and what is longer is more.
        "[cut: {max} of {} characters]",
        "[cut: {} of {} bytes]",
        // Both are over a limit of a kilobyte.
        "a message of {too_long} bytes",
        "{} parameters; at most {MAX_PARAMS}",
        // Thousands.
        "more than {MOST} statements",
        "longer than {MAX_ALL} characters",
        // A verb.
        "{url} calls itself",
    ];
    const UNITS: &str = "rows seconds minutes hours days weeks bytes characters tables columns \
                         records calls connections messages \
                         statements changes errors people clients tokens sessions attempts fields \
                         times parameters";
    fn files(dir: &std::path::Path, out: &mut Vec<std::path::PathBuf>) {
        for e in std::fs::read_dir(dir).expect("folder").map(|e| e.expect("entry").path()) {
            if e.is_dir() {
                files(&e, out);
            } else if e.extension().is_some_and(|x| x == "rs") {
                out.push(e);
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    ["src", "transports/src", "middleware/src", "sql/src"]
        .iter()
        .for_each(|d| files(&root.join(d), &mut all));
    let mut found = Vec::new();
    for file in all {
        let text = std::fs::read_to_string(&file).expect("file");
        // Tests say what they like.
        let text = text.split("#[cfg(test)]").next().unwrap_or("");
        for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
            let plural = line.match_indices("} ").any(|(at, _)| {
                let word: String =
                    line[at + 2..].chars().take_while(char::is_ascii_alphabetic).collect();
                line[..at].rfind('{').is_some_and(|open| line[..open].contains('"'))
                    && UNITS.split_whitespace().any(|u| u == word)
            });
            if plural && !NEVER_ONE.iter().any(|n| line.contains(n)) {
                found.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "use plural(n, \"row\"), or say above why it is never 1:\n{}",
        found.join("\n")
    );
}
