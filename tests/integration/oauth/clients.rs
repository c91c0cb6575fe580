//! Clients as they really are: Claude, ChatGPT, desktop programs, and those of the configuration.

use super::*;

/// What connectors.md says of Claude's sign-in, quirks included.
#[tokio::test(flavor = "multi_thread")]
async fn claude_signs_in() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let origin = format!("http://{address}");
    // 401, then the document of the very URL that was typed, then the first authorization server.
    let challenge = call(address, "", "SELECT 1 AS a").await;
    let url = format!("{origin}/.well-known/oauth-protected-resource/mcp");
    assert!(challenge.header("www-authenticate").is_some_and(|c| c.contains(&url)));
    let m = get(address, "/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(
        (m["resource"].as_str(), m["authorization_servers"][0].as_str()),
        (Some(&*format!("{origin}/mcp")), Some(&*origin))
    );
    let s = get(address, "/.well-known/oauth-authorization-server").await.json();
    let methods = s["token_endpoint_auth_methods_supported"].as_array().expect("methods");
    assert!(
        s["client_id_metadata_document_supported"] == true && methods.contains(&json!("none")),
        "or it takes DCR in silence"
    );
    // Registered twice for one connection, with a secret by post, and the second is the
    // one that is used.
    for callback in
        ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"]
    {
        let body = json!({ "client_name": "Claude", "redirect_uris": [callback], "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"], "token_endpoint_auth_method": "client_secret_post", "scope": "claudeai" });
        let mut registered = Value::Null;
        for _ in 0..2 {
            let a = http(address, "POST", "/register", &[JSON], body.to_string().as_bytes()).await;
            assert_eq!(a.status, 201, "{a:?}");
            registered = a.json();
        }
        let (id, secret) = (
            registered["client_id"].as_str().expect("id"),
            registered["client_secret"].as_str().expect("secret"),
        );
        // A scope of its own, offline_access appended, no resource in the token request.
        let more = [
            ("redirect_uri", callback),
            ("scope", "claudeai mssql:read offline_access"),
            ("resource", &*format!("{origin}/mcp")),
        ];
        let a = Browser::default().decide(address, &authorization(id, &more), "approve").await;
        let to = a.header("location").expect("back").to_owned();
        assert!(to.starts_with(callback), "{to}");
        let back: Vec<(String, String)> =
            form_urlencoded::parse(to.split_once('?').expect("query").1.as_bytes())
                .into_owned()
                .collect();
        let t = token(
            address,
            id,
            value(&back, "code"),
            &[("redirect_uri", callback), ("client_secret", secret)],
        )
        .await;
        assert_eq!((t.status, t.json()["scope"].as_str()), (200, Some("mssql:read")), "{t:?}");
        let t = t.json();
        assert_eq!(
            call(address, t["access_token"].as_str().expect("token"), "SELECT 1 AS a").await.status,
            200
        );
        // Refreshed before it expires, twice at once; both are good.
        let ask = [
            ("grant_type", "refresh_token"),
            ("refresh_token", t["refresh_token"].as_str().expect("token")),
            ("client_id", id),
            ("client_secret", secret),
        ];
        let (a, b) = tokio::join!(post(address, "/token", &ask), post(address, "/token", &ask));
        for a in [a, b] {
            assert_eq!(
                call(address, a.json()["access_token"].as_str().expect("token"), "SELECT 1 AS a")
                    .await
                    .status,
                200
            );
        }
    }
    // Claude Code: loopback, any port; and a dead refresh token, a deleted client.
    let local = register(address, "http://localhost:1/callback").await;
    let q = authorization(&local, &[("redirect_uri", "http://localhost:53682/callback")]);
    assert_eq!(get(address, &format!("/authorize?{q}")).await.status, 200);
    let a = post(
        address,
        "/token",
        &[("grant_type", "refresh_token"), ("refresh_token", "mrt_dead"), ("client_id", &local)],
    )
    .await;
    assert_eq!((a.status, a.json()["error"].as_str()), (400, Some("invalid_grant")));
    let a = post(
        address,
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", "mrt_dead"),
            ("client_id", "dcr_gone"),
        ],
    )
    .await;
    assert_eq!((a.status, a.json()["error"].as_str()), (401, Some("invalid_client")));
}

/// The body that VS Code registers with (its `fetchDynamicRegistration`, where a server's grant
/// types are not yet known).
fn vscode() -> Value {
    json!({ "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "redirect_uris": ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
        "scope": "mssql:read", "token_endpoint_auth_method": "none", "application_type": "native" })
}

/// Likewise Cursor: its scheme, the page for its cloud agents, and the loopback
/// that current builds use.
fn cursor() -> Value {
    json!({ "client_name": "Cursor",
        "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none" })
}

