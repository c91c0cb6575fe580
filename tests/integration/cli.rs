//! The commands that a person types.

use crate::support::{BOTH, JSON, Lab, Stdio1, command, http};

async fn run(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut c = command(args);
    c.envs(env.iter().copied());
    let out = c.output().await.expect("run");
    (
        out.status.code(),
        String::from_utf8_lossy(&out.stdout).into_owned(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn call_prints_a_table_and_its_status_tells_success() {
    let (status, out, _) = run(
        &[
            "call",
            "--demo",
            "execute_sql",
            "--query",
            "SELECT TOP 1 OrderId, Status FROM sales.Orders ORDER BY OrderId",
        ],
        &[],
    )
    .await;
    assert_eq!(
        (status, out.as_str()),
        (
            Some(0),
            "OrderId  Status\n-------  ------\n      1  Filled\n(1 row)\n\
             from sandbox (trading) @ SANDBOX as sandbox, read-only\n"
        )
    );
    let (status, out, _) = run(
        &["call", "--demo", "get_table_sample", "--table-name=Employees", "--limit", "1", "--json"],
        &[],
    )
    .await;
    let v: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        (status, &v["structuredContent"]["results"][0]["row_count"]),
        (Some(0), &serde_json::json!(1))
    );
    let (status, out, _) =
        run(&["call", "--demo", "execute_sql", "--query", "SELECT * FROM nope"], &[]).await;
    assert_eq!(status, Some(1));
    assert!(
        out.starts_with("error 208, severity 16, state 1, line 1: Invalid object name 'nope'."),
        "{out}"
    );
    let (status, _, err) = run(&["call", "--demo", "nope"], &[]).await;
    assert_eq!(status, Some(2));
    assert!(
        err.contains("Unknown tool: nope; there are ")
            && err.contains("describe_table, execute_sql"),
        "{err}"
    );
    let (status, _, err) = run(&["call", "--demo", "execute_sql", "SELECT 1", "more"], &[]).await;
    assert_eq!(
        (status, err.contains("\"more\": --name value is expected here")),
        (Some(2), true),
        "{err}"
    );
}

/// A model that is told of the sandbox does not take 49999 for SQL Server's word.
#[tokio::test(flavor = "multi_thread")]
async fn the_instructions_of_the_demo_say_that_it_is_a_sandbox() {
    let hello = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let mut demo = Stdio1::start(command(&["demo", "--stdio", "--log-level", "error"]));
    let told = demo.ask(hello.clone()).await["result"]["instructions"]
        .as_str()
        .expect("instructions")
        .to_owned();
    assert!(told.contains("This is the sandbox") && told.contains("49999"), "{told}");
    // A server in front of a database of one's own says no such thing, whatever it is.
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let other =
        http(address, "POST", "/mcp", &[JSON, BOTH], hello.to_string().as_bytes()).await.json();
    let other = other["result"]["instructions"].as_str().expect("instructions").to_owned();
    assert!(!other.contains("sandbox") && told.starts_with(&other), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_use_is_explained() {
    for (args, env, status, part) in [
        (vec!["serve"], vec![], 2, "database.host is missing: set MSSQL_HOST"),
        (
            vec!["stdio"],
            vec![("MSSQL_HOST", "x"), ("MSSQL_USER", "sa")],
            2,
            "database.password is missing: set MSSQL_PASSWORD or MSSQL_PASSWORD_FILE",
        ),
        (
            vec!["serve"],
            vec![("MSSQL_HOST", "x"), ("ALLOW_UNAUTH_METHODS", "true")],
            2,
            "ALLOW_UNAUTH_METHODS",
        ),
        (
            vec!["serve"],
            vec![("MSSQL_HOST", "x"), ("Trusted_Connection", "yes")],
            2,
            if cfg!(feature = "kerberos") {
                "Kerberos"
            } else {
                "Trusted_Connection: this build has no Kerberos"
            },
        ),
        (
            vec!["serve", "--listen", "0.0.0.0:0"],
            vec![("MSSQL_HOST", "x")],
            1,
            "can be reached from other machines",
        ),
        (
            vec!["serve", "--listen", "nowhere"],
            vec![("MSSQL_HOST", "x")],
            2,
            "--http-listen: \"nowhere\" is no address",
        ),
        (vec!["demo", "--listen", "0.0.0.0:0"], vec![], 1, "can be reached from other machines"),
        (
            vec!["sandbox", "--listen", "0.0.0.0:0"],
            vec![],
            1,
            "the sandbox listens on loopback only",
        ),
        (
            vec!["serve", "--config", "/nonexistent.toml"],
            vec![],
            2,
            "/nonexistent.toml: cannot be read",
        ),
        (vec!["frobnicate"], vec![], 2, "unrecognized subcommand 'frobnicate'"),
        (vec!["serve", "--lmits-max-rows", "5"], vec![], 2, "--limits-max-rows"),
        (vec!["health", "ftp://x"], vec![], 2, "an http:// URL of this machine is expected"),
        (vec!["health", "http://127.0.0.1:1/health"], vec![], 1, "refused"),
    ] {
        let (got, _, err) = run(&args, &env).await;
        assert!(got == Some(status) && err.contains(part), "{args:?}: {got:?} {err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_explains_each_kind_of_failure() {
    let sandbox = mssql_mcp_sandbox::Sandbox::start(Default::default()).await.expect("sandbox");
    let port = sandbox.address().port().to_string();
    let base = [
        ("MSSQL_HOST", "127.0.0.1"),
        ("MSSQL_PORT", port.as_str()),
        ("MSSQL_USER", "sandbox"),
        ("MSSQL_PASSWORD", "Sandbox-1433"),
        ("MSSQL_DATABASE", "trading"),
        ("TrustServerCertificate", "Yes"),
    ];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&'static str, String)> {
        let mut all: Vec<(&'static str, String)> =
            base.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        all.extend(more.iter().map(|(k, v)| (*k, (*v).to_owned())));
        all
    };
    let doctor = async |env: Vec<(&'static str, String)>| {
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        run(&["doctor", "--pool-connect-timeout", "2s"], &env).await
    };
    let (status, out, err) = doctor(with(&[])).await;
    assert_eq!(status, Some(3), "it works, with warnings: {out}{err}");
    for line in [
        "[ok]   configuration",
        "[warn] TrustServerCertificate",
        "[ok]   connection",
        "[ok]   query: SQL Server 16.0.1000.6",
        "[ok]   catalog: 10 tables",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    for (more, part, mend) in [
        (
            vec![("MSSQL_HOST", "no-such-host.invalid")],
            "has no address",
            "database.host (MSSQL_HOST)",
        ),
        (vec![("MSSQL_PORT", "1")], "connection refused", "TCP/IP is on"),
        (vec![("MSSQL_PASSWORD", "wrong")], "error 18456", "MSSQL_USER and MSSQL_PASSWORD"),
        (vec![("MSSQL_DATABASE", "nope")], "error 4060", "MSSQL_DATABASE"),
        (vec![("TrustServerCertificate", "no")], "TLS", "database.ca_file"),
    ] {
        let (status, out, _) = doctor(with(&more)).await;
        assert!(
            status == Some(1) && out.contains(part) && out.contains(mend),
            "{more:?}: {status:?}\n{out}"
        );
        assert!(!out.contains("Sandbox-1433"));
    }
    sandbox.faults(|f| f.login_delay = Some(std::time::Duration::from_secs(30)));
    let (status, out, _) = doctor(with(&[])).await;
    assert!(
        status == Some(1)
            && out.contains("did not answer the login in time (pool.connect_timeout is 2 s)")
            && out.contains("The way to it is open"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn config_shows_values_sources_and_no_secrets() {
    let env = [
        ("MSSQL_HOST", "db"),
        ("MSSQL_USER", "sa"),
        ("MSSQL_PASSWORD", "hunter2 !"),
        ("MSSQL_MCP_LIMITS_MAX_ROWS", "7"),
        ("MSSQL_MCP_AUTH_STORE", "redis://ada:hunter2@cache:6379/0"),
    ];
    let (status, out, _) = run(&["config", "--pool-max-size", "3"], &env).await;
    assert_eq!(status, Some(0));
    for part in [
        "\"db\"",
        "# environment MSSQL_HOST",
        "(redacted)",
        "\"redis://(redacted)@cache:6379/0\"",
        "# environment MSSQL_MCP_LIMITS_MAX_ROWS",
        "# flag --pool-max-size",
        "# default",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(!out.contains("hunter2"));
    let (_, out, _) = run(&["config", "--markdown"], &[]).await;
    assert_eq!(
        out,
        include_str!("../../docs/configuration.md"),
        "docs/configuration.md is stale: `mssql-mcp config --markdown > docs/configuration.md`"
    );
    let (_, out, _) = run(&["--version"], &[]).await;
    assert!(out.starts_with(concat!("mssql-mcp ", env!("CARGO_PKG_VERSION"), " (")), "{out}");
    for shell in ["bash", "zsh", "fish"] {
        let (status, out, _) = run(&["completions", shell], &[]).await;
        assert!(
            status == Some(0) && out.contains("mssql-mcp") && out.contains("doctor"),
            "{shell}"
        );
    }
    let (_, out, _) = run(&["help", "serve"], &[]).await;
    assert!(out.contains("--database-host") && out.contains("--limits-query-timeout"), "{out}");
}
