//! The same through a real nginx with TLS and the shipped configuration: real clients, sign-in,
//! what attackers try, and the script that looks at a deployment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mssql_mcp::http::Shutdown;
use mssql_mcp::oauth::people::{User, hash};
use mssql_mcp::principal::SCOPES;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::clients::{NODE, installed, run_with};
use crate::deployed::{certificates, configure, free_port, program, trusting};
use crate::hosted::{Events, initialize, query};
use crate::support::{Answer, BOTH, JSON, Lab, PATIENCE, answer_of, until};

const PASSWORD: &str = "correct horse battery";

/// nginx with the files of `deploy/nginx`; only paths and ports are those of the test.
struct Nginx {
    dir: PathBuf,
    port: u16,
    plain: u16,
    upstream: SocketAddr,
    connector: tokio_rustls::TlsConnector,
    child: tokio::process::Child,
}

impl Nginx {
    async fn start(port: u16, upstream: SocketAddr) -> Self {
        let (dir, plain) =
            (std::env::temp_dir().join(format!("mssql-mcp-nginx-{port}")), free_port());
        configure(&dir, port, plain, upstream);
        let connector = trusting(certificates(&dir, 90));
        let child = Self::spawn(&dir).await;
        let mut me = Self { dir, port, plain, upstream, connector, child };
        me.listens().await;
        me
    }

    async fn spawn(dir: &Path) -> tokio::process::Child {
        let error_log = dir.join("error.log");
        tokio::process::Command::new(program())
            .args(["-e", error_log.to_str().expect("path"), "-g", "daemon off;", "-p"])
            .arg(dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is missing: run tests/clients/install.sh (make test does)")
    }

    async fn listens(&mut self) {
        let (port, child, dir) = (self.port, &mut self.child, &self.dir);
        until("nginx listens", async || {
            if child.try_wait().is_ok_and(|s| s.is_some()) {
                panic!(
                    "nginx: {}",
                    std::fs::read_to_string(dir.join("error.log")).unwrap_or_default()
                );
            }
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
    }

    /// SIGTERM, so that the workers go too.
    async fn stop(&mut self) {
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        }
        let _ = tokio::time::timeout(PATIENCE, self.child.wait()).await;
    }

    /// Starts again with another text in its configuration.
    async fn set(&mut self, was: &str, now: &str) {
        let main = self.dir.join("nginx.conf");
        let text = std::fs::read_to_string(&main).expect("nginx.conf");
        assert!(text.contains(was), "{was}");
        std::fs::write(&main, text.replace(was, now)).expect("write");
        self.restart().await;
    }

    /// Again, after its files have changed.
    async fn restart(&mut self) {
        self.stop().await;
        self.child = Self::spawn(&self.dir).await;
        self.listens().await;
    }

    fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.expect("connect");
        let name = ServerName::try_from("localhost").expect("name");
        self.connector.connect(name, tcp).await.expect("TLS")
    }

    async fn raw(&self, request: &[u8]) -> String {
        let mut tls = self.connect().await;
        tls.write_all(request).await.expect("write");
        let mut out = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, tls.read_to_end(&mut out)).await.expect("in time");
        String::from_utf8_lossy(&out).into_owned()
    }

    async fn http(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host());
        headers.iter().for_each(|(k, v)| head += &format!("{k}: {v}\r\n"));
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        answer_of(&self.raw(&[head.as_bytes(), body].concat()).await)
    }

    async fn events(&self, path: &str, headers: &[(&str, &str)]) -> Events<TlsStream<TcpStream>> {
        Events::over(self.connect().await, &self.host(), path, headers).await
    }

    /// The environment in which clients trust the test's CA.
    fn trust(&self) -> Vec<(String, String)> {
        let ca = self.dir.join("ca.pem").display().to_string();
        ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]
            .map(|k| (k.to_owned(), ca.clone()))
            .to_vec()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// What a slow or greedy client does through nginx; the numbers of the shipped timeouts are smaller
