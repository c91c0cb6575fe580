//! `user` and `token` beside a running server, and where they are kept.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn people_and_tokens_are_managed_beside_a_running_server() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-people-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let (_lab, address) = lab(&[("auth.store", store.as_str())], &SCOPES).await;
    let run = async |args: &[&str], input: &str| {
        let mut c = crate::support::command(args);
        c.args(["--auth-store", &store]);
        let mut child = c.spawn().expect("spawn");
        use tokio::io::AsyncWriteExt as _;
        child.stdin.take().expect("stdin").write_all(input.as_bytes()).await.expect("write");
        let out = child.wait_with_output().await.expect("output");
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    let (status, out, err) = run(
        &["user", "add", "bob", "--scopes", "mssql:read", "--password-stdin"],
        "a long enough one\n",
    )
    .await;
    assert_eq!((status, out.trim()), (Some(0), "bob: active, mssql:read"), "{err}");
    assert_eq!(
        run(&["user", "add", "bob", "--password-stdin"], "a long enough one\n").await.0,
        Some(2)
    );
    assert!(
        run(&["user", "add", "eve", "--password-stdin"], "short\n")
            .await
            .2
            .contains("at least 12 characters")
    );
    assert!(run(&["user", "list"], "").await.1.contains("bob\tactive\tmssql:read"));
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    b.submit(
        address,
        "/authorize",
        &[
            ("do", "login"),
            ("request", &query),
            ("username", "bob"),
            ("password", "a long enough one"),
        ],
    )
    .await;
    let back =
        returned(&b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await);
    let t = token(address, &client, value(&back, "code"), &[]).await.json();
    let access = t["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(call(address, &access, "SELECT 1 AS a").await.status, 200);
    assert_eq!(run(&["user", "disable", "bob"], "").await.0, Some(0));
    crate::support::until("the token has ended", async || {
        call(address, &access, "SELECT 1 AS a").await.status == 401
    })
    .await;

    let (_, machine, _) = run(&["token", "create", "etl", "--days", "1"], "").await;
    let machine = machine.trim().to_owned();
    assert!(machine.starts_with("mcp_"));
    assert_eq!(call(address, &machine, "SELECT 1 AS a").await.status, 200);
    assert_eq!(call(address, &machine, "DELETE dbo.Employees").await.status, 403);
    let (_, list, _) = run(&["token", "list"], "").await;
    assert!(list.contains("etl\tmssql:read") && !list.contains(&machine[4..]), "{list}");
    assert_eq!(run(&["token", "revoke", "etl"], "").await.0, Some(0));
    crate::support::until("it is revoked", async || {
        call(address, &machine, "SELECT 1 AS a").await.status == 401
    })
    .await;
    assert_eq!(run(&["token", "revoke", "etl"], "").await.0, Some(2));
    let (_, export, _) = run(&["store", "export"], "").await;
    assert!(
        export.lines().count() > 3
            && export.contains("\"kind\":\"user\"")
            && !export.contains(&access),
        "{export}"
    );
    assert_eq!(run(&["store", "prune"], "").await.0, Some(0));
    // What is on disk opens nothing.
    let bytes = std::fs::read(&file).expect("the store");
    for secret in [machine.as_str(), access.as_str(), "a long enough one"] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()));
    }
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

/// A command in a folder, with this home and more in its environment: status, stdout, stderr.
async fn at_home(
    home: &std::path::Path,
    folder: &std::path::Path,
    args: &[&str],
    env: &[(&str, &str)],
    input: &str,
) -> (Option<i32>, String, String) {
    use tokio::io::AsyncWriteExt as _;
    let mut c = crate::support::command(args);
    c.current_dir(folder)
        .env("HOME", home)
        .env_remove("XDG_DATA_HOME")
        .env_remove("LOG_LEVEL")
        .envs(env.iter().copied());
    let mut child = c.spawn().expect("spawn");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).await.expect("write");
    let out = child.wait_with_output().await.expect("output");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

/// Everything below a folder.
fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

