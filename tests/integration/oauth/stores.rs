//! Stores: Redis, replicas, and what survives a kill.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn redis_behaves_like_the_other_stores() {
    use mssql_mcp::oauth::store::{FOREVER, RecordKind, Records, now};
    let redis = RealRedis::start().await;
    let r = Records::open(&redis.0).expect("open");
    assert_eq!(r.get::<u32>(RecordKind::Code, "a").await, Ok(None));
    assert_eq!(r.insert(RecordKind::Code, "a", &1, FOREVER).await, Ok(true));
    assert_eq!(r.insert(RecordKind::Code, "a", &2, FOREVER).await, Ok(false));
    let (v, was) = r.get::<u32>(RecordKind::Code, "a").await.expect("read").expect("there");
    assert_eq!(v, 1);
    assert_eq!(r.replace(RecordKind::Code, "a", &was, &3, now() + 60).await, Ok(true));
    assert_eq!(r.replace(RecordKind::Code, "a", &was, &4, FOREVER).await, Ok(false));
    assert_eq!(r.replace(RecordKind::Code, "b", &was, &4, FOREVER).await, Ok(false));
    r.put(RecordKind::Refresh, "a", &9, FOREVER).await.expect("written");
    assert_eq!(r.list::<u32>(RecordKind::Code).await, Ok(vec![("a".to_owned(), 3)]));
    r.put(RecordKind::Code, "gone", &5, now() - 1).await.expect("written");
    assert_eq!(r.get::<u32>(RecordKind::Code, "gone").await, Ok(None));
    // A hundred take the same code; one gets it.
    let (v, was) = r.get::<u32>(RecordKind::Code, "a").await.expect("read").expect("there");
    let takers = (0..100).map(|_| {
        let (r, was) = (r.clone(), was.clone());
        tokio::spawn(async move {
            r.replace(RecordKind::Code, "a", &was, &(v + 1), FOREVER).await == Ok(true)
        })
    });
    let mut won = 0;
    for t in takers.collect::<Vec<_>>() {
        won += u32::from(t.await.expect("task"));
    }
    assert_eq!(won, 1);
    assert_eq!(r.remove(RecordKind::Code, "a").await, Ok(true));
    assert_eq!(r.remove(RecordKind::Code, "a").await, Ok(false));
    drop(redis);
    assert!(
        r.get::<u32>(RecordKind::Refresh, "a").await.is_err(),
        "an unreachable store is an error, never an empty one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_on_one_redis_share_tokens_and_revocations() {
    let redis = RealRedis::start().await;
    let more = [("auth.store", redis.0.as_str()), ("http.public_url", "http://127.0.0.1:8008")];
    let (_one, first) = lab(&more, &SCOPES).await;
    let (_two, second) = lab(&more, &SCOPES).await;
    let client = register(first, CALLBACK).await;
    let query = authorization(&client, &[]);
    // Sign-in on one replica, the rest of the flow on the other.
    let mut b = Browser::default();
    let back = returned(&b.decide(first, &query, "approve").await);
    assert_eq!(value(&back, "iss"), "http://127.0.0.1:8008");
    let t = token(second, &client, value(&back, "code"), &[]).await.json();
    let access = t["access_token"].as_str().expect("a token");
    for replica in [first, second] {
        assert_eq!(call(replica, access, "SELECT 1 AS a").await.status, 200);
    }
    let revoked = std::time::Instant::now();
    let form =
        [("token", t["refresh_token"].as_str().expect("a token")), ("client_id", client.as_str())];
    assert_eq!(post(first, "/revoke", &form).await.status, 200);
    crate::support::until("the other replica knows", async || {
        call(second, access, "SELECT 1 AS a").await.status == 401
    })
    .await;
    assert!(revoked.elapsed() < std::time::Duration::from_secs(5), "{:?}", revoked.elapsed());
    // A code that was used on one is spent on the other.
    assert_eq!(token(first, &client, value(&back, "code"), &[]).await.status, 400);
    // Guesses on one are counted on the other: five of a name from one place.
    let mut b = Browser::default();
    b.go(first, "GET", "/apps", "").await;
    let guess = [
        ("do", "login"),
        ("request", ""),
        ("username", "nobody"),
        ("password", "guess guess guess"),
    ];
    let mut statuses = Vec::new();
    for replica in [first, second, first, second, first, second, first] {
        statuses.push(b.submit(replica, "/apps", &guess).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
}

/// kill -9 at any point loses nothing that was answered.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-kill-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let port = crate::support::free();
    let mut known: Vec<String> = Vec::new();
    for round in 0..5u64 {
        let mut c = crate::support::command(&[
            "serve",
            "--listen",
            &port.to_string(),
            "--auth-mode",
            "builtin",
            "--auth-store",
            &store,
            "--auth-registrations",
            "1000000",
            "--auth-max-clients",
            "1000000",
        ]);
        c.env("MSSQL_HOST", "127.0.0.1").env("MSSQL_USER", "u").env("MSSQL_PASSWORD", "p");
        let mut child = c.spawn().expect("spawn");
        crate::support::until("it listens", async || {
            tokio::net::TcpStream::connect(port).await.is_ok()
        })
        .await;
        for id in &known {
            let q = authorization(id, &[]);
            assert_eq!(
                get(port, &format!("/authorize?{q}")).await.status,
                200,
                "round {round}: {id} is lost"
            );
        }
        // Registrations are answered while the process is killed in their midst.
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let load = tokio::spawn(async move {
            for n in 0..10_000 {
                let body = json!({ "client_name": format!("{round}-{n}"), "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
                let text = body.to_string();
                let request = format!(
                    "POST /register HTTP/1.1\r\nHost: {port}\r\nContent-Type: \
                     application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                );
                let Ok(mut tcp) = tokio::net::TcpStream::connect(port).await else { return };
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut answer = String::new();
                if tcp.write_all(request.as_bytes()).await.is_err()
                    || tcp.read_to_string(&mut answer).await.is_err()
                {
                    return;
                }
                // An answer that broke off was no answer.
                let Some(v) = answer
                    .split("\r\n\r\n")
                    .nth(1)
                    .and_then(|b| serde_json::from_str::<Value>(b).ok())
                else {
                    return;
                };
                let _ = tx.send(v["client_id"].as_str().unwrap_or_default().to_owned());
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(120 + 37 * round)).await;
        child.kill().await.expect("SIGKILL");
        load.await.expect("load");
        while let Ok(id) = rx.try_recv() {
            known.push(id);
        }
    }
    assert!(known.len() > 5, "{}", known.len());
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}
