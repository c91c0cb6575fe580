//! Windows logins, with an acceptor that plays by a script.

use std::net::SocketAddr;
use std::sync::Arc;

use mssql_mcp_sandbox::{
    Options, Sandbox, SandboxWindowsLogin, WindowsAcceptor, WindowsHandshake, WindowsStep,
};

use crate::client::Client;
use crate::tokens::{Item, items};

/// Takes `hello NAME` at once, with a last token; asks `who` first where the client says `hello`.
#[derive(Debug)]
struct Played;

/// Whether it has asked.
struct Play(bool);

impl WindowsAcceptor for Played {
    fn begin(&self) -> Box<dyn WindowsHandshake> {
        Box::new(Play(false))
    }
}

impl WindowsHandshake for Play {
    fn step(&mut self, token: &[u8]) -> Result<WindowsStep, String> {
        let text = String::from_utf8_lossy(token).into_owned();
        let asked = std::mem::replace(&mut self.0, true);
        match text.strip_prefix("hello") {
            Some("") if !asked => Ok(WindowsStep::Continue(b"who".to_vec())),
            Some(name) if !asked => {
                let name = name.trim().to_owned();
                Ok(WindowsStep::Done { token: Some(b"welcome".to_vec()), name })
            }
            None if asked => Ok(WindowsStep::Done { token: None, name: text }),
            _ => Err("not in the script".to_owned()),
        }
    }
}

/// Talks to a sandbox in which one account has a login.
async fn talk(acceptor: bool, f: impl FnOnce(SocketAddr) + Send + 'static) -> Sandbox {
    let options = Options {
        tls: false,
        databases: vec![("Ledger".to_owned(), String::new())],
        windows: vec![SandboxWindowsLogin {
            name: "CORP\\ada".to_owned(),
            default_database: "Ledger".to_owned(),
            databases: vec!["Ledger".to_owned()],
        }],
        windows_acceptor: acceptor.then(|| Arc::new(Played) as Arc<dyn WindowsAcceptor>),
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    let at = sandbox.address();
    tokio::task::spawn_blocking(move || f(at)).await.expect("the talk");
    sandbox
}

/// Errors with their texts.
fn errors(items: &[Item]) -> Vec<(u32, &str)> {
    let mut all = Vec::new();
    for item in items {
        if let Item::Error(e) = item {
            all.push((e.number, e.text.as_str()));
        }
    }
    all
}

const UNTRUSTED: (u32, &str) = (
    18_452,
    "Login failed. The login is from an untrusted domain and cannot be used with Integrated \
     authentication.",
);

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_of_several_tokens_ends_in_a_login() {
    let sandbox = talk(true, |at| {
        let mut c = Client::windows(at, b"hello", "");
        assert_eq!(c.greeting, *b"\xED\x03\x00who");
        c.send(17, b"corp\\ADA");
        let greeting = items(&c.receive().expect("a login's answer"));
        assert_eq!(errors(&greeting), []);
        let sql = "SELECT ORIGINAL_LOGIN(), DB_NAME()";
        let got = c.batch(sql);
        assert!(
            got.iter().any(|i| matches!(i, Item::Rows(_, r) if r == &["'CORP\\ada', 'Ledger'"]))
        );
    })
    .await;
    assert_eq!(sandbox.logins()[0].user, "CORP\\ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_token_is_a_message_before_that_of_the_answer() {
    talk(true, |at| {
        let mut c = Client::windows(at, b"hello CORP\\ada", "Ledger");
        assert_eq!(c.greeting, *b"\xED\x07\x00welcome");
        let answer = items(&c.receive().expect("a login's answer"));
        assert_eq!(errors(&answer), []);
        assert!(answer.iter().any(|i| matches!(i, Item::Done(..))));
        assert_eq!(errors(&c.batch("SELECT 1")), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_login_or_in_the_wrong_database_is_refused_by_its_name() {
    let sandbox = talk(true, |at| {
        let failed = |name: &str, database: &str| {
            let mut c = Client::windows(at, format!("hello {name}").as_bytes(), database);
            let told = items(&c.receive().expect("a refusal"));
            errors(&told).into_iter().map(|(n, text)| (n, text.to_owned())).collect::<Vec<_>>()
        };
        let text = "Login failed for user 'CORP\\eve'.".to_owned();
        assert_eq!(failed("CORP\\eve", ""), [(18_456, text)]);
        let numbers: Vec<u32> = failed("CORP\\ada", "trading").iter().map(|e| e.0).collect();
        assert_eq!(numbers, [4060, 18_456]);
    })
    .await;
    let refused: Vec<Option<u32>> = sandbox.logins().iter().map(|l| l.refused).collect();
    assert_eq!(refused, [Some(18_456), Some(4060)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_fails_is_of_an_untrusted_domain() {
    talk(true, |at| {
        assert_eq!(errors(&items(&Client::windows(at, b"?", "").greeting)), [UNTRUSTED]);
        let mut c = Client::windows(at, b"hello", "");
        c.send(17, b"hello again");
        assert_eq!(errors(&items(&c.receive().expect("a refusal"))), [UNTRUSTED]);
        assert_eq!(c.receive(), None, "the connection ends");
    })
    .await;
    talk(false, |at| {
        assert_eq!(errors(&items(&Client::windows(at, b"hello", "").greeting)), [UNTRUSTED]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_goes_on_in_messages_of_its_own_type() {
    talk(true, |at| {
        let mut c = Client::windows(at, b"hello", "");
        c.send(16, b"CORP\\ada");
        let told = items(&c.receive().expect("a refusal"));
        let [(49_999, text)] = errors(&told)[..] else { panic!("{told:?}") };
        assert!(text.contains("a message of type 16 where an SSPI message (17) is due"), "{text}");
        assert_eq!(c.receive(), None, "the connection ends");
    })
    .await;
}
