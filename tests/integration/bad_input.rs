//! Bad input gets the answer that the specification names, and the connection or the process lives
//! on where it says so.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    BOTH, JSON, Lab, Stdio1, command, handshake, http, in_session, modern, raw, stateless,
};

#[tokio::test(flavor = "multi_thread")]
async fn over_http() {
    let lab = Lab::new(&[("limits.max_request", "20000"), ("http.header_timeout", "1s")]).await;
    let (address, _stop) = lab.serve().await;
    let post = async |headers: &[(&str, &str)], body: &[u8]| {
        http(address, "POST", "/mcp", headers, body).await
    };
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_sql","arguments":{}1{}}}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for (what, headers, body, status, code) in [
        ("malformed JSON", vec![JSON, BOTH], b"{\"jsonrpc\":".to_vec(), 400, Some(-32700)),
        ("not UTF-8", vec![JSON, BOTH], vec![0xff, 0xfe, 0x00], 400, Some(-32700)),
        ("empty", vec![JSON, BOTH], Vec::new(), 400, Some(-32700)),
        ("a number", vec![JSON, BOTH], b"5".to_vec(), 400, Some(-32600)),
        ("no method", vec![JSON, BOTH], br#"{"jsonrpc":"2.0","id":1}"#.to_vec(), 400, Some(-32600)),
        (
            "null id",
            vec![JSON, BOTH],
            br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_vec(),
            400,
            Some(-32600),
        ),
        ("a huge body", vec![JSON, BOTH], vec![b' '; 30_000], 413, Some(-32600)),
        ("deep nesting", vec![JSON, BOTH], deep.into_bytes(), 400, None),
        (
            "wrong Content-Type",
            vec![("Content-Type", "text/plain"), BOTH],
            b"{}".to_vec(),
            415,
            Some(-32600),
        ),
        ("no Content-Type", vec![BOTH], b"{}".to_vec(), 415, Some(-32600)),
        ("wrong Accept", vec![JSON, ("Accept", "text/html")], b"{}".to_vec(), 406, Some(-32600)),
        (
            "a response that nobody waits for",
            vec![JSON, BOTH],
            br#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_vec(),
            400,
            Some(-32600),
        ),
        (
            "a notification without a session",
            vec![JSON, BOTH],
            br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_vec(),
            400,
            Some(-32600),
        ),
    ] {
        let a = post(&headers, &body).await;
        assert_eq!(a.status, status, "{what}: {a:?}");
        if let Some(code) = code {
            assert_eq!(a.json()["error"]["code"], json!(code), "{what}: {a:?}");
        }
    }
    let session = handshake(address, "2025-11-25").await;
    for (what, message, code) in [
        (
            "unknown tool",
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "nope" } }),
            -32602,
        ),
        (
            "no tool",
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {} }),
            -32602,
        ),
        ("unknown method", json!({ "jsonrpc": "2.0", "id": 1, "method": "nope" }), -32601),
        (
            "a stateless method",
            json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover" }),
            -32601,
        ),
    ] {
        let a = in_session(address, &session, message).await;
        assert_eq!((a.status, &a.json()["error"]["code"]), (200, &json!(code)), "{what}: {a:?}");
    }
    // A duplicate id while the first still runs.
    lab.sandbox.faults(|f| f.row_delay = Some(std::time::Duration::from_millis(100)));
    let slow = json!({ "jsonrpc": "2.0", "id": "same", "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": "SELECT TOP 20 OrderId FROM sales.Orders" } } });
    let (first, second) = tokio::join!(in_session(address, &session, slow.clone()), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        in_session(address, &session, slow.clone()).await
    });
    assert_eq!(
        (first.status, second.status, &second.json()["error"]["code"]),
        (200, 400, &json!(-32600))
    );
    lab.sandbox.faults(|f| f.row_delay = None);
    // Garbage instead of HTTP, and a client that never finishes its headers.
    assert!(raw(address, b"\x16\x03\x01garbage\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let unfinished = raw(address, b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n").await;
    assert!(unfinished.is_empty() || unfinished.starts_with("HTTP/1.1 408"), "{unfinished}");
    // And all that did not hurt anybody.
    assert_eq!(stateless(address, "tools/list", json!({})).await.status, 200);
}