/// The store is where it is, wherever a command is started; nobody makes one by looking, and who
/// makes one says so.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_in_one_place_and_no_command_makes_one_in_silence() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = std::env::temp_dir().join(format!("mssql-mcp-home-{}", std::process::id()));
    let (here, there) = (home.join("here"), home.join("there"));
    [&here, &there].iter().for_each(|d| std::fs::create_dir_all(d).expect("dir"));
    let file = home.join(".local/share/mssql-mcp/mssql-mcp.db");
    let path = file.to_str().expect("path");
    let looks: [&[&str]; 10] = [
        &["user", "list"],
        &["user", "passwd", "ada", "--password-stdin"],
        &["user", "disable", "ada"],
        &["user", "enable", "ada"],
        &["user", "scopes", "ada", "mssql:read"],
        &["user", "remove", "ada"],
        &["token", "list"],
        &["token", "revoke", "etl"],
        &["store", "export"],
        &["store", "prune"],
    ];
    for args in looks {
        let (status, out, err) = at_home(&home, &here, args, &[], "a long enough one\n").await;
        assert!(
            status == Some(2) && out.is_empty() && err.contains(&format!("no store at {path}")),
            "{args:?}: {out}{err}"
        );
    }
    let add = ["user", "add", "ada", "--password-stdin"];
    let (status, _, err) = at_home(&home, &here, &add, &[], "short\n").await;
    assert!(status == Some(2) && err.contains("at least 12"), "{err}");
    assert_eq!(files(&home), Vec::<std::path::PathBuf>::new(), "none of them made anything");
    let (status, out, err) = at_home(&home, &here, &add, &[], "a long enough one\n").await;
    assert_eq!((status, out.trim()), (Some(0), "ada: active, mssql:read"), "{err}");
    assert!(err.contains(&format!("made a new store at {path}")), "{err}");
    let mode =
        |p: &std::path::Path| std::fs::metadata(p).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().expect("folder"))), (0o600, 0o700));
    // From another folder, with a talkative server's environment: the same store, and
    // nothing but the answer.
    let loud =
        [("LOG_LEVEL", "trace"), ("TrustServerCertificate", "yes"), ("MSSQL_HOST", "127.0.0.1")];
    for (args, answer) in [
        (&["user", "list"][..], "ada\tactive\tmssql:read\n"),
        (
            &["user", "scopes", "ada", "mssql:write", "mssql:read"],
            "ada: active, mssql:read,mssql:write\n",
        ),
        (
            &["user", "scopes", "ada", "--scopes", "mssql:schema,mssql:read"],
            "ada: active, mssql:read,mssql:schema\n",
        ),
        (&["user", "disable", "ada"], "ada: disabled, mssql:read,mssql:schema\n"),
        (&["user", "enable", "ada"], "ada: active, mssql:read,mssql:schema\n"),
        (&["token", "list"], ""),
        (&["store", "prune"], ""),
        (&["user", "remove", "ada"], "ada: removed\n"),
        (&["user", "list"], ""),
    ] {
        let got = at_home(&home, &there, args, &loud, "").await;
        assert_eq!(got, (Some(0), answer.to_owned(), String::new()), "{args:?}");
    }
    for (args, why) in [
        (&["user", "remove", "ada"][..], "there is no ada"),
        (&["user", "scopes", "ada", "mssql:read"], "there is no ada"),
        (&["user", "scopes", "ada", "read"], "mssql:read"),
        (&["user", "scopes", "ada"], "SCOPE"),
    ] {
        let (status, _, err) = at_home(&home, &there, args, &[], "").await;
        assert!(status == Some(2) && err.contains(why), "{args:?}: {err}");
    }
    // Where the person's system keeps data elsewhere; a relative path is none
    // (XDG Base Directory Specification).
    let elsewhere = home.join("data");
    for (xdg, at) in [
        (elsewhere.to_str().expect("path"), elsewhere.join("mssql-mcp/mssql-mcp.db")),
        ("data", file.clone()),
    ] {
        let (_, out, _) = at_home(&home, &there, &["config"], &[("XDG_DATA_HOME", xdg)], "").await;
        assert!(out.contains(&format!("{:?}", format!("sqlite:{}", at.display()))), "{out}");
    }
    // A store that an earlier version left in the folder is named, and not used unasked.
    std::fs::rename(&file, here.join("mssql-mcp.db")).expect("moved");
    let (status, _, err) = at_home(&home, &here, &["user", "list"], &[], "").await;
    assert!(
        status == Some(2) && err.contains(here.join("mssql-mcp.db").to_str().expect("path")),
        "{err}"
    );
    // A server that begins with nobody says so.
    let port = crate::support::free();
    let mut c = crate::support::command(&[
        "serve",
        "--auth-mode",
        "builtin",
        "--listen",
        &port.to_string(),
    ]);
    c.current_dir(&there)
        .env("HOME", &home)
        .env("MSSQL_HOST", "127.0.0.1")
        .env("MSSQL_USER", "u")
        .env("MSSQL_PASSWORD", "p");
    let mut child = c.spawn().expect("spawn");
    crate::support::until("it listens", async || {
        tokio::net::TcpStream::connect(port).await.is_ok()
    })
    .await;
    child.start_kill().expect("killed");
    let said = String::from_utf8_lossy(&child.wait_with_output().await.expect("output").stderr)
        .into_owned();
    assert!(said.contains(&format!("made a new store at {path}")), "{said}");
    std::fs::remove_dir_all(home).expect("clean");
}