/// here, so that the test is short.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_or_reads_slowly_is_let_go_by_nginx_too() {
    // Only who is to be let go meets short times: on a busy machine anybody may need a
    // second for a handshake.
    let (lab, mut nginx, _stop) = deployed(&[("http.body_timeout", "1s")]).await;
    nginx.set("client_header_timeout 10s", "client_header_timeout 1s").await;
    let drip = async |nginx: &Nginx, first: String, then: &'static [u8]| {
        let (mut read, mut write) = tokio::io::split(nginx.connect().await);
        write.write_all(first.as_bytes()).await.expect("write");
        let writing = tokio::spawn(async move {
            while write.write_all(then).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let mut out = Vec::new();
        let _ =
            tokio::time::timeout(PATIENCE, read.read_to_end(&mut out)).await.expect("it is let go");
        writing.abort();
        String::from_utf8_lossy(&out).into_owned()
    };
    drip(&nginx, "POST /mcp HTTP/1.1\r\n".to_owned(), b"X: y\r\n").await;
    nginx.set("client_header_timeout 1s", "client_header_timeout 10s").await;
    let bearer = machine(&lab, "").await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAuthorization: \
         Bearer {bearer}\r\nConnection: close\r\n",
        nginx.host()
    );
    let a = drip(&nginx, format!("{head}Content-Length: 9000\r\n\r\n"), b" ").await;
    assert!(a.starts_with("HTTP/1.1 408") && a.contains("http.body_timeout"), "{a}");
    let a = drip(&nginx, format!("{head}Transfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n").await;
    assert!(a.starts_with("HTTP/1.1 408"), "a body without an end: {a}");
    // Answers that nobody reads: refused in the end, then dropped, and nothing runs on.
    let (lab, mut nginx, _stop) = deployed(&[
        ("http.write_timeout", "2s"),
        ("limits.max_chars", "2000000"),
        ("limits.max_rows", "20000"),
    ])
    .await;
    nginx.set("send_timeout 30s", "send_timeout 2s").await;
    let bearer = machine(&lab, "").await;
    let auth = ("Authorization", &*format!("Bearer {bearer}"));
    let mut events = nginx.events("/sse", &[auth]).await;
    let endpoint = events.endpoint().await;
    let ask = async |m: serde_json::Value| {
        nginx.http("POST", &endpoint, &[JSON, auth], m.to_string().as_bytes()).await.status
    };
    assert_eq!(ask(initialize("2025-06-18")).await, 202);
    events.message().await;
    let mut taken = 0;
    while ask(query(taken + 1, "SELECT * FROM sales.Orders")).await == 202 {
        taken += 1;
        assert!(taken <= 200, "it is told to read first");
    }
    until("it was dropped", async || ask(query(500, "SELECT 1 AS a")).await == 404).await;
    until("nothing runs for it", async || lab.app.database.status().0 == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_streams_through_nginx() {
    let (lab, nginx, _stop) = deployed(&[("limits.peer_requests", "100000")]).await;
    let bearer = format!("Bearer {}", machine(&lab, "").await);
    let auth = ("Authorization", bearer.as_str());
    let mut open = Vec::new();
    for _ in 0..1000 {
        let mut e = nginx.events("/sse", &[auth]).await;
        e.endpoint().await;
        open.push(e);
    }
    // The others are served.
    let a = nginx
        .http("POST", "/mcp", &[JSON, BOTH, auth], initialize("2025-06-18").to_string().as_bytes())
        .await;
    assert_eq!(a.status, 200, "{a:?}");
    let a = nginx.http("GET", "/sse", &[auth], b"").await;
    assert_eq!(a.status, 503, "one more is told to come back");
    drop(open);
    until("there is room again", async || {
        nginx.events("/sse", &[auth]).await.head.contains(" 200 ")
    })
    .await;
}

/// Our server behind nginx, served at the root and at /demo, with a person and a machine.
async fn deployed(more: &[(&'static str, &str)]) -> (Lab, Nginx, Shutdown) {
    let port = free_port();
    let url = format!("https://localhost:{port}");
    let mut all = vec![
        ("auth.mode", "builtin"),
        ("auth.store", "memory"),
        ("http.public_url", url.as_str()),
        ("http.trusted_proxies", "127.0.0.1"),
        ("http.prefixes", "/,/demo"),
        ("access.level", "read-write"),
        ("access.confirm_writes", "never"),
    ];
    all.extend_from_slice(more);
    let lab = Lab::new(&all).await;
    let scopes = SCOPES.map(str::to_owned).to_vec();
    let demo = User::new(hash(PASSWORD).expect("hash"), scopes);
    lab.app
        .authority
        .as_ref()
        .expect("sign-in")
        .people()
        .put("demo", &demo)
        .await
        .expect("written");
    let (address, stop) = lab.serve().await;
    (lab, Nginx::start(port, address).await, stop)
}

async fn machine(lab: &Lab, mount: &str) -> String {
    let grants = lab.app.authority.as_ref().expect("sign-in").grants();
    grants.api_token("t", SCOPES.map(str::to_owned).to_vec(), mount, None).await.expect("token")
}

/// Clients that know HTTP+SSE and no sign-in, with a static bearer header.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_its_age_over_sse() {
    let (lab, nginx, _stop) = deployed(&[]).await;
    for mount in ["", "/demo"] {
        let (url, token) = (format!("{}{mount}/sse", nginx.origin()), machine(&lab, mount).await);
        for (program, script, first) in [
            (NODE, "sse.mjs", Some("sdk-1-9")),
            (NODE, "sse.mjs", Some("sdk-1-20")),
            ("py-mcp-1.8/bin/python", "sse.py", None),
            ("py-mcp-1.12/bin/python", "sse.py", None),
        ] {
            let args: Vec<&str> = first.into_iter().chain([url.as_str(), token.as_str()]).collect();
            let text = run_with(installed(program), script, &args, &nginx.trust()).await;
            assert_eq!(text.matches(": ok").count(), 1, "{text}");
        }
    }
}

/// Clients that sign in, at the root over streamable HTTP and below a prefix over SSE.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_sign_in() {
    let (_lab, nginx, _stop) = deployed(&[]).await;
    for path in ["/mcp", "/demo/sse"] {
        let url = format!("{}{path}", nginx.origin());
        let text = run_with(
            installed("py-mcp-2.3/bin/python"),
            "oauth.py",
            &[&url, PASSWORD],
            &nginx.trust(),
        )
        .await;
        assert_eq!(text.matches(": ok").count(), 3, "{text}");
        let mut args = vec![url.as_str(), "demo", PASSWORD];
        if path.ends_with("sse") {
            args.extend(["--transport", "sse-only"]);
        }
        let text = run_with(installed(NODE), "remote.mjs", &args, &nginx.trust()).await;
        assert_eq!(text.matches(": ok").count(), 3, "{text}");
        let text =
            run_with(installed(NODE), "inspector.mjs", &[&url, "demo", PASSWORD], &nginx.trust())
                .await;
        assert_eq!(text.matches(": ok").count(), 3, "{text}");
    }
}

/// Each event is read before the next thing is asked: if anything on the way gathered them,
/// this would stand still.
#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_as_they_are_written() {
    let (lab, nginx, _stop) = deployed(&[("http.keep_alive", "100ms")]).await;
    let bearer = format!("Bearer {}", machine(&lab, "/demo").await);
    let auth = [("Authorization", bearer.as_str())];
    let mut events = nginx.events("/demo/sse", &auth).await;
    let head = events.head.to_ascii_lowercase();
    for once in [
        "content-type: text/event-stream",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
    ] {
        assert_eq!(head.matches(once).count(), 1, "{head}");
        assert_eq!(
            head.matches(&format!("\n{}:", once.split(':').next().expect("a name"))).count(),
            1,
            "{head}"
        );
    }
    let endpoint = events.endpoint().await;
    assert!(endpoint.starts_with("/demo/messages?session_id="), "{endpoint}");
    let post = async |m: serde_json::Value| {
        let a = nginx.http("POST", &endpoint, &[JSON, auth[0]], m.to_string().as_bytes()).await;
        assert_eq!(a.status, 202, "{a:?}");
    };
    post(initialize("2025-06-18")).await;
    assert_eq!(events.message().await["result"]["protocolVersion"], "2025-06-18");
    for n in 1..5 {
        post(query(n, "SELECT COUNT(*) AS n FROM sales.Orders")).await;
        assert_eq!(events.message().await["id"], n);
    }
    // A client that vanishes behind the proxy cancels its query too.
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(20)));
    post(query(9, "SELECT OrderId FROM sales.Orders")).await;
    until("the query runs", async || lab.app.database.status().0 == 1).await;
    drop(events);
    until("the connection is free", async || lab.app.database.status().0 == 0).await;
}