async fn register_as(address: SocketAddr, body: &Value) -> Answer {
    http(address, "POST", "/register", &[JSON], body.to_string().as_bytes()).await
}

/// Signs in and agrees; the answer goes to this redirect URI, and its code gives
/// a token that calls.
async fn signs_in_at(address: SocketAddr, client: &str, redirect: &str) {
    let a = Browser::default()
        .decide(address, &authorization(client, &[("redirect_uri", redirect)]), "approve")
        .await;
    let to = a.header("location").unwrap_or_else(|| panic!("{redirect}: {a:?}")).to_owned();
    let (at, query) = to.split_once('?').expect("a query");
    assert_eq!(at, redirect);
    let back: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let t = token(address, client, value(&back, "code"), &[("redirect_uri", redirect)]).await;
    assert_eq!(t.status, 200, "{redirect}: {t:?}");
    let a = call(address, t.json()["access_token"].as_str().expect("token"), "SELECT 1 AS a").await;
    assert_eq!(a.status, 200, "{redirect}: {a:?}");
}

/// RFC 7591 §3.2.1: of several redirect URIs those that are allowed are registered, and
/// the answer says which.
#[tokio::test(flavor = "multi_thread")]
async fn desktop_programs_register_with_what_they_send() {
    const CLOUD: &str = "https://www.cursor.com/agents/mcp/oauth/callback";
    let (_lab, address) = lab(&[], &SCOPES).await;
    let a = register_as(address, &vscode()).await;
    assert_eq!(a.status, 201, "{a:?}");
    assert_eq!(a.json()["redirect_uris"], json!(["http://127.0.0.1/", "http://127.0.0.1:33418/"]));
    let id = a.json()["client_id"].as_str().expect("id").to_owned();
    // Its usual port, another where that is taken, and the form without a slash.
    for redirect in ["http://127.0.0.1:33418/", "http://127.0.0.1:59656/", "http://127.0.0.1:33418"]
    {
        signs_in_at(address, &id, redirect).await;
    }
    // What was left out is refused with the reason, and nothing is sent there.
    let q = authorization(&id, &[("redirect_uri", "https://vscode.dev/redirect")]);
    let a = get(address, &format!("/authorize?{q}")).await;
    assert_eq!((a.status, a.header("location")), (400, None));
    assert!(a.body.contains("vscode.dev") && a.body.contains("auth.redirect_hosts"), "{a:?}");

    let a = register_as(address, &cursor()).await;
    assert_eq!(
        (a.status, &a.json()["redirect_uris"]),
        (201, &json!(["http://localhost:8787/callback"])),
        "{a:?}"
    );
    signs_in_at(
        address,
        a.json()["client_id"].as_str().expect("id"),
        "http://localhost:8787/callback",
    )
    .await;
    // None that is allowed is the error, and it names each.
    let mut only = cursor();
    only["redirect_uris"] =
        json!(["cursor://anysphere.cursor-retrieval/oauth/user-mssql/callback", CLOUD]);
    let a = register_as(address, &only).await;
    assert_eq!((a.status, a.json()["error"].as_str()), (400, Some("invalid_redirect_uri")));
    for part in
        ["cursor-retrieval", "auth.redirect_schemes", "www.cursor.com", "auth.redirect_hosts"]
    {
        assert!(a.body.contains(part), "{part}: {a:?}");
    }

    // The operator allows the rest.
    let more = [
        ("auth.redirect_hosts", "vscode.dev,insiders.vscode.dev,www.cursor.com"),
        ("auth.redirect_schemes", "cursor,com.example.app"),
    ];
    let (_lab, address) = lab(&more, &SCOPES).await;
    for (body, used) in [
        (vscode(), "https://vscode.dev/redirect"),
        (cursor(), "cursor://anysphere.cursor-mcp/oauth/callback"),
    ] {
        let a = register_as(address, &body).await;
        assert_eq!((a.status, &a.json()["redirect_uris"]), (201, &body["redirect_uris"]), "{a:?}");
        signs_in_at(address, a.json()["client_id"].as_str().expect("id"), used).await;
    }
    let mut own = cursor();
    own["redirect_uris"] = json!(["com.example.app:/callback", "vscode://vscode.mcp/callback"]);
    let a = register_as(address, &own).await;
    assert_eq!(a.json()["redirect_uris"], json!(["com.example.app:/callback"]), "{a:?}");
    let id = a.json()["client_id"].as_str().expect("id").to_owned();
    signs_in_at(address, &id, "com.example.app:/callback").await;
    // The form may lead to the program, and the person is told that any program there could be it.
    let q = authorization(&id, &[("redirect_uri", "com.example.app:/callback")]);
    let mut b = Browser::default();
    b.decide(address, &q, "deny").await;
    let page = b.go(address, "GET", &format!("/authorize?{q}"), "").await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("form-action 'self' com.example.app:;")
            && page.body.contains("class=\"warn\""),
        "{page:?}"
    );
}

