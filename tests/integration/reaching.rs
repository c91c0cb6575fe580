//! Reaching the database: where it is, what people set wrongly, and what they are told.

use std::net::UdpSocket;

use mssql_mcp_sandbox::{Options, PASSWORD, Sandbox, USER};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::support::{JSON, Lab, Stdio1, command, http, stateless};

/// SQL Server Browser (MC-SQLR §2.2): a request is 4 and the instance's name, an answer 5, a length
/// and its properties. It answers for one instance, so often as it is asked.
fn browser(instance: &'static str, port: u16) -> std::io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:1434")?;
    std::thread::spawn(move || {
        let mut asked = [0; 64];
        while let Ok((n, who)) = socket.recv_from(&mut asked) {
            if asked[..n].starts_with(&[4]) && asked[1..n].eq_ignore_ascii_case(instance.as_bytes())
            {
                let text = format!(
                    "ServerName;DB;InstanceName;{instance};IsClustered;No;Version;15.0.2000.5;tcp;{port};;"
                );
                let length = u16::try_from(text.len()).expect("short").to_le_bytes();
                let _ = socket.send_to(&[&[5], &length[..], text.as_bytes()].concat(), who);
            }
        }
    });
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_asked_for_unless_there_is_a_port() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port();
    // Another run of these tests may have the port.
    crate::support::until("UDP 1434 is free", async || browser("SQLEXPRESS", port).is_ok()).await;
    let ca = std::env::temp_dir().join(format!("mssql-mcp-browser-{}.pem", std::process::id()));
    std::fs::write(&ca, sandbox.certificate()).expect("write");
    let ca = ca.to_str().expect("path").to_owned();
    let asks = async |env: &[(&str, &str)]| {
        let mut c = command(&["call", "execute_sql", "--query", "SELECT 1 AS a"]);
        c.envs([("MSSQL_USER", USER), ("MSSQL_PASSWORD", PASSWORD), ("MSSQL_CA_FILE", &ca)])
            .envs(env.iter().copied());
        let out = c.output().await.expect("run");
        (
            out.status.code(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            ),
        )
    };
    let (number, by_comma) = (port.to_string(), format!("127.0.0.1,{port}"));
    let with_both = format!("127.0.0.1\\NOBODY,{port}");
    for env in [
        // By its name, wherever that stands.
        &[("MSSQL_HOST", "127.0.0.1\\SQLEXPRESS")][..],
        &[("MSSQL_HOST", "tcp:127.0.0.1\\sqlexpress")],
        &[("MSSQL_HOST", "127.0.0.1"), ("MSSQL_MCP_DATABASE_INSTANCE", "SQLEXPRESS")],
        // By a port, wherever that stands: then nobody is asked, whatever the instance is called.
        &[("MSSQL_HOST", &by_comma)],
        &[("MSSQL_HOST", "127.0.0.1"), ("MSSQL_PORT", &number)],
        &[("MSSQL_HOST", &with_both)],
        &[("MSSQL_HOST", "127.0.0.1\\NOBODY"), ("MSSQL_PORT", &number)],
        &[("MSSQL_HOST", &by_comma), ("MSSQL_MCP_DATABASE_INSTANCE", "NOBODY")],
    ] {
        let (status, said) = asks(env).await;
        assert_eq!(status, Some(0), "{env:?}: {said}");
    }
    let (status, said) = asks(&[("MSSQL_HOST", "127.0.0.1\\NOBODY")]).await;
    assert!(status == Some(1) && said.contains("NOBODY") && said.contains("UDP 1434"), "{said}");
    let (status, said) = asks(&[("MSSQL_HOST", "127.0.0.1:1433")]).await;
    assert!(status == Some(2) && said.contains("\"127.0.0.1,1433\""), "{said}");
    let _ = std::fs::remove_file(ca);
}