/// What a client sends too much of, too slowly, or twice.
#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_that_are_too_much() {
    let lab = Lab::new(&[("http.body_timeout", "300ms"), ("http.header_timeout", "7s")]).await;
    let (address, _stop) = lab.serve().await;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/json\r\n";
    let status = |answer: &str| answer.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
    let start = std::time::Instant::now();
    // Declared and not sent: nobody waits for it.
    let declared =
        raw(address, format!("{head}Content-Length: 100000000\r\n\r\n").as_bytes()).await;
    assert_eq!(status(&declared), "413", "{declared}");
    assert!(declared.contains("larger than the server's limit"), "{declared}");
    let expects = format!("{head}Expect: 100-continue\r\nContent-Length: 100000000\r\n\r\n");
    let expects = raw(address, expects.as_bytes()).await;
    assert_eq!(status(&expects), "413", "it is not told to send it: {expects}");
    // Sent before the answer is read.
    let a = http(address, "POST", "/mcp", &[JSON, BOTH], &vec![b' '; 5 << 20]).await;
    assert_eq!(a.status, 413, "{a:?}");
    let slow = raw(address, format!("{head}Content-Length: 10\r\n\r\n{{").as_bytes()).await;
    assert_eq!(status(&slow), "408", "{slow}");
    assert!(slow.contains("connection: close") && slow.contains("http.body_timeout"), "{slow}");
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
    for (kib, expected) in [(60, "400"), (66, "431")] {
        let long = format!("{head}X: {}\r\nContent-Length: 1\r\n\r\n{{", "x".repeat(kib << 10));
        let mut tcp = tokio::net::TcpStream::connect(address).await.expect("connect");
        tcp.write_all(long.as_bytes()).await.expect("write");
        // What is left unread of a head that is too long breaks the connection, behind the answer.
        let mut answer = [0; 12];
        tcp.read_exact(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(status(&answer), expected, "{kib} KiB: {answer}");
    }
    let other =
        "POST http://evil.example/mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&raw(address, other.as_bytes()).await), "400");
    let twice = [JSON, BOTH, ("Mcp-Session-Id", "a"), ("Mcp-Session-Id", "a")];
    assert_eq!(http(address, "POST", "/mcp", &twice, b"{}").await.status, 400);
    let gzip = [JSON, BOTH, ("Content-Encoding", "gzip")];
    assert_eq!(http(address, "POST", "/mcp", &gzip, b"{}").await.status, 415);
    let a = http(address, "GET", "/messages", &[BOTH], b"").await;
    assert_eq!((a.status, a.header("allow")), (405, Some("POST")));
    // How long a connection is kept is told, as it is configured.
    assert_eq!(a.header("keep-alive"), Some("timeout=7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio() {
    let mut p = Stdio1::start(command(&["demo", "--stdio", "--log-level", "off"]));
    let code = |v: &Value| v["error"]["code"].as_i64();
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for (what, line, expected) in [
        ("malformed JSON", b"{\"jsonrpc\":".to_vec(), -32700),
        ("invalid UTF-8", vec![b'"', 0xff, b'"'], -32700),
        ("a 10 MB line", vec![b'x'; 10 << 20], -32600),
        ("a request before initialize", br#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#.to_vec(), -32600),
        ("a batch", b"[]".to_vec(), -32600),
        ("no capabilities", br#"{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#.to_vec(), -32602),
    ] {
        p.send(&line).await;
        let v = p.read().await;
        assert_eq!(code(&v), Some(expected), "{what}: {v}");
        assert_eq!(p.ask(ping.clone()).await["result"], json!({}), "alive after {what}");
    }
    p.send(b"").await;
    p.send(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}"#)
        .await;
    let unknown = json!({ "jsonrpc": "2.0", "id": 6, "method": "tools/list", "params": { "_meta": { "io.modelcontextprotocol/protocolVersion": "2099-01-01", "io.modelcontextprotocol/clientCapabilities": {} } } });
    let v = p.ask(unknown).await;
    assert_eq!(
        (code(&v), v["error"]["data"]["supported"][0].as_str()),
        (Some(-32022), Some("2026-07-28"))
    );
    let v = p.ask(json!({ "jsonrpc": "2.0", "id": 7, "method": "server/discover", "params": modern(json!({})) })).await;
    assert_eq!(v["result"]["supportedVersions"][4], json!("2024-11-05"));
    // A last line without its newline is read, and then the process ends by itself.
    let input = p.input.as_mut().expect("open");
    tokio::io::AsyncWriteExt::write_all(input, ping.to_string().as_bytes()).await.expect("write");
    p.input = None;
    assert_eq!(p.read().await["id"], json!(1));
    assert!(p.child.wait().await.expect("status").success());
}