/// The same of a metadata document: VS Code's own, which it prefers to registering.
#[tokio::test(flavor = "multi_thread")]
async fn a_metadata_document_keeps_the_redirect_uris_that_are_allowed() {
    const ID: &str = "https://client.example/oauth/client-metadata.json";
    let document = json!({ "client_name": "Visual Studio Code", "client_id": ID, "client_uri": "https://vscode.dev/product",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
        "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"] });
    let (_lab, address) = lab_with(&[], &SCOPES, Some(documents(document.clone()).await)).await;
    for redirect in ["http://127.0.0.1:33418/", "http://127.0.0.1:50123/"] {
        signs_in_at(address, ID, redirect).await;
    }
    let q = authorization(ID, &[("redirect_uri", "https://vscode.dev/redirect")]);
    let a = get(address, &format!("/authorize?{q}")).await;
    assert!(a.status == 400 && a.body.contains("auth.redirect_hosts"), "{a:?}");
    let mut none = document;
    none["redirect_uris"] = json!(["https://vscode.dev/redirect"]);
    let (_lab, address) = lab_with(&[], &SCOPES, Some(documents(none).await)).await;
    let a = get(address, &format!("/authorize?{q}")).await;
    assert!(a.status == 400 && a.body.contains("does not lead to its description"), "{a:?}");
}

/// What the operator takes back is taken back from those that are registered, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_no_longer_allowed_gets_no_code() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-hosts-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let (_lab, before) =
        lab(&[("auth.store", store.as_str()), ("auth.redirect_schemes", "cursor")], &SCOPES).await;
    let claude = register(before, CALLBACK).await;
    let own = "cursor://anysphere.cursor-mcp/oauth/callback";
    let cursor = register(before, own).await;
    let more = [("auth.store", store.as_str()), ("auth.redirect_hosts", "chatgpt.com")];
    let (_lab, after) = lab(&more, &SCOPES).await;
    for (client, uri, why) in
        [(&claude, CALLBACK, "auth.redirect_hosts"), (&cursor, own, "auth.redirect_schemes")]
    {
        for named in [uri, ""] {
            let path = format!("/authorize?{}", authorization(client, &[("redirect_uri", named)]));
            assert_eq!(get(before, &path).await.status, 200);
            let a = get(after, &path).await;
            assert!(
                a.status == 400 && a.header("location").is_none() && a.body.contains(why),
                "{uri}: {a:?}"
            );
        }
    }
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_redirect_host_or_scheme_is_said_at_the_start() {
    let args = [
        "serve",
        "--auth-redirect-hosts",
        "https://vscode.dev/redirect,*.cursor.com",
        "--auth-redirect-schemes",
        "javascript,cursor://",
    ];
    let out = crate::support::command(&args).output().await.expect("run");
    let text = String::from_utf8_lossy(&out.stderr);
    for part in [
        "\"https://vscode.dev/redirect\" is no host",
        "\"*.cursor.com\"",
        "\"javascript\" is no private scheme",
        "\"cursor://\"",
    ] {
        assert!(out.status.code() == Some(2) && text.contains(part), "{part}: {text}");
    }
}