/// What is pasted into the wrong setting is refused by its form, and is nowhere repeated.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_pasted_wrongly_is_not_repeated() {
    const SECRET: &str = "Tr0ub4dor-and-3";
    let url = format!("mssql://sa:{SECRET}@db/trading");
    let string = format!("Server=db;User Id=sa;Password={SECRET}");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{SECRET}");
    for (name, value) in [
        ("MSSQL_HOST", url.as_str()),
        ("MSSQL_HOST", &string),
        ("MSSQL_HOST", &format!("{SECRET}!")),
        ("MSSQL_DATABASE", &string),
        ("MSSQL_USER", &string),
        ("MSSQL_LABEL", &url),
        ("MSSQL_PORT", SECRET),
        ("MSSQL_CA_FILE", &pem),
        ("MSSQL_CA_FILE", SECRET),
        ("MSSQL_PASSWORD_FILE", SECRET),
        ("MSSQL_MCP_DATABASE_CERTIFICATE_HOST", &url),
        ("MSSQL_MCP_HTTP_PUBLIC_URL", &format!("https://me:{SECRET}@mcp.example.com")),
        ("MSSQL_MCP_ACCESS_ALLOW", &string),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("https://me:{SECRET}@collector")),
    ] {
        for subcommand in ["serve", "config", "doctor", "stdio"] {
            let mut c = command(&[subcommand, "--log-level", "trace"]);
            c.envs([
                ("MSSQL_HOST", "127.0.0.1,1"),
                ("MSSQL_USER", "sa"),
                ("MSSQL_PASSWORD", SECRET),
            ])
            .env(name, value);
            let out = tokio::time::timeout(crate::support::PATIENCE, c.output())
                .await
                .expect("it ends")
                .expect("run");
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
            assert!(!said.contains(SECRET), "{subcommand} {name}: {said}");
            assert!(!out.status.success() && !said.is_empty(), "{subcommand} {name}: {said}");
        }
    }
}

