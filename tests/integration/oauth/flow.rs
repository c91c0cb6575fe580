//! From a 401 to rows: codes, tokens, scopes.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_finds_its_way_from_a_401_to_rows() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let a = call(address, "", "SELECT 1 AS a").await;
    assert_eq!(a.status, 401);
    let challenge = a.header("www-authenticate").expect("a challenge").to_owned();
    let url = format!("http://{address}/.well-known/oauth-protected-resource/mcp");
    assert_eq!(
        challenge,
        format!("Bearer scope=\"mssql:read\", resource_metadata=\"{url}\""),
        "no error without a token"
    );
    let m = get(address, "/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(
        (&m["resource"], &m["authorization_servers"][0]),
        (&json!(format!("http://{address}/mcp")), &json!(format!("http://{address}")))
    );
    assert_eq!(
        get(address, "/.well-known/oauth-protected-resource").await.json()["resource"],
        format!("http://{address}")
    );
    assert_eq!(get(address, "/.well-known/oauth-protected-resource/nowhere").await.status, 404);
    let s = get(address, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(s["issuer"], format!("http://{address}"));
    assert_eq!(
        (&s["code_challenge_methods_supported"], &s["scopes_supported"]),
        (&json!(["S256"]), &json!(["mssql:read", "mssql:write"]))
    );
    // Under another name of this machine it speaks of itself by that name.
    let local = format!("localhost:{}", address.port());
    let m =
        http(address, "GET", "/.well-known/oauth-protected-resource/mcp", &[("Host", &local)], b"")
            .await
            .json();
    assert_eq!(m["resource"], format!("http://{local}/mcp"));

    let (_, t) = tokens(address, "mssql:read mssql:write offline_access").await;
    assert_eq!(
        (&t["token_type"], &t["expires_in"], &t["scope"]),
        (&json!("Bearer"), &json!(3600), &json!("mssql:read mssql:write"))
    );
    let a = call(address, t["access_token"].as_str().expect("a token"), "SELECT 1 AS a").await;
    assert_eq!(a.json()["result"]["structuredContent"]["results"][0]["rows"], json!([[1]]));
    assert_eq!(get(address, "/health").await.json()["oauth"], "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_a_403_that_names_all_that_is_needed() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let (_, t) = tokens(address, "mssql:read").await;
    let read = t["access_token"].as_str().expect("a token");
    let update = "UPDATE dbo.Employees SET Name = Name";
    let a = call(address, read, update).await;
    assert_eq!(a.status, 403, "{a:?}");
    let challenge = a.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.contains("error=\"insufficient_scope\"")
            && challenge.contains("scope=\"mssql:read mssql:write\""),
        "{challenge}"
    );
    // Step-up: the same person grants more, and the same call goes through.
    let (_, t) = tokens(address, "mssql:read mssql:write").await;
    let a = call(address, t["access_token"].as_str().expect("a token"), update).await;
    assert_eq!(a.json()["result"]["structuredContent"]["committed"], true, "{a:?}");
    // Never more than the person has.
    let (_lab, address) = lab(&[], &["mssql:read"]).await;
    assert_eq!(tokens(address, "mssql:read mssql:write").await.1["scope"], "mssql:read");
    let client = register(address, CALLBACK).await;
    let mut b = Browser::default();
    b.decide(address, &authorization(&client, &[]), "deny").await;
    let page = b
        .go(
            address,
            "GET",
            &format!("/authorize?{}", authorization(&client, &[("scope", "mssql:write")])),
            "",
        )
        .await;
    assert_eq!(page.status, 403, "nothing that could be granted: {page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_not_good_are_refused() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let (_, t) = tokens(address, "mssql:read").await;
    let good = t["access_token"].as_str().expect("a token").to_owned();
    let refresh = t["refresh_token"].as_str().expect("a token");
    let mut tampered = good.clone();
    tampered.pop();
    tampered.push(if good.ends_with('A') { 'B' } else { 'A' });
    // {"alg":"none"} {"sub":"ada"}
    for bad in
        [tampered.as_str(), "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", refresh, "mcp_guess"]
    {
        let a = call(address, bad, "SELECT 1 AS a").await;
        assert_eq!(a.status, 401, "{bad}");
        assert!(
            a.header("www-authenticate").is_some_and(|c| c.contains("error=\"invalid_token\"")),
            "{a:?}"
        );
    }
    // Only in the header.
    let a = http(address, "POST", &format!("/mcp?access_token={good}"), &[JSON, BOTH], b"{}").await;
    assert_eq!(a.status, 401);
    let a =
        http(address, "POST", "/mcp", &[JSON, BOTH, ("Authorization", "Basic YTpi")], b"{}").await;
    assert_eq!(a.status, 400, "{a:?}");
    // Every method is asked.
    for method in ["GET", "DELETE"] {
        assert_eq!(http(address, method, "/mcp", &[BOTH], b"").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_requests_are_checked_before_anything_is_sent() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    // The client or its redirect is not sure: a page, and no redirect.
    for more in [
        &[("client_id", "dcr_nobody")][..],
        &[("client_id", "")],
        &[("redirect_uri", "https://claude.ai/other")],
        &[("redirect_uri", "https://CLAUDE.ai/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai:443/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai.evil.com/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai@evil.com/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai/api/mcp/auth_callback#x")],
        &[("redirect_uri", "https://claude.ai/api/mcp/auth_callback\r\nSet-Cookie: a=b")],
    ] {
        let a = get(address, &format!("/authorize?{}", authorization(&client, more))).await;
        assert_eq!((a.status, a.header("location")), (400, None), "{more:?}");
        assert!(a.header("set-cookie").is_none_or(|c| c.starts_with("mcp_")), "{a:?}");
    }
    // They are sure: the client is told, with its state and our issuer.
    for (more, error, mentions) in [
        (
            &[("response_type", ""), ("code_challenge", "")][..],
            "invalid_request",
            "response_type and code_challenge",
        ),
        (&[("response_type", "token")], "unsupported_response_type", "code"),
        (&[("code_challenge_method", "plain")], "invalid_request", "S256"),
        (&[("code_challenge_method", "")], "invalid_request", "S256"),
        (&[("code_challenge", "short")], "invalid_request", "code_challenge"),
        (&[("resource", "https://evil.com/mcp")], "invalid_target", "resource"),
    ] {
        let a = get(address, &format!("/authorize?{}", authorization(&client, more))).await;
        assert_eq!(a.status, 302, "{more:?}: {a:?}");
        let back = returned(&a);
        assert_eq!((value(&back, "error"), value(&back, "state")), (error, "st&te"), "{more:?}");
        assert!(value(&back, "error_description").contains(mentions), "{back:?}");
        assert_eq!(value(&back, "iss"), format!("http://{address}"));
    }
    // A slash at the end, and no resource at all, are ours.
    for resource in [
        "",
        &format!("http://{address}/"),
        &format!("http://{address}/mcp"),
        &format!("HTTP://{address}/mcp"),
    ] {
        let a = get(
            address,
            &format!("/authorize?{}", authorization(&client, &[("resource", resource)])),
        )
        .await;
        assert_eq!(a.status, 200, "{resource}: {a:?}");
    }
    let twice = format!("{}&client_id=x", authorization(&client, &[]));
    assert_eq!(get(address, &format!("/authorize?{twice}")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_refresh_tokens_are_good_once() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let error = |a: &Answer| a.json()["error"].as_str().unwrap_or_default().to_owned();
    for more in [
        &[("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong")][..],
        &[("redirect_uri", "https://claude.ai/other")],
        &[("code", "mac_guess")],
    ] {
        let c = code(address, &client, &[]).await;
        let a = token(address, &client, &c, more).await;
        assert_eq!((a.status, error(&a).as_str()), (400, "invalid_grant"), "{more:?}");
    }
    let c = code(address, &client, &[]).await;
    for (more, status, e) in [
        (&[("client_id", "dcr_nobody")][..], 401, "invalid_client"),
        (&[("client_id", "")], 401, "invalid_client"),
        (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        (&[("grant_type", "")], 400, "invalid_request"),
        (&[("code_verifier", "")], 400, "invalid_request"),
        (&[("resource", "https://evil.com")], 400, "invalid_target"),
    ] {
        let a = token(address, &client, &c, more).await;
        assert_eq!((a.status, error(&a).as_str()), (status, e), "{more:?}");
    }
    let a = http(address, "POST", "/token", &[JSON], b"{}").await;
    assert!(a.status == 400 && a.body.contains("form-encoded"), "{a:?}");
    // None of those mistakes spent it.
    let first = token(address, &client, &c, &[]).await.json();
    let access = first["access_token"].as_str().expect("a token");
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 200);
    let a = token(address, &client, &c, &[]).await;
    assert_eq!((a.status, error(&a).as_str()), (400, "invalid_grant"), "a replay");
    assert_eq!(
        call(address, access, "SELECT 1 AS a").await.status,
        401,
        "and what the code gave is revoked"
    );

    let (client, t) = tokens(address, "mssql:read").await;
    let refresh = t["refresh_token"].as_str().expect("a token").to_owned();
    let ask = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", client.as_str()),
    ];
    let (a, b) = tokio::join!(post(address, "/token", &ask), post(address, "/token", &ask));
    assert_eq!((a.status, b.status), (200, 200), "two refreshes at once both succeed");
    let access = a.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(call(address, &access, "SELECT 1 AS a").await.status, 200);
    // RFC 7009.
    let next = a.json()["refresh_token"].as_str().expect("a token").to_owned();
    let revoke = post(address, "/revoke", &[("token", &next), ("client_id", &client)]).await;
    assert_eq!(revoke.status, 200);
    assert_eq!(
        call(address, &access, "SELECT 1 AS a").await.status,
        401,
        "at once, on the replica that revoked"
    );
    let a = post(
        address,
        "/token",
        &[("grant_type", "refresh_token"), ("refresh_token", &next), ("client_id", &client)],
    )
    .await;
    assert_eq!((a.status, error(&a).as_str()), (400, "invalid_grant"));
    assert_eq!(
        post(address, "/revoke", &[("token", "mrt_unknown"), ("client_id", &client)]).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn confidential_clients_prove_themselves_in_both_ways() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let a = http(address, "POST", "/register", &[JSON], br#"{"client_name":"test"}"#).await;
    assert_eq!((a.status, a.json()["error"].as_str()), (400, Some("invalid_redirect_uri")));
    assert!(a.json()["error_description"].as_str().is_some_and(|d| d.contains("redirect_uris")));
    let body = json!({ "client_name": "test", "redirect_uris": [CALLBACK] }).to_string();
    let a = http(address, "POST", "/register", &[JSON], body.as_bytes()).await;
    assert_eq!(a.status, 201);
    let (id, secret) = (a.json()["client_id"].clone(), a.json()["client_secret"].clone());
    let (id, secret) = (id.as_str().expect("id"), secret.as_str().expect("secret"));
    let c = code(address, id, &[]).await;
    assert_eq!(token(address, id, &c, &[]).await.status, 401, "no secret");
    assert_eq!(token(address, id, &c, &[("client_secret", "mcs_wrong")]).await.status, 401);
    assert_eq!(token(address, id, &c, &[("client_secret", secret)]).await.status, 200);
    let c = code(address, id, &[]).await;
    use base64::Engine as _;
    let basic = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"))
    );
    let form =
        encode(&[("grant_type", "authorization_code"), ("code", &c), ("code_verifier", VERIFIER)]);
    let a =
        http(address, "POST", "/token", &[FORM, ("Authorization", &basic)], form.as_bytes()).await;
    assert_eq!(a.status, 200, "{a:?}");
    // Bodies that are no registration.
    for (body, status) in [
        ("[]".to_owned(), 400),
        ("{".into(), 400),
        (format!("{{\"client_name\":\"{}\"}}", "x".repeat(100_000)), 413),
    ] {
        assert_eq!(
            http(address, "POST", "/register", &[JSON], body.as_bytes()).await.status,
            status
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_belongs_to_its_principal() {
    let (lab, address) = lab(&[], &SCOPES).await;
    let (_, ada) = tokens(address, "mssql:read").await;
    let bob = User::new(hash(PASSWORD).expect("hash"), SCOPES.map(str::to_owned).to_vec());
    let authority = lab.app.authority.as_ref().expect("sign-in");
    authority.people().put("bob", &bob).await.expect("written");
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    b.submit(
        address,
        "/authorize",
        &[("do", "login"), ("request", &query), ("username", "bob"), ("password", PASSWORD)],
    )
    .await;
    let back =
        returned(&b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await);
    let bobs = token(address, &client, value(&back, "code"), &[]).await.json();
    let bearer = |t: &Value| format!("Bearer {}", t["access_token"].as_str().expect("a token"));
    let (ada, bob) = (bearer(&ada), bearer(&bobs));
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, ("Authorization", &ada)],
        body.to_string().as_bytes(),
    )
    .await;
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (who, status) in [(&ada, 200), (&bob, 404)] {
        let a = http(
            address,
            "POST",
            "/mcp",
            &[JSON, BOTH, ("Authorization", who), ("Mcp-Session-Id", &session)],
            ping,
        )
        .await;
        assert_eq!(a.status, status);
    }
}