/// Likewise of ChatGPT's: its metadata document, `resource` that becomes the audience, its three
/// redirects, the domain proof.
#[tokio::test(flavor = "multi_thread")]
async fn chatgpt_signs_in() {
    const ID: &str = "https://client.example/oauth/abc/client.json";
    const REDIRECTS: [&str; 3] = [
        "https://chatgpt.com/connector/oauth/abc",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        "https://chatgpt.com/backend-api/aip/connectors/links/oauth/callback",
    ];
    let document = json!({ "client_id": ID, "client_name": "ChatGPT", "redirect_uris": REDIRECTS, "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"] });
    let more = [("http.openai_challenge", "proof-123"), ("http.prefixes", "/,/other")];
    let (_lab, address) = lab_with(&more, &SCOPES, Some(documents(document).await)).await;
    let origin = format!("http://{address}");
    let s = get(address, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(
        (
            &s["code_challenge_methods_supported"],
            &s["authorization_response_iss_parameter_supported"]
        ),
        (&json!(["S256"]), &json!(true))
    );
    let a = get(address, "/.well-known/openai-apps-challenge").await;
    assert_eq!((a.status, a.body.as_str()), (200, "proof-123"));
    for redirect in REDIRECTS {
        let q = authorization(
            ID,
            &[
                ("redirect_uri", redirect),
                ("scope", "mssql:read offline_access"),
                ("resource", &*format!("{origin}/mcp")),
            ],
        );
        let page = Browser::default().go(address, "GET", &format!("/authorize?{q}"), "").await;
        assert_eq!(page.status, 200, "{page:?}");
        let mut b = Browser::default();
        let a = b.decide(address, &q, "approve").await;
        let to = a.header("location").expect("back").to_owned();
        assert!(to.starts_with(redirect), "{to}");
        let back: Vec<(String, String)> =
            form_urlencoded::parse(to.split_once('?').expect("query").1.as_bytes())
                .into_owned()
                .collect();
        assert_eq!(value(&back, "iss"), origin);
        // The resource is sent again, and ends up as the audience; another mount's is
        // refused and spends nothing.
        let other = format!("{origin}/other/mcp");
        let wrong = token(
            address,
            ID,
            value(&back, "code"),
            &[("redirect_uri", redirect), ("resource", &other)],
        )
        .await;
        assert_eq!((wrong.status, wrong.json()["error"].as_str()), (400, Some("invalid_target")));
        let t = token(
            address,
            ID,
            value(&back, "code"),
            &[("redirect_uri", redirect), ("resource", &format!("{origin}/mcp"))],
        )
        .await;
        assert_eq!(t.status, 200, "{t:?}");
        let t = t.json();
        let bearer = format!("Bearer {}", t["access_token"].as_str().expect("token"));
        // It asks server/discover first; and what is for one mount opens no other.
        for (path, status) in [("/mcp", 200), ("/other/mcp", 401)] {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
            let headers = [
                JSON,
                BOTH,
                ("MCP-Protocol-Version", "2026-07-28"),
                ("Mcp-Method", "server/discover"),
                ("Authorization", &bearer),
            ];
            let a = http(address, "POST", path, &headers, body.to_string().as_bytes()).await;
            assert_eq!(a.status, status, "{path}: {a:?}");
        }
    }
    // The consent page names the document's host.
    let q = authorization(ID, &[("redirect_uri", REDIRECTS[0])]);
    let mut b = Browser::default();
    b.decide(address, &q, "deny").await;
    let page = b.go(address, "GET", &format!("/authorize?{q}"), "").await;
    assert!(
        page.body.contains("ChatGPT")
            && page.body.contains(ID)
            && page.body.contains("chatgpt.com"),
        "{page:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_configuration_signs_in() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-clients-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("dir");
    let (file, secret) = (dir.join("c.toml"), "s".repeat(40));
    std::fs::write(
        &file,
        format!(
            "[[client]]\nid = \"reports\"\nname = \"Reports\"\nredirect_uris = \
                 [\"https://reports.example/cb\"]\nsecret = \"{secret}\"\n"
        ),
    )
    .expect("file");
    let more =
        [("auth.mode", "builtin"), ("auth.store", "memory"), ("access.confirm_writes", "never")];
    let lab = Lab::with_file(&file, &more).await;
    let ada = User::new(hash(PASSWORD).expect("hash"), SCOPES.map(str::to_owned).to_vec());
    lab.app.authority.as_ref().expect("sign-in").people().put("ada", &ada).await.expect("written");
    let (address, _stop) = lab.serve().await;
    let redirect = ("redirect_uri", "https://reports.example/cb");
    let a =
        Browser::default().decide(address, &authorization("reports", &[redirect]), "approve").await;
    let to = a.header("location").expect("back").to_owned();
    let back: Vec<(String, String)> =
        form_urlencoded::parse(to.split_once('?').expect("query").1.as_bytes())
            .into_owned()
            .collect();
    assert_eq!(
        token(address, "reports", value(&back, "code"), &[redirect]).await.status,
        401,
        "its secret is asked for"
    );
    let a =
        token(address, "reports", value(&back, "code"), &[redirect, ("client_secret", &secret)])
            .await;
    assert_eq!(a.status, 200, "{a:?}");
    // What is wrong with a list is said at the start.
    std::fs::write(
        &file,
        "[[client]]\nid = \"x\"\nname = \"X\"\nredirect_uris = \
        [\"http://intranet/cb\"]\nsecret = \"short\"\n[[mount]]\npath = \
        \"/mcp\"\n[mount.http]\nsse = false\n",
    )
    .expect("file");
    let out = crate::support::command(&["serve", "--config", file.to_str().expect("path")])
        .output()
        .await
        .expect("run");
    let text = String::from_utf8_lossy(&out.stderr);
    for part in [
        "http:// is for loopback",
        "shorter than 32",
        "http.sse is for the whole server",
        "cannot be the path of a mount",
    ] {
        assert!(out.status.code() == Some(2) && text.contains(part), "{part}: {text}");
    }
    std::fs::remove_dir_all(dir).expect("clean");
}
