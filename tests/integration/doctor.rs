//! The doctor finds what is planted, and nothing where nothing is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{Datelike, Duration, Utc};
use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::database::catalog::LIST;
use mssql_mcp::doctor::{Finding, Level, database, examine, rights, rollback};
use mssql_mcp_sandbox::token::Column;
use mssql_mcp_sandbox::types::{Len, Type as Ty, Value as Val};
use mssql_mcp_sandbox::{Options, Sandbox, Script};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{Lab, command, fixed};

/// A folder of a test's own.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("mssql-mcp-doctor-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode");
        path.display().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn found(sandbox: &Sandbox, more: &[(&'static str, &str)]) -> Vec<Finding> {
    let more = [&[("database.trust_server_certificate", "yes")], more].concat();
    let fixed = fixed(sandbox.address().port(), &more);
    examine(&Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config")).await
}

async fn sandbox() -> Sandbox {
    Sandbox::start(Options::default()).await.expect("sandbox")
}

/// The findings of one check that are not as they should be.
fn bad<'a>(all: &'a [Finding], check: &str) -> Vec<&'a Finding> {
    all.iter().filter(|f| f.check == check && f.level != Level::Ok).collect()
}

fn the<'a>(all: &'a [Finding], check: &str) -> &'a Finding {
    let bad = bad(all, check);
    assert_eq!(bad.len(), 1, "{check}: {all:#?}");
    assert!(bad[0].mend.is_some(), "{bad:?}");
    bad[0]
}

fn column(ty: Ty) -> Column {
    Column { name: String::new(), ty, flags: 1 }
}

/// RIGHTS as SQL Server would answer them, with these set.
fn plant(sandbox: &Sandbox, set: &[usize]) {
    let columns: Vec<Column> = (0..15).map(|_| column(Ty::Int)).collect();
    let row = (0..15).map(|i| Val::Int(i64::from(set.contains(&i)))).collect();
    sandbox.script(rights::RIGHTS, Script::new(&columns, &[row], 1));
}