/// Who is removed leaves nothing: whoever gets the name later inherits neither tokens nor a browser
/// that is signed in.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_inherits_what_a_removed_person_granted() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-removed-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let (_lab, address) = lab(&[("auth.store", store.as_str())], &SCOPES).await;
    let home = std::env::temp_dir();
    let run = async |args: &[&str]| {
        let all = [args, &["--auth-store", store.as_str()]].concat();
        let (status, _, err) = at_home(&home, &home, &all, &[], &format!("{PASSWORD}\n")).await;
        assert_eq!(status, Some(0), "{args:?}: {err}");
    };
    let (_, t) = tokens(address, "mssql:read mssql:write").await;
    let access = t["access_token"].as_str().expect("a token");
    let update = "UPDATE dbo.Employees SET Name = Name";
    assert_eq!(call(address, access, update).await.status, 200);
    // With fewer rights than before, all that was given ends; and stays so when they come back.
    run(&["user", "scopes", "ada", "mssql:read"]).await;
    crate::support::until("the token has ended", async || {
        call(address, access, update).await.status == 401
    })
    .await;
    run(&["user", "scopes", "ada", "mssql:read,mssql:write"]).await;
    let (client, t) = tokens(address, "mssql:read mssql:write").await;
    let access = t["access_token"].as_str().expect("a token");
    assert_eq!(call(address, access, update).await.status, 200);
    // Another password likewise, with the browser that was signed in.
    let mut b = Browser::default();
    b.decide(address, &authorization(&client, &[]), "deny").await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("Sign out"));
    run(&["user", "passwd", "ada", "--password-stdin"]).await;
    crate::support::until("the token has ended", async || {
        call(address, access, update).await.status == 401
    })
    .await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("type=\"password\""));
    let (client, t) = tokens(address, "mssql:read mssql:write").await;
    let access = t["access_token"].as_str().expect("a token");
    // A browser that is signed in, and a code that nobody has exchanged yet.
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    let back = returned(&b.decide(address, &query, "approve").await);
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("Claude"));
    run(&["user", "remove", "ada"]).await;
    crate::support::until("the token has ended", async || {
        call(address, access, "SELECT 1 AS a").await.status == 401
    })
    .await;
    run(&["user", "add", "ada", "--password-stdin"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(
        call(address, access, "SELECT 1 AS a").await.status,
        401,
        "another person of that name"
    );
    let refresh = t["refresh_token"].as_str().expect("a token");
    let ask = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", client.as_str()),
    ];
    assert_eq!(post(address, "/token", &ask).await.status, 400);
    assert_eq!(token(address, &client, value(&back, "code"), &[]).await.status, 400);
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("type=\"password\""));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

/// At a terminal a password that is too short is refused at once, and not after it was typed again.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_password_is_refused_at_the_first_typing() {
    const AT_A_TERMINAL: &str = r#"
import os, pty, sys
pid, tty = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
try:
    while b"Password: " not in seen:
        seen += os.read(tty, 1000)
    os.write(tty, b"short\n")
    while b"Again" not in seen:
        seen += os.read(tty, 1000)
except OSError:
    pass
else:
    os.write(tty, b"short\n")
    while True:
        try:
            seen += os.read(tty, 1000)
        except OSError:
            break
sys.stdout.write(seen.decode() + "\nstatus %d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let dir = std::env::temp_dir().join(format!("mssql-mcp-terminal-{}", std::process::id()));
    let store = format!("sqlite:{}", dir.join("store.db").display());
    let mut c = tokio::process::Command::new("python3");
    c.args(["-c", AT_A_TERMINAL]).arg(crate::support::binary()).args([
        "user",
        "add",
        "ada",
        "--auth-store",
        &store,
    ]);
    let out = tokio::time::timeout(crate::support::PATIENCE, c.output())
        .await
        .expect("in time")
        .expect("python3");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("at least 12 characters")
            && text.ends_with("status 2")
            && !text.contains("Again"),
        "{text}"
    );
    assert!(!dir.exists(), "and nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_have_to_wait() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    let mut last = 0;
    for _ in 0..8 {
        let pairs = [
            ("do", "login"),
            ("request", query.as_str()),
            ("username", "ada"),
            ("password", "guess guess guess"),
        ];
        last = b.submit(address, "/authorize", &pairs).await.status;
    }
    assert_eq!(last, 429);
}