/// Read off the wire and from nginx itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_guides_promise_of_nginx() {
    let (lab, nginx, _stop) = deployed(&[]).await;
    let bearer = format!("Bearer {}", machine(&lab, "").await);
    for (method, path, headers) in [
        ("GET", "/health", &[][..]),
        ("GET", "/nothing", &[]),
        ("HEAD", "/sse", &[]),
        ("GET", "/sse", &[]),
        ("POST", "/mcp", &[]),
        ("GET", "/apps", &[]),
        ("GET", "/.well-known/oauth-authorization-server", &[]),
        ("POST", "/mcp", &[JSON, BOTH, ("Authorization", bearer.as_str())]),
    ] {
        let a = nginx.http(method, path, headers, b"").await;
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            let all: Vec<&str> = a
                .headers
                .iter()
                .filter(|(k, _)| k.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.as_str())
                .collect();
            assert_eq!(all, [value], "{method} {path}: {a:?}");
        }
    }
    let a = nginx.http("GET", "/sse", &[], b"").await;
    let document = format!("{}/.well-known/oauth-protected-resource/sse", nginx.origin());
    assert!(
        a.status == 401 && a.header("www-authenticate").is_some_and(|c| c.contains(&document)),
        "{a:?}"
    );
    // An event stream is not on everything: JSON on /sse stays JSON.
    let a = nginx
        .http(
            "POST",
            "/sse",
            &[JSON, BOTH, ("Authorization", &bearer)],
            initialize("2025-06-18").to_string().as_bytes(),
        )
        .await;
    assert_eq!((a.status, a.header("content-type")), (200, Some("application/json")), "{a:?}");
    // Port 80: the challenge of ACME, and nothing else.
    std::fs::create_dir_all(nginx.dir.join(".well-known/acme-challenge")).expect("dir");
    std::fs::write(nginx.dir.join(".well-known/acme-challenge/abc"), "proof").expect("file");
    let plain: SocketAddr = ([127, 0, 0, 1], nginx.plain).into();
    let a = crate::support::http(plain, "GET", "/.well-known/acme-challenge/abc", &[], b"").await;
    assert_eq!((a.status, a.body.as_str()), (200, "proof"));
    for path in ["/", "/mcp", "/demo/sse?x=1", "/.well-known/oauth-authorization-server"] {
        let a = crate::support::http(plain, "POST", path, &[("Host", "evil.example")], b"").await;
        assert_eq!(
            (a.status, a.header("location")),
            (301, Some(format!("https://localhost{path}").as_str())),
            "{a:?}"
        );
    }
    let out = std::process::Command::new(program())
        .args(["-T", "-e", "/dev/null", "-c"])
        .arg(nginx.dir.join("nginx.conf"))
        .output()
        .expect("nginx -T");
    let text =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    for line in [
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "ssl_ciphers HIGH:!aNULL:!MD5;",
        "ssl_prefer_server_ciphers off;",
        "ssl_session_cache shared:SSL:50m;",
        "ssl_session_timeout 1d;",
        "worker_connections 4096;",
        "proxy_read_timeout 24h;",
        "proxy_buffering off;",
        "proxy_set_header Connection \"\";",
        "proxy_http_version 1.1;",
    ] {
        assert!(text.contains(line), "{line}");
    }
    assert!(!text.contains("[emerg]") && !text.contains("[warn]"), "{text}");
    // Weak protocols and ciphers, by a client that would take them.
    let openssl = |args: &[&str]| {
        let at = format!("127.0.0.1:{}", nginx.port);
        let out = std::process::Command::new("openssl")
            .args(["s_client", "-connect", &at, "-servername", "localhost"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("openssl");
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    };
    assert!(
        openssl(&["-tls1_2"]).contains("Protocol  : TLSv1.2")
            || openssl(&["-tls1_2"]).contains("New, TLSv1.2")
    );
    for weak in [
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "NULL:eNULL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"],
    ] {
        let said = openssl(weak);
        assert!(said.contains("Cipher is (NONE)") || said.contains("alert"), "{weak:?}: {said}");
    }
    assert!(
        openssl(&["-servername", "evil.example"]).contains("alert"),
        "another name gets no certificate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attackers_send_to_nginx() {
    let (lab, nginx, _stop) = deployed(&[]).await;
    let demo = format!("Bearer {}", machine(&lab, "/demo").await);
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (path, statuses) in [
        ("/demo/../mcp", &[400][..]),
        ("/demo/%2e%2e/mcp", &[400]),
        ("/demo%2f..%2fmcp", &[400]),
        ("/%6dcp", &[400]),
        ("//mcp", &[401]),
        ("/demo//../mcp", &[400]),
        ("/demo2/mcp", &[404]),
        ("/demo/mcp/../../mcp", &[400]),
        ("/demo/mcp%00", &[400]),
    ] {
        let a = nginx.http("POST", path, &[JSON, BOTH, ("Authorization", &demo)], ping).await;
        assert!(statuses.contains(&a.status), "{path}: {a:?}");
    }
    // Forged addresses and names reach nobody: the server counts the peer that nginx saw.
    let forged = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "host=evil.example"),
    ];
    let a = nginx.http("GET", "/.well-known/oauth-protected-resource/mcp", &forged, b"").await;
    assert_eq!(a.json()["resource"], format!("{}/mcp", nginx.origin()));
    let a =
        nginx.raw(b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").await;
    assert!(!a.contains("healthy"), "{a}");
    // Smuggling: one answer, and nothing of the second request.
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n",
        nginx.host()
    );
    for smuggled in [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhelloGET /health HTTP/1.1\r\n\r\n",
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health \
         HTTP/1.1\r\nHost: x\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ] {
        let text = nginx.raw(format!("{head}Connection: close\r\n{smuggled}").as_bytes()).await;
        assert!(
            !text.contains("healthy") && text.matches("HTTP/1.1 ").count() == 1,
            "{smuggled:?}: {text}"
        );
    }
    // A body beyond the limit is refused before it is sent.
    let a = nginx
        .raw(format!("{head}Content-Length: 99999999\r\nConnection: close\r\n\r\n").as_bytes())
        .await;
    assert!(a.starts_with("HTTP/1.1 413"), "{a}");
}

