//! One login against one acceptor, as the variables say; both ends say what they saw.

use std::env::var;
use std::time::Duration;

use mssql_mcp_session::{Error, Json, LoginConfig, Session, Target, Tls, WindowsLogin};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::acceptor;
use crate::peer::Peer;

#[test]
#[ignore = "a part of the other tests"]
fn case() {
    let many = var("THREADS").is_ok_and(|t| t == "many");
    let mut runtime = match many {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // The login is a task, so that it is a worker that it might block.
        tokio::spawn(both()).await.expect("no panic");
    });
}

async fn both() {
    let number = |name: &str| var(name).ok().map(|n| n.parse::<u16>().expect("a number"));
    let listener = TcpListener::bind(("127.0.0.1", number("PORT").unwrap_or(0))).await;
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        let (mut served, mut first) = (JoinSet::new(), None);
        loop {
            tokio::select! {
                came = listener.accept() => {
                    let peer = Peer::new(came.expect("a client").0);
                    served.spawn(acceptor::serve(peer));
                }
                Some(seen) = served.join_next() => {
                    first.get_or_insert(seen.expect("no panic"));
                }
            }
            if served.is_empty() {
                return first.expect("a client");
            }
        }
    });
    let mut clients: JoinSet<_> =
        (0..number("LOGINS").unwrap_or(1)).map(|_| client(port)).collect();
    let (mut made, mut threads) = (None, 0);
    while !clients.is_empty() {
        if let Ok(Some(m)) = timeout(Duration::from_millis(20), clients.join_next()).await {
            made = Some(m.expect("no panic"));
        }
        threads = threads.max(waiting_threads());
    }
    match made.expect("a client") {
        Ok(row) => println!("\nclient: {row}"),
        Err(e) => println!("\nclient: {e:?} {e}"),
    }
    println!("server: {}", server.await.expect("no panic"));
    println!("threads: {threads}");
}

/// Threads of this process that get a ticket.
fn waiting_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("comm")).ok());
    names.filter(|n| n.trim_end() == "kerberos").count()
}

async fn client(port: u16) -> Result<String, Error> {
    let mut target = Target::new("localhost", port, Tls::off(), LoginConfig::new());
    target.windows = Some(match var("ACCOUNT") {
        Ok(account) => WindowsLogin::password(&account, &var("PASSWORD").expect("a password"))?,
        Err(_) => WindowsLogin::ticket()?,
    });
    target.spn = var("SPN").ok().map(|s| s.parse().expect("a name"));
    if let Ok(ms) = var("TIMEOUT_MS") {
        target.connect_timeout = Duration::from_millis(ms.parse().expect("a number"));
    }
    // What is printed of it may have no secret.
    println!("\n{target:?}");
    let mut session = Session::connect(&target).await?;
    let mut json = Json::new();
    let mut answer = session.batch("SELECT n").await?;
    while answer.next(&mut json).await?.is_some() {}
    Ok(String::from_utf8(json.out().to_vec()).expect("UTF-8"))
}
