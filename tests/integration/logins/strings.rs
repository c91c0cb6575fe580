//! Connection strings as people paste them, through to rows.

use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};

use crate::support::{Folder, command};

#[tokio::test(flavor = "multi_thread")]
async fn each_form_is_enough_to_get_rows() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let folder = Folder::new("strings");
    let (ca, port) = (folder.file("ca.pem", sandbox.certificate()), sandbox.address().port());
    let quoted =
        percent_encoding::utf8_percent_encode(PASSWORD, percent_encoding::NON_ALPHANUMERIC);
    for string in [
        format!(
            "Server=tcp:localhost,{port};Database={DATABASE};User ID={USER};Password='{PASSWORD}';"
        ),
        format!(
            "Driver={{ODBC Driver 18 for SQL Server}};Server=localhost,{port};Database={DATABASE};UID={USER};PWD={{{PASSWORD}}};Encrypt=yes"
        ),
        format!(
            "jdbc:sqlserver://localhost:{port};databaseName={DATABASE};user={USER};password={{{PASSWORD}}};encrypt=true"
        ),
        format!("sqlserver://{USER}:{quoted}@localhost:{port}?database={DATABASE}"),
        format!("mssql://{USER}:{quoted}@localhost:{port}/{DATABASE}"),
    ] {
        let mut c = command(&["call", "execute_sql", "--query", "SELECT DB_NAME() AS here"]);
        c.env("MSSQL_CONNECTION_STRING", &string).env("MSSQL_CA_FILE", &ca);
        let out = c.output().await.expect("run");
        let text = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && text.contains(DATABASE), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
        // From a file, as secrets are given to containers.
        let file = folder.file("string", &format!("{string}\n"));
        let mut c = command(&["call", "execute_sql", "--query", "SELECT DB_NAME() AS here"]);
        c.env("MSSQL_CONNECTION_STRING_FILE", &file).env("MSSQL_CA_FILE", &ca);
        assert!(c.output().await.expect("run").status.success(), "{string}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_takes_one_and_shows_no_password() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port();
    let string = format!(
        "Server=localhost,{port};Database={DATABASE};UID={USER};PWD={PASSWORD};\
         TrustServerCertificate=true;MultipleActiveResultSets=true;Encrypt=no"
    );
    // What else is configured is another database, and not asked.
    let mut c = command(&["doctor", "--connection", &string]);
    c.env("MSSQL_HOST", "nobody.invalid").env("MSSQL_USER", "other");
    let out = c.output().await.expect("run");
    let said = String::from_utf8(out.stdout).expect("text");
    assert!(said.contains("MultipleActiveResultSets"), "{said}");
    assert!(said.contains("only the login is encrypted"), "{said}");
    assert!(said.contains(&format!("login: {USER} at ")), "{said}");
    assert!(!said.contains(PASSWORD) && !said.contains("nobody.invalid"), "{said}");
    // From stdin; and what is set for another server goes nowhere.
    let seen = sandbox.logins().len();
    let mut c = command(&["doctor", "--connection", "-"]);
    c.env("MSSQL_PASSWORD", "of-another-server").env("MSSQL_USER", "other");
    let mut child = c.spawn().expect("spawn");
    let mut input = child.stdin.take().expect("stdin");
    tokio::io::AsyncWriteExt::write_all(&mut input, string.as_bytes()).await.expect("written");
    drop(input);
    let said = child.wait_with_output().await.expect("run").stdout;
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains(&format!("login: {USER} at ")), "{said}");
    assert!(sandbox.logins()[seen..].iter().all(|l| l.user == USER && l.refused.is_none()));
    let empty = { command(&["doctor", "--connection", " "]) }.output().await.expect("run");
    assert_eq!(empty.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&empty.stderr).contains("--connection: the string is empty"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_string_is_printed_as_toml_that_reads_back() {
    let string = format!(
        "Server=tcp:db.example\\SHOP;Initial Catalog=\"My;Shop\";User ID=ada;Password={PASSWORD};\
         Encrypt=Strict;ApplicationIntent=ReadOnly;Pooling=true"
    );
    let out = command(&["config", "--from", &string]).output().await.expect("run");
    let text = String::from_utf8(out.stdout).expect("text");
    assert!(out.status.success() && !text.contains(PASSWORD), "{text}");
    assert!(text.contains("# Pooling: "), "{text}");
    let folder = Folder::new("printed");
    let secret = folder.file("password", PASSWORD);
    let file = folder.file("c.toml", &text.replace("/etc/mssql-mcp/password", &secret));
    let out = command(&["config", "--config", &file]).output().await.expect("run");
    let shown = String::from_utf8(out.stdout).expect("text");
    for part in ["\"db.example\"", "\"SHOP\"", "\"My;Shop\"", "\"ada\"", "\"strict\""] {
        assert!(shown.contains(part), "{part}\nnot in\n{shown}");
    }
    let bad = command(&["config", "--from", "Server=(localdb)\\x;AttachDbFilename=y"]);
    let out = { bad }.output().await.expect("run");
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8(out.stderr).expect("text");
    assert!(said.contains("AttachDbFilename") && said.contains("LocalDB"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_checks_the_certificate_whatever_is_trusted() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port().to_string();
    let login =
        [("MSSQL_USER", USER), ("MSSQL_PASSWORD", PASSWORD), ("TrustServerCertificate", "yes")];
    let string = format!("Server=localhost,{port};UID={USER};PWD={PASSWORD};Encrypt=strict");
    for more in [
        vec![("MSSQL_HOST", "localhost"), ("MSSQL_PORT", &port), ("MSSQL_ENCRYPT", "strict")],
        vec![("MSSQL_CONNECTION_STRING", string.as_str())],
    ] {
        let mut c = command(&["doctor"]);
        c.envs(login).envs(more.iter().copied());
        let said = String::from_utf8(c.output().await.expect("run").stdout).expect("text");
        assert!(said.contains("[fail] connection") && said.contains("TLS with"), "{said}");
    }
    assert!(sandbox.logins().is_empty(), "nobody is logged in to a server that is not known");
}

#[test]
fn a_string_that_says_nothing_of_encryption_is_encrypted_and_checked() {
    use mssql_mcp::config::settings::database::{ENCRYPT, Encrypt, TRUST_SERVER_CERTIFICATE};
    use mssql_mcp::config::{Config, Inputs};
    let folder = Folder::new("silent");
    let load = |lower: &str, string: &str| {
        let file = folder.file("c.toml", &format!("[database]\nhost = \"old\"\n{lower}\n"));
        let env = [("MSSQL_CONNECTION_STRING".to_owned(), string.to_owned())].into();
        Config::load(&Inputs { file: Some(file.into()), env, ..Inputs::default() }).expect("valid")
    };
    let string = "Server=new;UID=u;PWD=p";
    let c = load("encrypt = \"off\"\ntrust_server_certificate = true", string);
    assert_eq!((c.get(ENCRYPT), c.get(TRUST_SERVER_CERTIFICATE)), (Encrypt::On, false));
    assert_eq!(load("encrypt = \"strict\"", string).get(ENCRYPT), Encrypt::Strict);
    // A word of the drivers means what it means there.
    for word in ["no", "false", "optional", "0"] {
        let c = load(&format!("encrypt = \"{word}\""), "");
        assert_eq!(c.get(ENCRYPT), Encrypt::LoginOnly, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_every_file_that_holds_a_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("open-files");
    let open = |name: &str, text: &str| {
        let path = folder.file(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("mode");
        path
    };
    let (password, token, string) =
        (open("password", "p"), open("token", "t"), open("string", "Server=b.invalid;UID=u;PWD=p"));
    let toml = format!(
        "[[database]]\nname = \"a\"\nhost = \"a.invalid\"\nuser = \"u\"\npassword_file = \"{password}\"\n\
         [[database]]\nname = \"b\"\nconnection_file = \"{string}\"\n\
         [[database]]\nname = \"c\"\nhost = \"c.invalid\"\nlogin = \"entra\"\n[database.entra]\n\
         source = \"token-file\"\ntoken_file = \"{token}\"\n"
    );
    let file = folder.file("c.toml", &toml);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let out =
        command(&["doctor", "--config", &file, "--pool-connect-timeout", "2s"]).output().await;
    let said = String::from_utf8(out.expect("run").stdout).expect("text");
    for path in [password, token, string] {
        assert!(
            said.contains(&format!("[fail] files: {path} is open to everybody")),
            "{path}\n{said}"
        );
    }
}