/// The server goes away and comes back: streams end, the answer is a plain 503, and
/// clients find it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_mid_stream() {
    let (lab, nginx, stop) = deployed(&[]).await;
    let bearer = format!("Bearer {}", machine(&lab, "").await);
    let mut events = nginx.events("/sse", &[("Authorization", &bearer)]).await;
    events.endpoint().await;
    stop.closing.cancel();
    events.ends().await;
    let mut a = nginx.http("GET", "/health", &[], b"").await;
    until("it is away", async || {
        a = nginx.http("GET", "/health", &[], b"").await;
        a.status == 503
    })
    .await;
    assert!(
        a.body.contains("may be restarting") && a.header("x-frame-options") == Some("DENY"),
        "{a:?}"
    );
    let (_, _stop) = lab.serve_at(nginx.upstream).await;
    until("it is back", async || nginx.http("GET", "/health", &[], b"").await.status == 200).await;
    let mut events = nginx.events("/sse", &[("Authorization", &bearer)]).await;
    events.endpoint().await;
}

/// The script passes on what was deployed, and says what is wrong when any one thing is broken.
#[tokio::test(flavor = "multi_thread")]
async fn the_smoke_test() {
    let (lab, mut nginx, stop) = deployed(&[]).await;
    let token = machine(&lab, "/demo").await;
    let closed = free_port().to_string();
    let smoke = async |nginx: &Nginx, path: &str, direct: &str| {
        let out = tokio::process::Command::new(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/smoke.sh"),
        )
        .arg(format!("{}{path}", nginx.origin()))
        .env("SMOKE_TOKEN", &token)
        .env("SMOKE_CA", nginx.dir.join("ca.pem"))
        .env("SMOKE_DIRECT_PORT", direct)
        .env("SMOKE_HTTP_PORT", nginx.plain.to_string())
        .output()
        .await
        .expect("smoke.sh");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        (out.status.code(), text)
    };
    for path in ["/demo/mcp", "/demo/sse"] {
        let (code, text) = smoke(&nginx, path, &closed).await;
        assert!(
            code == Some(0)
                && text.contains("all is well")
                && text.contains("arrives as it is written"),
            "{text}"
        );
    }
    // The server's own port is open to all.
    let (code, text) = smoke(&nginx, "/demo/mcp", &nginx.upstream.port().to_string()).await;
    assert!(code == Some(1) && text.contains("must not be published"), "{text}");
    // A URL that is nobody's.
    let (code, text) = smoke(&nginx, "/other/mcp", &closed).await;
    assert!(code == Some(1) && text.contains("exactly as it is typed"), "{text}");
    let site = nginx.dir.join("conf.d/mcp.conf");
    let shipped = std::fs::read_to_string(&site).expect("site");
    for (from, to, says) in [
        // A proxy that gathers the stream.
        (
            "proxy_buffering off;",
            "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_http_version 1.0;",
            "gathers the event stream",
        ),
        ("add_header Strict-Transport-Security", "# ", "strict-transport-security is missing"),
        ("return 301", "return 200", "must be redirected"),
        ("proxy_set_header Host $http_host;", "proxy_set_header Host evil.example;", "FAIL"),
    ] {
        assert!(shipped.contains(from), "{from}");
        std::fs::write(&site, shipped.replace(from, to)).expect("write");
        nginx.restart().await;
        let (code, text) = smoke(&nginx, "/demo/mcp", &closed).await;
        assert!(code == Some(1) && text.contains(says), "{from}: {says}: {text}");
    }
    std::fs::write(&site, &shipped).expect("write");
    // A certificate that runs out, and one that nobody trusts.
    let ca = std::fs::read(nginx.dir.join("ca.pem")).expect("ca");
    certificates(&nginx.dir, 3);
    nginx.restart().await;
    let (code, text) = smoke(&nginx, "/demo/mcp", &closed).await;
    assert!(code == Some(1) && text.contains("fewer than 14 days"), "{text}");
    std::fs::write(nginx.dir.join("ca.pem"), ca).expect("write");
    let (code, text) = smoke(&nginx, "/demo/mcp", &closed).await;
    assert!(code == Some(1) && text.contains("is not trusted"), "{text}");
    // The server is away; its database is down.
    nginx.connector = trusting(certificates(&nginx.dir, 90));
    nginx.restart().await;
    stop.closing.cancel();
    until("it is away", async || nginx.http("GET", "/health", &[], b"").await.status == 503).await;
    let (code, text) = smoke(&nginx, "/demo/mcp", &closed).await;
    assert!(code == Some(1) && text.contains("may be restarting"), "{text}");
    let (_down, behind, _stop) =
        deployed(&[("database.port", "1"), ("pool.connect_timeout", "1s")]).await;
    let (code, text) = smoke(&behind, "/demo/mcp", &closed).await;
    assert!(code == Some(1) && text.contains("does not reach its database"), "{text}");
    // Another public URL than the one that is typed.
    let (_other, stray, _stop) = deployed(&[
        ("http.public_url", "https://mcp.example.com"),
        ("http.allowed_hosts", "localhost"),
    ])
    .await;
    let (code, text) = smoke(&stray, "/demo/mcp", &closed).await;
    assert!(code == Some(1) && text.contains("exactly as it is typed"), "{text}");
}