/// Variables that nobody knows; those of others are silent.
#[tokio::test(flavor = "multi_thread")]
async fn variables_that_nobody_knows_are_told() {
    let run = async |args: &[&str], env: &[(&str, &str)]| {
        let mut c = command(args);
        c.envs([("MSSQL_HOST", "127.0.0.1,1"), ("MSSQL_USER", "sa"), ("MSSQL_PASSWORD", "p")])
            .envs(env.iter().copied());
        let out = c.output().await.expect("run");
        (
            out.status.code(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            ),
        )
    };
    let (status, said) =
        run(&["config"], &[("MSSQL_MCP_AUDIT_DR", "/x"), ("MSSQL_PASWORD", "x")]).await;
    assert_eq!(status, Some(2), "{said}");
    for (name, near) in
        [("MSSQL_MCP_AUDIT_DR", "MSSQL_MCP_AUDIT_DIR"), ("MSSQL_PASWORD", "MSSQL_PASSWORD")]
    {
        assert!(
            said.contains(&format!("{name}: nobody knows this variable; did you mean {near}?")),
            "{said}"
        );
    }
    let stranger = [("MSSQL_MCP_FROBNICATE", "x")];
    let told = "MSSQL_MCP_FROBNICATE: nobody knows this variable; the nearest is";
    for args in [&["config"][..], &["doctor", "--pool-connect-timeout", "1s"]] {
        let (_, said) = run(args, &stranger).await;
        assert!(said.contains(told), "{args:?}: {said}");
    }
    let mut c = command(&["stdio"]);
    c.envs([("MSSQL_HOST", "127.0.0.1,1"), ("MSSQL_USER", "sa"), ("MSSQL_PASSWORD", "p")])
        .envs(stranger);
    let mut child = c.spawn().expect("spawn");
    drop(child.stdin.take());
    let said = String::from_utf8_lossy(&child.wait_with_output().await.expect("output").stderr)
        .into_owned();
    assert!(said.lines().any(|l| l.contains("WARN") && l.contains(told)), "{said}");
    let others = [
        ("MSSQL_SA_PASSWORD", "x"),
        ("MSSQL_PID", "Developer"),
        ("MSSQL_MCP_SERVICE_HOST", "10.0.0.1"),
        ("MSSQL_MCP_PORT_8008_TCP", "tcp://10.0.0.1:8008"),
        ("MSSQL_PORT", "tcp://10.0.0.2:1433"),
    ];
    let (status, said) = run(&["config"], &others).await;
    assert!(status == Some(0) && !said.contains("nobody knows"), "{said}");
    // All that is wrong, of whatever part, comes at once.
    let (_, said) = run(
        &["serve", "--pool-wait", "soon"],
        &[
            ("MSSQL_HOST", "db:1433"),
            ("MSSQL_QUERY_TIMEOUT", "0"),
            ("MSSQL_MCP_ACCESS_ALLOW", "WAITFORR"),
            ("MSSQL_MCP_HTTP_ALLOWED_ORIGINS", "inspector.example.com"),
            ("MSSQL_MCP_AUDIT_DR", "/x"),
        ],
    )
    .await;
    for part in [
        "MSSQL_HOST: a port stands behind a comma",
        "MSSQL_QUERY_TIMEOUT: \"0\" would be no time at all",
        "--pool-wait: \"soon\" is no duration",
        "\"WAITFORR\" is nothing that is refused",
        "\"inspector.example.com\" is no origin",
        "MSSQL_MCP_AUDIT_DR",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The sandbox is the demo's database, whatever is set for another one.
    let mut c = command(&["call", "--demo", "execute_sql", "--query", "SELECT 1 AS a"]);
    c.envs([
        ("MSSQL_HOST", "db:1433"),
        ("MSSQL_PORT", "x"),
        ("MSSQL_PASSWORD_FILE", "/none"),
        ("MSSQL_QUERY_TIMEOUT", "0"),
    ]);
    c.envs([("MSSQL_MCP_DATABASE_ENCRYPT", "perhaps"), ("Trusted_Connection", "yes")]);
    let out = c.output().await.expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// A byte order mark or a line end is no part of a secret, a message or a body.
#[tokio::test(flavor = "multi_thread")]
async fn marks_and_line_ends_are_no_part_of_anything() {
    let lab = Lab::new(&[]).await;
    let dir = std::env::temp_dir().join(format!("mssql-mcp-bom-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let (ca, secret, file) = (dir.join("ca.pem"), dir.join("password"), dir.join("c.toml"));
    std::fs::write(&ca, lab.sandbox.certificate()).expect("write");
    std::fs::write(&secret, format!("\u{feff}{PASSWORD}\r\n")).expect("write");
    let toml = format!(
        "\u{feff}[database]\r\nhost = \"127.0.0.1\"\r\nport = {}\r\nuser = \
         \"{USER}\"\r\npassword_file = '{}'\r\nca_file = '{}'\r\n",
        lab.sandbox.address().port(),
        secret.display(),
        ca.display()
    );
    std::fs::write(&file, toml).expect("write");
    let config = file.to_str().expect("path");
    let out = command(&["call", "--config", config, "execute_sql", "--query", "SELECT 1 AS a"])
        .output()
        .await
        .expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let call = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let mut p = Stdio1::start(command(&["demo", "--stdio", "--log-level", "error"]));
    let input = p.input.as_mut().expect("stdin");
    input.write_all(format!("\u{feff}{call}\r\n").as_bytes()).await.expect("write");
    assert_eq!(p.read().await["id"], 1);

    let (address, _stop) = lab.serve().await;
    let headers = [
        JSON,
        crate::support::BOTH,
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "server/discover"),
    ];
    let a = http(address, "POST", "/mcp", &headers, format!("\u{feff}{call}\r\n").as_bytes()).await;
    assert_eq!((a.status, &a.json()["id"]), (200, &json!(1)), "{a:?}");
    std::fs::remove_dir_all(dir).expect("clean");
}

/// What certificates and their absence are told as: in our words, with the names of our settings.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_explained_in_our_words() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port().to_string();
    let dir = std::env::temp_dir().join(format!("mssql-mcp-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let ca = dir.join("ca.pem");
    std::fs::write(&ca, sandbox.certificate()).expect("write");
    let ca = ca.to_str().expect("path");
    let asks = async |env: &[(&str, &str)]| {
        let mut c = command(&["call", "execute_sql", "--query", "SELECT 1 AS a"]);
        c.envs([
            ("MSSQL_HOST", "127.0.0.1"),
            ("MSSQL_PORT", &*port),
            ("MSSQL_USER", USER),
            ("MSSQL_PASSWORD", PASSWORD),
        ]);
        let out = c.envs(env.iter().copied()).output().await.expect("run");
        assert_eq!(out.status.code(), Some(1));
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    };
    for (env, part) in [
        (&[][..], "database.ca_file (MSSQL_CA_FILE)"),
        (
            &[("MSSQL_CA_FILE", ca), ("MSSQL_MCP_DATABASE_CERTIFICATE_HOST", "db.example.com")],
            "database.certificate_host",
        ),
        (&[("MSSQL_CA_FILE", ca), ("MSSQL_DATABASE", "nowhere")], "database.name (MSSQL_DATABASE)"),
    ] {
        let said = asks(env).await;
        assert!(said.contains(part), "{part}: {said}");
        for foreign in [
            "invalid peer certificate",
            "UnknownIssuer",
            "rustls",
            "webpki",
            "trust_cert",
            "NotValidForName",
        ] {
            assert!(!said.contains(foreign), "{foreign}: {said}");
        }
    }
    std::fs::remove_dir_all(dir).expect("clean");
}

/// A NULL is typed, in the caller's statements and in ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_null_has_a_type() {
    let lab = Lab::new(&[]).await;
    lab.sandbox.faults(|f| f.refuse_untyped = true);
    let (address, _stop) = lab.serve().await;
    let query =
        "SELECT @a AS a, @b AS b, @c AS c, CASE WHEN @b IS NULL THEN 'null' ELSE 'some' END AS d";
    let params = json!({ "a": null, "b": { "type": "decimal(10,2)", "value": null }, "c": 5 });
    let args = json!({ "name": "execute_sql", "arguments": { "query": query, "params": params } });
    let r = stateless(address, "tools/call", args).await.json();
    assert_eq!(
        r["result"]["structuredContent"]["results"][0]["rows"],
        json!([[null, null, 5, "null"]]),
        "{r}"
    );
    assert_eq!(
        r["result"]["structuredContent"]["results"][0]["columns"][1]["type"], "decimal(10,2)",
        "{r}"
    );
    for args in [json!({}), json!({ "schema": "sales" }), json!({ "name_like": "Order" })] {
        let r =
            stateless(address, "tools/call", json!({ "name": "list_tables", "arguments": args }))
                .await
                .json();
        assert!(
            r["result"]["structuredContent"]["tables"].as_array().is_some_and(|t| !t.is_empty()),
            "{r}"
        );
    }
}

/// A database that goes is found by those who only look, although they look often; and so is
/// one that comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_is_seen_by_probes_alone() {
    use crate::support::{free, until};
    let (tds, listen, admin) = (free(), free().to_string(), free());
    let sandbox = || command(&["sandbox", "--listen", &tds.to_string()]).spawn().expect("spawn");
    let open = async || tokio::net::TcpStream::connect(tds).await.is_ok();
    let mut database = sandbox();
    until("the database listens", open).await;
    let mut c = command(&[
        "serve",
        "--listen",
        &listen,
        "--admin-listen",
        &admin.to_string(),
        "--log-level",
        "warn",
    ]);
    c.envs([
        ("MSSQL_HOST", "127.0.0.1"),
        ("MSSQL_PORT", &*tds.port().to_string()),
        ("MSSQL_USER", USER),
    ]);
    let mut server = c
        .envs([("MSSQL_PASSWORD", PASSWORD), ("TrustServerCertificate", "yes")])
        .spawn()
        .expect("spawn");
    until("it serves", async || tokio::net::TcpStream::connect(admin).await.is_ok()).await;
    let ready = async || http(admin, "GET", "/readyz", &[], b"").await.status;
    until("ready", async || ready().await == 200).await;
    database.kill().await.expect("SIGKILL");
    until("its end is seen", async || ready().await == 503).await;
    let mut database = sandbox();
    until("the database listens", open).await;
    until("its return is seen", async || ready().await == 200).await;
    server.kill().await.expect("SIGKILL");
    database.kill().await.expect("SIGKILL");
    let said = String::from_utf8_lossy(&server.wait_with_output().await.expect("output").stderr)
        .into_owned();
    assert_eq!(said.matches("the database cannot be reached").count(), 1, "{said}");
}

/// Callers over HTTP are other people: where the database is and who logs in there they learn only
/// where the operator says so. Who runs the command does.
#[tokio::test(flavor = "multi_thread")]
async fn callers_over_http_are_not_told_where_the_database_is() {
    use crate::support::{free, until};
    let closed = free().port().to_string();
    let database = [
        ("MSSQL_HOST", "127.0.0.1"),
        ("MSSQL_PORT", &*closed),
        ("MSSQL_USER", "svc_reader"),
        ("MSSQL_PASSWORD", "p"),
        ("MSSQL_LABEL", "trades"),
    ];
    for (shown, says) in [("no", false), ("yes", true)] {
        let listen = free();
        let mut c = command(&[
            "serve",
            "--listen",
            &listen.to_string(),
            "--http-show-server",
            shown,
            "--log-level",
            "off",
        ]);
        let mut server = c.envs(database).spawn().expect("spawn");
        until("it serves", async || tokio::net::TcpStream::connect(listen).await.is_ok()).await;
        let said =
            stateless(listen, "tools/call", json!({ "name": "list_tables", "arguments": {} }))
                .await
                .body;
        assert!(said.contains("database_unavailable") && said.contains(&closed) == says, "{said}");
        assert!(said.contains("trades"), "its label is always told: {said}");
        server.kill().await.expect("SIGKILL");
    }
    let own = command(&["call", "list_tables"]).envs(database).output().await.expect("run");
    assert!(String::from_utf8_lossy(&own.stderr).contains(&closed), "{own:?}");
}
