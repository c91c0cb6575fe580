//! `init`: a database that answers, one that does not, a connection string, and what is there
//! already.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Folder, Stdio1, command};
use crate::terminal::dialogue;

/// A database, and a home whose owner asks for it.
struct Desk {
    sandbox: Sandbox,
    home: Folder,
}

impl Desk {
    async fn new(name: &str) -> Self {
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        Self { sandbox, home: Folder::new(&format!("init-{name}")) }
    }

    fn host(&self) -> String {
        format!("localhost,{}", self.sandbox.address().port())
    }

    fn ca(&self) -> String {
        self.home.file("ca.pem", self.sandbox.certificate())
    }

    fn made(&self, name: &str) -> PathBuf {
        self.home.0.join(".config/mssql-mcp").join(name)
    }

    /// A command in this home.
    fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut c = command(args);
        c.env("HOME", &self.home.0).env_remove("XDG_CONFIG_HOME");
        c
    }

    /// `mssql-mcp init …` with these lines on stdin: status, stdout, stderr.
    async fn init(&self, args: &[&str], lines: &str) -> (Option<i32>, String, String) {
        let mut c = self.command(&[&["init"], args].concat());
        // Another database of this shell is none of it.
        let mut child = c.env("MSSQL_HOST", "another.invalid").spawn().expect("start");
        let mut stdin = child.stdin.take().expect("stdin");
        // One that has ended already does not read.
        let _ = stdin.write_all(lines.as_bytes()).await;
        drop(stdin);
        let out = child.wait_with_output().await.expect("run");
        let text = |b| String::from_utf8(b).expect("UTF-8");
        let (status, out, err) = (out.status.code(), text(out.stdout), text(out.stderr));
        assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{out}{err}");
        (status, out, err)
    }
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("file").permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_tested_and_becomes_a_configuration() {
    let desk = Desk::new("lines").await;
    let lines = format!("{}\n\n{USER}\n{PASSWORD}\n{DATABASE}\n", desk.host());
    let ca = desk.ca();
    let (status, out, err) = desk.init(&["--database-ca-file", &ca], &lines).await;
    assert_eq!(status, Some(0), "{out}{err}");
    let (toml, password) = (desk.made("mssql-mcp.toml"), desk.made("mssql-mcp.password"));
    assert_eq!(out, format!("{}\n{}\n", password.display(), toml.display()), "{err}");
    assert_eq!((read(&password).as_str(), mode(&password)), (PASSWORD, 0o600));
    assert_eq!(mode(toml.parent().expect("folder")), 0o700);
    let text = read(&toml);
    assert_eq!(
        text.split_once('\n').expect("lines").1,
        format!(
            "\n[database]\nca_file = \"{ca}\"\nhost = \"{}\"\nuser = \"{USER}\"\n\
             password_file = \"{}\"\nname = \"{DATABASE}\"\n",
            desk.host(),
            password.display()
        )
    );
    assert!(
        err.contains("[ok]   connection: ") && err.contains("mssql-mcp install --config "),
        "{err}"
    );
    // It is what it says it is.
    let mut c = desk.command(&["call", "--config", toml.to_str().expect("path"), "list_tables"]);
    let out = c.output().await.expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    // What is there is not touched without a word, nor asked for.
    let (status, _, err) = desk.init(&[], &lines).await;
    assert!(status == Some(2) && err.contains("is there already: --force"), "{err}");
    assert_eq!(read(&toml), text);
    let (status, out, err) = desk.init(&["--force", "--database-ca-file", &ca], &lines).await;
    assert_eq!((status, read(&toml) == text), (Some(0), true), "{out}{err}");
    let other = desk.host() + "\n\nsomebody\nelse\n\n";
    let (status, ..) = desk.init(&["--force", "--no-check"], &other).await;
    assert_eq!((status, read(&password).as_str()), (Some(0), "else"));
    let copies = fs::read_dir(toml.parent().expect("folder")).expect("folder").filter(|e| {
        let name = e.as_ref().expect("entry").file_name().into_string().expect("name");
        name.starts_with("mssql-mcp.toml.bak-") || name.starts_with("mssql-mcp.password.bak-")
    });
    assert_eq!(copies.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_string_says_most_and_its_password_goes_into_the_file() {
    let desk = Desk::new("string").await;
    let file = desk.home.0.join("own.toml");
    let given = ["--config", file.to_str().expect("path")];
    let string = format!(
        "Server=tcp:{};User ID={USER};Password='{PASSWORD}';TrustServerCertificate=yes\n{DATABASE}\n",
        desk.host()
    );
    let (status, out, err) = desk.init(&given, &string).await;
    assert_eq!(status, Some(0), "{out}{err}");
    let text = read(&file);
    for part in ["trust_server_certificate = true\n", &format!("name = \"{DATABASE}\"\n")] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains(PASSWORD), "{text}");
    assert_eq!(read(&desk.home.0.join("own.password")), PASSWORD);
    let (status, _, err) =
        desk.init(&["--force", given[0], given[1]], "Server=db;Sevrer=db\n").await;
    assert!(status == Some(2) && err.contains("cannot be used"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_that_does_not_work() {
    let desk = Desk::new("wrong").await;
    let wrong = format!("{}\n\n{USER}\nwrong\n\n", desk.host());
    let trust = ["--database-trust-server-certificate", "yes"];
    let (status, out, err) = desk.init(&trust, &wrong).await;
    assert_eq!((status, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("[fail] connection") && err.contains("--no-check"), "{err}");
    for (lines, status, why) in [
        ("", 2, "stdin ended before an answer to: SQL Server"),
        ("\n", 2, "this is no host"),
        ("a b\n", 2, "database.host"),
        ("127.0.0.1,1\nnothing\n", 2, "nothing is none of sql, entra"),
        ("127.0.0.1,1\n\nsa\n\n\n", 2, "database.password is missing"),
    ] {
        let (ended, out, err) = desk.init(&[], lines).await;
        assert!(ended == Some(status) && out.is_empty() && err.contains(why), "{lines:?}: {err}");
    }
    assert!(!desk.made("").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_again_and_may_enter_it_into_clients() {
    let desk = Desk::new("person").await;
    fs::create_dir_all(desk.home.0.join(".cursor")).expect("folder");
    let ca = desk.ca();
    let host = desk.host();
    let typed = [
        ("SQL Server", "no host"),
        ("SQL Server", host.as_str()),
        ("Login", ""),
        ("User", USER),
        ("Password", PASSWORD),
        ("Database", ""),
        // Its certificate is signed by nobody whom the system knows.
        ("again, write, quit", "a"),
        ("SQL Server", ""),
        ("Login", ""),
        ("User", ""),
        ("Password", ""),
        ("Database", DATABASE),
        ("Certificate", ca.as_str()),
        ("Write 1 file? [y/N]", "y"),
    ];
    let line = format!("env -u XDG_CONFIG_HOME HOME={} mssql-mcp init", desk.home.0.display());
    let shown = dialogue(&line, &typed).await;
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(shown.contains("[fail] connection") && shown.contains("ok, 5 tools"), "{shown}");
    let toml = desk.made("mssql-mcp.toml");
    assert!(read(&toml).contains(&format!("ca_file = \"{ca}\"")), "{}", read(&toml));
    let entry = read(&desk.home.0.join(".cursor/mcp.json"));
    assert!(entry.contains(&format!("\"--config\", \"{}\"", toml.display())), "{entry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_looked_at_before_anything_is_written() {
    let desk = Desk::new("there").await;
    let lines = "db\n\nsa\nhunter2\n\n";
    let at = |name: &str| desk.home.0.join(name);
    let init = async |name: &str, more: &[&str]| {
        let file = at(name).display().to_string();
        desk.init(&[&["--no-check", "--config", &file], more].concat(), lines).await
    };
    // A secret of another configuration, or of anything else.
    fs::write(at("a.password"), "mine").expect("write");
    fs::set_permissions(at("a.password"), fs::Permissions::from_mode(0o644)).expect("mode");
    let (status, _, err) = init("a.toml", &[]).await;
    assert!(status == Some(1) && err.contains("a.password: it is there already"), "{err}");
    assert_eq!((read(&at("a.password")).as_str(), at("a.toml").exists()), ("mine", false));
    let (status, _, err) = init("a.toml", &["--force"]).await;
    assert_eq!((status, read(&at("a.password")).as_str()), (Some(0), "hunter2"), "{err}");
    assert_eq!(mode(&at("a.password")), 0o600);
    // What is no file, a link, and one file for both.
    fs::create_dir(at("b.toml")).expect("folder");
    std::os::unix::fs::symlink(at("a.toml"), at("c.password")).expect("link");
    for (name, why) in [
        ("b.toml", "it is no regular file"),
        ("c.toml", "it is a link"),
        ("d.password", "it would hold the configuration and a secret"),
    ] {
        let (status, out, err) = init(name, &["--force"]).await;
        assert!(status == Some(1) && out.is_empty() && err.contains(why), "{name}: {err}");
    }
    assert!(!at("b.password").exists() && !at("d.password").exists());
    // A path from anywhere.
    let mut c = desk.command(&["init", "--no-check", "--config", "e.toml"]);
    let ca = desk.ca();
    c.args(["--database-ca-file", "ca.pem"]).current_dir(&desk.home.0);
    let mut child = c.spawn().expect("start");
    child.stdin.take().expect("stdin").write_all(lines.as_bytes()).await.expect("write");
    let out = child.wait_with_output().await.expect("run");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(read(&at("e.toml")).contains(&format!("ca_file = \"{ca}\"")));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_forgets_the_first_and_a_source_is_asked_what_it_needs() {
    let desk = Desk::new("other").await;
    let first = "Server=127.0.0.1,1;User Id=me;Password=pw;Encrypt=no;ApplicationIntent=ReadOnly";
    let typed = [
        ("SQL Server", first),
        ("Database", "otherdb"),
        ("again, write, quit", "again"),
        ("SQL Server", "127.0.0.1,2"),
        ("Login", "entra"),
        ("Tokens come from", "client-secret"),
        ("entra.tenant", "example.com"),
        ("entra.client_id", "app"),
        ("entra.client_secret", "hush"),
        ("Database", ""),
        ("Certificate", ""),
        ("again, write, quit", "write"),
    ];
    let line = format!("env -u XDG_CONFIG_HOME HOME={} mssql-mcp init", desk.home.0.display());
    let shown = dialogue(&line, &typed).await;
    let text = read(&desk.made("mssql-mcp.toml"));
    assert_eq!(
        text.split_once('\n').expect("lines").1,
        format!(
            "\n[database]\nhost = \"127.0.0.1,2\"\nlogin = \"entra\"\n\n[entra]\n\
             source = \"client-secret\"\ntenant = \"example.com\"\nclient_id = \"app\"\n\
             client_secret_file = \"{}\"\n",
            desk.made("mssql-mcp.client_secret").display()
        ),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_database_lists_its_tools_and_says_what_is_missing() {
    let mut c = command(&["stdio"]);
    // What a host of bundles hands over where a field is empty.
    c.env("MSSQL_HOST", "${user_config.host}").env("MSSQL_PASSWORD", "${user_config.password}");
    let mut server = Stdio1::start(c);
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    server.ask(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello })).await;
    let tools = server.ask(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })).await;
    assert_eq!(tools["result"]["tools"].as_array().map(Vec::len), Some(5), "{tools}");
    let call = json!({ "name": "list_tables", "arguments": {} });
    let a = server
        .ask(json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call }))
        .await;
    let text = a["result"]["content"][0]["text"].as_str().expect("text");
    assert!(a["result"]["isError"] == true && text.contains("no SQL Server is configured"), "{a}");
    assert!(text.contains("MSSQL_HOST") && text.contains("\"retryable\":false"), "{text}");
}
