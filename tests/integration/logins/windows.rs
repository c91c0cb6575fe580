//! Windows accounts, from the configuration to rows and to what the doctor says: against MIT's
//! Kerberos with a KDC of the test's own, and gss-ntlmssp. Both are read by what is in a process's
//! environment, so each case is this program again, with variables of its own (`case`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, OnceLock};

use mssql_mcp_sandbox::{DATABASE, GssAcceptor, Options, Sandbox, SandboxWindowsLogin};

use crate::support::{Folder, command};

/// The realm of tests/windows/realm.py, which ends with its stdin.
struct Realm {
    told: HashMap<String, String>,
    _process: Child,
}

static REALM: OnceLock<Realm> = OnceLock::new();

fn realm(key: &str) -> &'static str {
    let start = || {
        let mut process = std::process::Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/windows/realm.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut told = HashMap::new();
        for line in BufReader::new(process.stdout.take().expect("a pipe")).lines() {
            match line.expect("text").split_once('=') {
                Some((key, value)) => drop(told.insert(key.to_owned(), value.to_owned())),
                None => return Realm { told, _process: process },
            }
        }
        panic!("there is no realm: run tests/windows/install.sh");
    };
    &REALM.get_or_init(start).told[key]
}

/// Runs a case: a sandbox in the realm, and the doctor as its client. What the doctor said.
fn case_with(variables: &[(&str, &str)]) -> String {
    let out = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "logins::windows::case", "--ignored", "--nocapture"])
        .env_remove("KRB5_CLIENT_KTNAME")
        .envs([("LC_ALL", "C"), ("KRB5CCNAME", realm("KRB5CCNAME_NONE"))])
        .envs(["KRB5_CONFIG", "KRB5_KTNAME", "NTLM_USER_FILE"].map(|k| (k, realm(k))))
        .envs(variables.iter().copied())
        .output()
        .expect("this program runs");
    String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of the other tests"]
async fn case() {
    let login = |name: &str| SandboxWindowsLogin {
        name: name.to_owned(),
        default_database: DATABASE.to_owned(),
        databases: vec![DATABASE.to_owned()],
    };
    let sandbox = Sandbox::start(Options {
        windows: vec![login("CORP\\ada"), login("CORP\\svc-mcp")],
        windows_acceptor: Some(Arc::new(GssAcceptor)),
        ..Options::default()
    });
    let sandbox = sandbox.await.expect("sandbox");
    let folder = Folder::new("windows");
    let mut c = command(&["doctor"]);
    // As the environment of this case has it, and the usual ones beside that.
    for (key, value) in std::env::vars().filter(|(k, _)| k.starts_with("CASE_")) {
        c.env(key.trim_start_matches("CASE_"), value);
    }
    c.env("MSSQL_HOST", format!("localhost,{}", sandbox.address().port()))
        .env("MSSQL_DATABASE", DATABASE)
        .env("MSSQL_CA_FILE", folder.file("ca.pem", sandbox.certificate()));
    let out = c.output().await.expect("run");
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    println!("\n{said}");
    println!("seen: {:?}", sandbox.logins().iter().map(|l| &l.user).collect::<Vec<_>>());
}

/// A service that the realm knows, whatever port the sandbox has.
const SPN: (&str, &str) = ("CASE_MSSQL_MCP_DATABASE_SPN", "MSSQLSvc/sql.corp.example:1433");
const KERBEROS: (&str, &str) = ("CASE_MSSQL_LOGIN", "kerberos");

#[test]
fn a_ticket_logs_in_from_a_cache_and_by_a_keytab() {
    let cache = ("KRB5CCNAME", realm("KRB5CCNAME_ADA"));
    let said = case_with(&[KERBEROS, SPN, cache]);
    assert!(
        said.contains(
            "credential: a Kerberos ticket is asked for, for MSSQLSvc/sql.corp.example:1433"
        ),
        "{said}"
    );
    assert!(said.contains("login: CORP\\ada at SANDBOX"), "{said}");
    // As the replaced service's users write it.
    let said = case_with(&[("CASE_Trusted_Connection", "yes"), SPN, cache]);
    assert!(said.contains("login: CORP\\ada at SANDBOX"), "{said}");
    let string = "Server=x;Integrated Security=SSPI;ServerSPN=MSSQLSvc/sql.corp.example:1433";
    let said = case_with(&[("CASE_MSSQL_CONNECTION_STRING", string), cache]);
    assert!(said.contains("login: CORP\\ada at SANDBOX"), "{said}");
    let keytab = ("KRB5_CLIENT_KTNAME", realm("KRB5_CLIENT_KTNAME"));
    let none = format!("{}-doctor", realm("KRB5CCNAME_NONE"));
    let said = case_with(&[KERBEROS, SPN, keytab, ("KRB5CCNAME", &none)]);
    assert!(said.contains("login: CORP\\svc-mcp at SANDBOX"), "{said}");
}

#[test]
fn what_keeps_a_ticket_away_says_what_to_run() {
    let cache = ("KRB5CCNAME", realm("KRB5CCNAME_ADA"));
    for (variables, part, mend) in [
        (vec![KERBEROS, SPN], "redentials", "kinit"),
        (vec![KERBEROS, SPN, ("KRB5CCNAME", realm("KRB5CCNAME_EXPIRED"))], "expired", "kinit"),
        // Without a name of its own it is called by host and port, which nobody has registered.
        (vec![KERBEROS, cache], "not found in Kerberos database", "setspn"),
        (
            vec![
                KERBEROS,
                cache,
                ("CASE_MSSQL_MCP_DATABASE_SPN", "MSSQLSvc/other.corp.example:1433"),
            ],
            "18452",
            "setspn -L",
        ),
    ] {
        let said = case_with(&variables);
        assert!(said.contains("[fail] connection"), "{part}: {said}");
        assert!(said.contains(part) && said.contains(mend), "{part}: {said}");
    }
}

#[test]
fn an_account_logs_in_by_its_password() {
    let password = realm("ADA_PASSWORD");
    let ntlm = ("CASE_MSSQL_LOGIN", "ntlm");
    let said =
        case_with(&[ntlm, ("CASE_MSSQL_USER", "CORP\\ada"), ("CASE_MSSQL_PASSWORD", password)]);
    assert!(said.contains("login: CORP\\ada at SANDBOX"), "{said}");
    assert!(said.contains("credential: Windows account CORP\\ada"), "{said}");
    assert!(!said.contains(password), "{said}");
    let string = format!(
        "jdbc:sqlserver://localhost;integratedSecurity=true;authenticationScheme=NTLM;domain=CORP;\
         user=ada;password={password}"
    );
    let said = case_with(&[("CASE_MSSQL_CONNECTION_STRING", &string)]);
    assert!(said.contains("login: CORP\\ada at SANDBOX"), "{said}");
    let said =
        case_with(&[ntlm, ("CASE_MSSQL_USER", "CORP\\ada"), ("CASE_MSSQL_PASSWORD", "wrong")]);
    assert!(said.contains("18452") && said.contains("Extended Protection"), "{said}");
    let said = case_with(&[ntlm, ("CASE_MSSQL_USER", "ada"), ("CASE_MSSQL_PASSWORD", password)]);
    assert!(said.contains("domain"), "{said}");
}