fn plant_tables(sandbox: &Sandbox, names: &[(&str, &str)]) {
    let text = Ty::NVarChar(Len::N(128));
    let rows: Vec<Vec<Val>> =
        names.iter().map(|(s, t)| vec![Val::Str((*s).into()), Val::Str((*t).into())]).collect();
    sandbox.script(rights::TABLES, Script::new(&[column(text), column(text)], &rows, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_beyond_the_access_are_found_with_the_script_that_mends_them() {
    const SELECT: usize = 6;
    const DEFINITIONS: usize = 12;
    let s = sandbox().await;
    plant_tables(&s, &[]);
    // What read-only needs, and no more.
    plant(&s, &[SELECT, DEFINITIONS]);
    let all = found(&s, &[]).await;
    assert!(bad(&all, "permissions").is_empty() && bad(&all, "definitions").is_empty(), "{all:#?}");
    for (set, access, level, what, script) in [
        (vec![0, 5, 6, 7, 12], "full", Level::Fail, "sysadmin", "CREATE LOGIN [mcp]"),
        (
            vec![1, 6, 12],
            "read-only",
            Level::Fail,
            "CONTROL SERVER",
            "DENY CONTROL SERVER TO [sandbox];",
        ),
        (
            vec![2, 3, 6, 12],
            "read-only",
            Level::Fail,
            "IMPERSONATE ANY LOGIN, ALTER ANY LOGIN",
            "REVOKE ALTER ANY LOGIN FROM [sandbox];",
        ),
        (
            vec![4, 5, 6, 12],
            "read-only",
            Level::Fail,
            "db_owner",
            "CREATE USER [mcp] FOR LOGIN [mcp]",
        ),
        (
            vec![5, 6, 12],
            "full",
            Level::Fail,
            "CONTROL on the database",
            "REVOKE CONTROL FROM [dbo];",
        ),
        (
            vec![6, 7, 8, 9, 12, 13],
            "read-only",
            Level::Warn,
            "may INSERT, UPDATE, DELETE",
            "ALTER ROLE db_datawriter DROP MEMBER [dbo];\nDENY INSERT, UPDATE, DELETE ON \
             DATABASE::[trading] TO [dbo];",
        ),
        (
            vec![6, 11, 12],
            "read-only",
            Level::Warn,
            "may EXECUTE",
            "DENY EXECUTE ON DATABASE::[trading] TO [dbo];",
        ),
        (
            vec![6, 7, 8, 9, 10, 12, 14],
            "read-write",
            Level::Warn,
            "may ALTER",
            "ALTER ROLE db_ddladmin DROP MEMBER [dbo];\nDENY ALTER ON",
        ),
        (
            vec![12],
            "read-only",
            Level::Warn,
            "may not SELECT",
            "GRANT SELECT ON DATABASE::[trading] TO [dbo];",
        ),
        (
            vec![6, 7, 12],
            "read-write",
            Level::Warn,
            "may not UPDATE, DELETE",
            "GRANT UPDATE, DELETE ON",
        ),
        (
            vec![6, 7, 8, 9, 12],
            "full",
            Level::Warn,
            "may not ALTER, EXECUTE",
            "GRANT ALTER, EXECUTE ON",
        ),
    ] {
        plant(&s, &set);
        let all = found(&s, &[("access.level", access)]).await;
        let f = the(&all, "permissions");
        let text = f.script.clone().unwrap_or_default();
        assert!(
            f.level == level && f.what.contains(what) && text.contains(script),
            "{set:?}: {f:#?}"
        );
    }
    plant(&s, &[SELECT]);
    let all = found(&s, &[]).await;
    assert!(
        the(&all, "definitions")
            .script
            .as_deref()
            .is_some_and(|t| t.contains("GRANT VIEW DEFINITION TO [dbo];"))
    );
    // Not in the database as a whole, but on single tables.
    plant(&s, &[SELECT, DEFINITIONS]);
    plant_tables(&s, &[("sales", "Orders"), ("dbo", "a]b")]);
    let all = found(&s, &[]).await;
    let f = the(&all, "permissions");
    let script = f.script.as_deref().expect("script");
    assert!(
        script.contains("DENY INSERT, UPDATE, DELETE ON [sales].[Orders] TO [dbo];")
            && script.contains("ON [dbo].[a]]b]"),
        "{script}"
    );
}

/// What a rollback would not undo: each is planted, found, and comes with the script that
/// takes the right away.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_rollback_does_not_undo_is_found() {
    const NAME: Ty = Ty::NVarChar(Len::N(128));
    let s = sandbox().await;
    plant_tables(&s, &[]);
    plant(&s, &[6, 12]);
    let rows = |names: &[&[&str]]| {
        let columns: Vec<Column> =
            (0..names.first().map_or(1, |n| n.len())).map(|_| column(NAME)).collect();
        let rows: Vec<Vec<Val>> =
            names.iter().map(|n| n.iter().map(|p| Val::Str((*p).into())).collect()).collect();
        Script::new(&columns, &rows, rows.len() as u64)
    };
    let all = found(&s, &[]).await;
    assert!(
        bad(&all, "rollback").is_empty() && all.iter().any(|f| f.check == "rollback"),
        "{all:#?}"
    );
    let planted: [(&str, &[&[&str]], &str); 7] = [
        (
            "sequences",
            &[&["sales", "Numbers"]],
            "DENY UPDATE ON OBJECT::[sales].[Numbers] TO [dbo];",
        ),
        ("linked servers", &[&["ERP"], &["it's"]], "EXEC sp_droplinkedsrvlogin N'it''s', NULL;"),
        (
            "extended procedures",
            &[&["xp_dirtree"], &["sp_OACreate"]],
            "DENY EXECUTE ON OBJECT::sys.[sp_OACreate] TO [sandbox];",
        ),
        (
            "assemblies",
            &[&["dbo", "FetchUrl"]],
            "DENY EXECUTE ON OBJECT::[dbo].[FetchUrl] TO [dbo];",
        ),
        (
            "web services",
            &[&["sp_invoke_external_rest_endpoint"]],
            "DENY EXECUTE ANY EXTERNAL ENDPOINT TO [dbo];",
        ),
        ("WITH LOG", &[&["ALTER TRACE"]], "DENY ALTER TRACE TO [sandbox];"),
        (
            "five rollbacks",
            &[&["dbo", "InQueue"]],
            "DENY RECEIVE ON OBJECT::[dbo].[InQueue] TO [dbo];",
        ),
    ];
    for (l, (what, names, script)) in rollback::LASTING.iter().zip(planted) {
        s.script(l.query, rows(names));
        let all = found(&s, &[]).await;
        let f = the(&all, "rollback");
        let text = f.script.as_deref().unwrap_or_default();
        assert!(f.level == Level::Warn && f.what.contains(what) && text.contains(script), "{f:#?}");
        assert!(names.iter().all(|n| f.what.contains(&n.join("."))), "{f:#?}");
        s.script(l.query, rows(&[]));
    }
    // Numbers are taken from sequences by those who may write.
    s.script(rollback::LASTING[0].query, rows(&[&["sales", "Numbers"]]));
    plant(&s, &[6, 7, 8, 9, 12]);
    let all = found(&s, &[("access.level", "read-write")]).await;
    assert!(bad(&all, "rollback").is_empty(), "{all:#?}");
    // To a sysadmin nothing can be denied.
    plant(&s, &[0, 6, 12]);
    assert!(!found(&s, &[]).await.iter().any(|f| f.check == "rollback"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_a_version_a_small_server_and_an_empty_catalog_are_found() {
    let s = sandbox().await;
    let about = |version: &str, clock: chrono::DateTime<Utc>, most: i64| {
        let name = Ty::NVarChar(Len::N(128));
        let columns = [name, name, name, name, name, name, Ty::Int].map(column);
        let time = clock.format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
        let text = |t: &str| Val::Str(t.into());
        let row = vec![
            text(version),
            text("Edition"),
            text("trading"),
            text("sandbox"),
            text("dbo"),
            text(&time),
            Val::Int(most),
        ];
        Script::new(&columns, &[row], 1)
    };
    let ask = async |script| {
        s.script(database::ABOUT, script);
        found(&s, &[]).await
    };
    let now = Utc::now();
    let all = ask(about("16.0.1", now, 32767)).await;
    assert!(
        ["clock", "server version", "pool"].iter().all(|c| bad(&all, c).is_empty()),
        "{all:#?}"
    );
    let all = ask(about("16.0.1", now - Duration::seconds(30), 32767)).await;
    assert_eq!(the(&all, "clock").level, Level::Warn);
    let all = ask(about("13.0.5026.0", now + Duration::minutes(10), 15)).await;
    assert_eq!(the(&all, "clock").level, Level::Fail);
    assert!(the(&all, "pool").what.contains("15 connections"));
    assert!(bad(&all, "server version")[0].what.contains("older than SQL Server 2019"));
    s.script(LIST, Script::new(&[column(Ty::Int)], &[], 1));
    let all = found(&s, &[]).await;
    assert!(
        the(&all, "catalog")
            .script
            .as_deref()
            .is_some_and(|t| t.contains("db_datareader ADD MEMBER [dbo]"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_the_database_is_looked_at() {
    let s = sandbox().await;
    let all = found(&s, &[]).await;
    assert_eq!(the(&all, "TrustServerCertificate").level, Level::Warn);
    let all = found(&s, &[("database.encrypt", "login-only")]).await;
    assert_eq!(the(&all, "encryption").level, Level::Warn);
    let plain =
        Sandbox::start(Options { tls: false, ..Options::default() }).await.expect("sandbox");
    let all = found(&plain, &[("database.encrypt", "off")]).await;
    assert_eq!(the(&all, "encryption").level, Level::Fail);
    for (days, level) in [(10, Level::Warn), (2, Level::Fail), (-5, Level::Fail)] {
        let end = Utc::now() + Duration::days(days);
        let expires = Some((end.year(), end.month() as u8, end.day() as u8));
        let s = Sandbox::start(Options { expires, ..Options::default() }).await.expect("sandbox");
        let all = found(&s, &[]).await;
        assert_eq!(the(&all, "database certificate").level, level, "{days} days");
    }
    // Stages in their order: what failed is named, and nothing after it is looked at.
    let all = found(&s, &[("database.password", "wrong")]).await;
    assert!(
        the(&all, "connection").what.contains("18456")
            && !all.iter().any(|f| f.check == "permissions"),
        "{all:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_the_store_and_the_audit_log_are_looked_at() {
    let (s, dir) = (sandbox().await, Dir::new("files"));
    let port = s.address().port();
    let with_file = async |mode: u32| {
        let text = format!(
            "[database]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"sandbox\"\npassword = \
             \"Sandbox-1433\"\nname = \"trading\"\ntrust_server_certificate = true\n"
        );
        let file = dir.file("server.toml", &text, mode);
        let inputs = Inputs { file: Some(file.into()), ..Inputs::default() };
        examine(&Config::load(&inputs).expect("config")).await
    };
    assert!(bad(&with_file(0o600).await, "files").is_empty());
    assert_eq!(the(&with_file(0o640).await, "files").level, Level::Warn);
    let all = with_file(0o644).await;
    let f = the(&all, "files");
    assert!(
        f.level == Level::Fail && f.script.as_deref().is_some_and(|t| t.starts_with("chmod 600")),
        "{f:?}"
    );

    let sign_in = |store: &str, audit: &str| -> Vec<(&'static str, String)> {
        vec![
            ("auth.mode", "builtin".into()),
            ("auth.store", store.to_owned()),
            ("audit.dir", audit.to_owned()),
        ]
    };
    let look = async |store: &str, audit: &str| {
        let owned = sign_in(store, audit);
        let more: Vec<(&'static str, &str)> = owned.iter().map(|(k, v)| (*k, v.as_str())).collect();
        found(&s, &more).await
    };
    let audit = dir.0.join("audit").display().to_string();
    let all = look("memory", &audit).await;
    assert!(
        the(&all, "store").what.contains("in memory") && bad(&all, "audit").is_empty(),
        "{all:#?}"
    );
    assert!(!std::path::Path::new(&audit).exists(), "whoever looks makes nothing");
    let fresh = format!("sqlite:{}", dir.0.join("none.db").display());
    assert!(the(&look(&fresh, &audit).await, "store").what.contains("does not exist yet"));
    assert!(!dir.0.join("none.db").exists(), "looking makes nothing");
    // One with nobody in it, then with somebody.
    let file = dir.0.join("people.db").display().to_string();
    let store = format!("sqlite:{file}");
    let records = mssql_mcp::oauth::store::Records::open(&store).expect("store");
    assert!(the(&look(&store, &audit).await, "store").what.contains("nobody may sign in"));
    let user = mssql_mcp::oauth::people::User::new("x".into(), vec![]);
    mssql_mcp::oauth::people::People::new(records).put("ada", &user).await.expect("put");
    let all = look(&store, &audit).await;
    assert!(
        bad(&all, "store").is_empty()
            && all.iter().any(|f| f.what.contains("1 person may sign in")),
        "{all:#?}"
    );
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("mode");
    let all = look(&store, &audit).await;
    assert!(bad(&all, "files").iter().any(|f| f.what.contains("people.db")), "{all:#?}");
    let garbage = dir.file("garbage.db", &"not a database ".repeat(1000), 0o600);
    assert_eq!(the(&look(&format!("sqlite:{garbage}"), &audit).await, "store").level, Level::Fail);
    assert_eq!(the(&look("redis://127.0.0.1:1/0", &audit).await, "store").level, Level::Fail);
    assert_eq!(the(&look(&store, "").await, "audit").level, Level::Warn);
    assert_eq!(the(&look(&store, "/dev/null/audit").await, "audit").level, Level::Fail);
}

/// Answers each path with status, headers and body.
async fn answers(map: BTreeMap<String, (u16, String, String)>) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = tcp.local_addr().expect("address");
    tokio::spawn(async move {
        loop {
            let (mut io, _) = tcp.accept().await.expect("accept");
            let map = map.clone();
            tokio::spawn(async move {
                let mut b = vec![0; 8192];
                let n = io.read(&mut b).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&b[..n]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, headers, body) =
                    map.get(&path).cloned().unwrap_or((404, String::new(), String::new()));
                let own = address.to_string();
                let (headers, body) = (headers.replace("SELF", &own), body.replace("SELF", &own));
                let answer = format!(
                    "HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\nConnection: \
                     close\r\n\r\n{body}",
                    body.len()
                );
                let _ = io.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

type Site = BTreeMap<String, (u16, String, String)>;

/// A site whose documents are as they should be.
fn site() -> Site {
    let mut all = Site::new();
    for e in ["/mcp", "/sse"] {
        let document = format!("/.well-known/oauth-protected-resource{e}");
        let challenge =
            format!("WWW-Authenticate: Bearer resource_metadata=\"http://SELF{document}\"\r\n");
        all.insert(e.to_owned(), (401, challenge, String::new()));
        let body = json!({ "resource": format!("http://SELF{e}"), "authorization_servers": ["http://SELF"] });
        all.insert(document, (200, String::new(), body.to_string()));
    }
    all.insert(
        "/.well-known/oauth-authorization-server".into(),
        (200, String::new(), json!({ "issuer": "http://SELF" }).to_string()),
    );
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_see_from_outside_is_looked_at() {
    let s = sandbox().await;
    let look = async |url: String| {
        found(&s, &[("auth.mode", "builtin"), ("auth.store", "memory"), ("http.public_url", &url)])
            .await
    };
    // The server itself, as it should be.
    let port = crate::support::free();
    let url = format!("http://{port}");
    let lab =
        Lab::new(&[("auth.mode", "builtin"), ("auth.store", "memory"), ("http.public_url", &url)])
            .await;
    let (_, stop) = lab.serve_at(port).await;
    let all = look(url.clone()).await;
    assert!(
        bad(&all, "discovery").is_empty() && all.iter().any(|f| f.check == "discovery"),
        "{all:#?}"
    );
    stop.now.cancel();
    stop.closing.cancel();
    // And with one thing wrong each.
    assert!(
        bad(&look(format!("http://{}", answers(site()).await)).await, "discovery").is_empty(),
        "the double is as the server"
    );
    let wrong = |f: &dyn Fn(&mut Site)| {
        let mut all = site();
        f(&mut all);
        all
    };
    let with = |path: &str, v: Value| -> (String, (u16, String, String)) {
        (path.to_owned(), (200, String::new(), v.to_string()))
    };
    let document = "/.well-known/oauth-protected-resource/mcp";
    for (what, site) in [
        (
            "answers 200 without a token",
            wrong(&|s| drop(s.insert("/mcp".into(), (200, String::new(), String::new())))),
        ),
        (
            "does not name",
            wrong(&|s| {
                drop(s.insert(
                    "/sse".into(),
                    (401, "WWW-Authenticate: Bearer\r\n".into(), String::new()),
                ))
            }),
        ),
        ("it answers 404", wrong(&|s| drop(s.remove(document)))),
        (
            "clients compare that",
            wrong(&|s| {
                s.extend([with(
                    document,
                    json!({ "resource": "http://SELF/other", "authorization_servers": ["http://SELF"] }),
                )])
            }),
        ),
        (
            "does not lead to",
            wrong(&|s| {
                s.extend([with(
                    document,
                    json!({ "resource": "http://SELF/mcp", "authorization_servers": ["http://evil"] }),
                )])
            }),
        ),
        (
            "another issuer",
            wrong(&|s| {
                s.extend([with(
                    "/.well-known/oauth-authorization-server",
                    json!({ "issuer": "http://other" }),
                )])
            }),
        ),
    ] {
        let all = look(format!("http://{}", answers(site).await)).await;
        let f = the(&all, "discovery");
        assert!(f.level == Level::Fail && f.what.contains(what), "{what}: {f:?}");
    }
    let gone = crate::support::free();
    assert_eq!(the(&look(format!("http://{gone}")).await, "public URL").level, Level::Fail);
    // An issuer elsewhere whose clock is ten minutes behind.
    let late = (Utc::now() - Duration::minutes(10)).to_rfc2822().replace("+0000", "GMT");
    let mut theirs = Site::new();
    theirs.insert(
        "/.well-known/oauth-authorization-server".into(),
        (200, format!("Date: {late}\r\n"), json!({ "issuer": "http://SELF" }).to_string()),
    );
    let issuer = format!("http://{}", answers(theirs).await);
    let ours = wrong(&|s| {
        for e in ["/mcp", "/sse"] {
            let v =
                json!({ "resource": format!("http://SELF{e}"), "authorization_servers": [issuer] });
            s.extend([with(&format!("/.well-known/oauth-protected-resource{e}"), v)]);
        }
    });
    let url = format!("http://{}", answers(ours).await);
    let all = found(
        &s,
        &[("auth.mode", "external"), ("auth.issuer", &issuer), ("http.public_url", &url)],
    )
    .await;
    assert!(the(&all, "clock").what.contains("the issuer's clock"), "{all:#?}");
    // A proxy in front that is not named.
    let all = found(
        &s,
        &[
            ("auth.mode", "builtin"),
            ("auth.store", "memory"),
            ("http.public_url", "https://127.0.0.1:1"),
        ],
    )
    .await;
    assert!(the(&all, "proxies").what.contains("one network"));
    assert_eq!(the(&all, "public certificate").level, Level::Fail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_certificate_and_the_collector_are_looked_at_and_the_status_says_how_bad_it_is() {
    let (s, dir) = (sandbox().await, Dir::new("public"));
    let port = s.address().port().to_string();
    let base = [
        "--database-host",
        "127.0.0.1",
        "--database-port",
        &port,
        "--database-user",
        "sandbox",
        "--database-name",
        "trading",
    ];
    let ca = dir.file("db.pem", s.certificate(), 0o600);
    let doctor = async |more: &[&str], env: &[(&str, &str)]| -> (Option<i32>, Value) {
        let args = [&["doctor", "--json", "--database-ca-file", &ca][..], &base, more].concat();
        let mut c = command(&args);
        c.env("MSSQL_PASSWORD", "Sandbox-1433").envs(env.iter().copied());
        let out = c.output().await.expect("run");
        let v = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&out.stderr)));
        (out.status.code(), v)
    };
    let of = |v: &Value, check: &str| -> Vec<Value> {
        v["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .filter(|f| f["check"] == check)
            .cloned()
            .collect()
    };
    // All is well.
    plant(&s, &[6, 12]);
    plant_tables(&s, &[]);
    let (status, v) = doctor(&[], &[]).await;
    assert_eq!((status, &v["level"]), (Some(0), &json!("ok")), "{v:#}");
    // A warning, a failure, and a configuration that cannot be read.
    plant(&s, &[6, 11, 12]);
    let (status, v) = doctor(&[], &[]).await;
    assert_eq!((status, &v["level"]), (Some(3), &json!("warn")), "{v:#}");
    assert!(
        of(&v, "permissions")[0]["script"].as_str().is_some_and(|t| t.contains("DENY EXECUTE"))
    );
    plant(&s, &[6, 12]);
    let (status, v) =
        doctor(&["--tools-search", "yes", "--tools-search-rows", "sales.Customers.Nmae"], &[])
            .await;
    assert!(
        status == Some(3)
            && of(&v, "search")[0]["what"].as_str().is_some_and(|t| t.contains("no such column")),
        "{v:#}"
    );
    plant(&s, &[0]);
    assert_eq!(doctor(&[], &[]).await.0, Some(1));
    let (status, v) = doctor(&["--limits-max-rows", "0", "--pool-wait", "soon"], &[]).await;
    assert_eq!((status, of(&v, "configuration").len()), (Some(2), 2), "{v:#}");
    plant(&s, &[6, 12]);

    // A site over TLS, by an authority of its own, whose certificate ends soon.
    let key = rcgen::KeyPair::generate().expect("key");
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("params");
    let end = Utc::now() + Duration::days(9);
    params.not_after = rcgen::date_time_ymd(end.year(), end.month() as u8, end.day() as u8);
    let cert = params.self_signed(&key).expect("certificate");
    let pem = dir.file("site.pem", &cert.pem(), 0o600);
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("identity");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let url = format!("https://localhost:{}", tcp.local_addr().expect("address").port());
    tokio::spawn(async move {
        loop {
            let (io, _) = tcp.accept().await.expect("accept");
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut tls) = acceptor.accept(io).await else { return };
                let mut b = [0; 4096];
                let _ = tls.read(&mut b).await;
                let _ = tls
                    .write_all(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .await;
                let _ = tls.shutdown().await;
            });
        }
    });
    let sign_in = ["--auth-mode", "builtin", "--auth-store", "memory", "--http-public-url", &url];
    let (_, v) = doctor(&sign_in, &[]).await;
    assert_eq!(of(&v, "public certificate")[0]["level"], "warn", "{v:#}");
    assert!(
        of(&v, "public URL")[0]["what"].as_str().is_some_and(|t| t.contains("TLS failed")),
        "nobody trusts it: {v:#}"
    );
    let (_, v) = doctor(&sign_in, &[("SSL_CERT_FILE", &pem)]).await;
    assert!(
        of(&v, "public URL").is_empty() && !of(&v, "discovery").is_empty(),
        "now it is trusted, and has no documents: {v:#}"
    );

    // The collector: nobody there, somebody who refuses, somebody who takes it.
    let nobody = answers(Site::new()).await;
    let (status, v) = doctor(&["--telemetry-endpoint", "http://127.0.0.1:9"], &[]).await;
    assert_eq!(
        (status, of(&v, "telemetry").len(), &of(&v, "telemetry")[0]["level"]),
        (Some(3), 3, &json!("warn")),
        "{v:#}"
    );
    let (_, v) = doctor(&["--telemetry-endpoint", &format!("http://{nobody}")], &[]).await;
    assert!(
        of(&v, "telemetry")[0]["what"].as_str().is_some_and(|t| t.contains("answers 404")),
        "{v:#}"
    );
    let takes = ["traces", "metrics", "logs"]
        .map(|s| (format!("/v1/{s}"), (200, String::new(), String::new())));
    let somebody = answers(takes.into_iter().collect()).await;
    let (status, v) = doctor(
        &["--telemetry-endpoint", &format!("http://{somebody}")],
        &[("OTEL_TRACES_EXPORTER", "none")],
    )
    .await;
    assert_eq!((status, of(&v, "telemetry").len()), (Some(0), 2), "{v:#}");
}
