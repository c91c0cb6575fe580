//! The pages that a person sees.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_hard_to_abuse() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(
        (page.header("x-frame-options"), page.header("cache-control")),
        (Some("DENY"), Some("no-store"))
    );
    assert!(!page.body.contains("<script") && !page.body.contains("src="));
    let cookie = page.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    // A wrong password: the form again, the name kept, the password not.
    let login = |password| {
        [("do", "login"), ("request", query.as_str()), ("username", "ada"), ("password", password)]
    };
    let a = b.submit(address, "/authorize", &login("zebra \"><script>")).await;
    assert!(
        a.status == 401 && a.body.contains("value=\"ada\"") && !a.body.contains("zebra"),
        "{a:?}"
    );
    // Without the cookie's value, or with another one, nothing is done.
    for csrf in ["", "cf_0123456789012345678901234567890123456789012"] {
        let mut all = vec![("csrf", csrf)];
        all.extend(login(PASSWORD));
        let a = b.go(address, "POST", "/authorize", &encode(&all)).await;
        assert_eq!((a.status, a.header("location")), (403, None), "{csrf}");
    }
    // Deciding without being signed in leads to the sign-in page.
    let a = b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await;
    assert_eq!(a.header("location"), Some(format!("/authorize?{query}").as_str()));
    // What a form carries is checked again.
    let evil = authorization(&client, &[("redirect_uri", "https://evil.com/")]);
    let a = b.submit(address, "/authorize", &[("do", "approve"), ("request", &evil)]).await;
    assert_eq!((a.status, a.header("location")), (400, None));
    // A no goes to the client as a no.
    let back = returned(&b.decide(address, &query, "deny").await);
    assert_eq!((value(&back, "error"), value(&back, "code")), ("access_denied", ""));
    // Consent shows who asks and where the answer goes, and its form may lead
    // there and nowhere else.
    let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    assert!(
        page.body.contains("Claude")
            && page.body.contains("claude.ai")
            && page.body.contains("Read data"),
        "{page:?}"
    );
    assert!(
        page.header("content-security-policy")
            .is_some_and(|p| p.contains("form-action 'self' https://claude.ai;")),
        "{page:?}"
    );
    let local = register(address, "http://localhost:7777/callback").await;
    let q = authorization(&local, &[("redirect_uri", "http://localhost:4242/callback")]);
    let page = b.go(address, "GET", &format!("/authorize?{q}"), "").await;
    assert!(
        page.body.contains("class=\"warn\"") && page.status == 200,
        "any port on loopback, with a warning: {page:?}"
    );
}

/// The value of a form's hidden field, as a browser would send it back.
fn field(page: &Answer, name: &str) -> String {
    let after = page
        .body
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .and_then(|r| r.split('"').next());
    after.unwrap_or_else(|| panic!("no {name}: {page:?}")).replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_revokes_what_they_granted() {
    let (_lab, address) = lab(&[("database.label", "trading book")], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let mut b = Browser::default();
    let back = returned(&b.decide(address, &authorization(&client, &[]), "approve").await);
    let t = token(address, &client, value(&back, "code"), &[]).await.json();
    let access = t["access_token"].as_str().expect("a token");
    let page = b.go(address, "GET", "/apps", "").await;
    assert!(page.body.contains(">not yet<"), "{page:?}");
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 200);
    // Another of the same name, at another host: each has its own row, and one can
    // tell which is which.
    let local = register(address, "http://localhost:7777/callback").await;
    let query = authorization(&local, &[("redirect_uri", "http://localhost:7777/callback")]);
    let to =
        b.decide(address, &query, "approve").await.header("location").expect("back").to_owned();
    let code =
        to.split("code=").nth(1).and_then(|r| r.split('&').next()).expect("a code").to_owned();
    let a =
        token(address, &local, &code, &[("redirect_uri", "http://localhost:7777/callback")]).await;
    assert_eq!(a.status, 200, "{a:?}");
    let page = b.go(address, "GET", "/apps", "").await;
    let rows: Vec<&str> = page.body.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 2, "{page:?}");
    let today = day_of(&page);
    let grant_at = |page: &Answer, host: &str| {
        let row = page
            .body
            .split("<tr>")
            .find(|r| r.contains(&format!(">{host}<")))
            .unwrap_or_else(|| panic!("{page:?}"));
        field(&Answer { status: 200, headers: Vec::new(), body: row.to_owned() }, "grant")
    };
    for (host, used) in [("claude.ai", true), ("localhost", false)] {
        let row = rows.iter().find(|r| r.contains(host)).expect("its row");
        for part in ["<strong>Claude</strong>", host, "trading book", "Read data", "Revoke", &today]
        {
            assert!(row.contains(part), "{part}: {row}");
        }
        assert_eq!(
            row.matches("<time").count(),
            1 + usize::from(used),
            "since, and last use where there was one: {row}"
        );
    }
    let grant = grant_at(&page, "claude.ai");
    // A question first; it changes nothing, and neither does a no.
    let asked = b.submit(address, "/apps", &[("do", "ask"), ("grant", &grant)]).await;
    assert!(
        asked.status == 200
            && asked.body.contains("Revoke Claude?")
            && asked.body.contains("trading book"),
        "{asked:?}"
    );
    assert_eq!(field(&asked, "grant"), grant);
    let kept = b.submit(address, "/apps", &[("do", "keep"), ("grant", &grant)]).await;
    assert_eq!((kept.status, kept.header("location")), (303, Some("/apps")));
    // Somebody else cannot.
    let a =
        Browser::default().submit(address, "/apps", &[("do", "revoke"), ("grant", &grant)]).await;
    assert_eq!(a.status, 403);
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 200);
    let a = b.submit(address, "/apps", &[("do", "revoke"), ("grant", &grant)]).await;
    assert_eq!(a.status, 303);
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 401);
    // A word after, once.
    let page = b.go(address, "GET", a.header("location").expect("a page"), "").await;
    assert!(page.body.contains("role=\"status\"") && page.body.contains("Revoked."), "{page:?}");
    assert!(
        !page.body.contains("claude.ai") && page.body.contains("localhost"),
        "the other is still there: {page:?}"
    );
    assert!(!b.go(address, "GET", "/apps", "").await.body.contains("role=\"status\""));
    b.submit(address, "/apps", &[("do", "revoke"), ("grant", &grant_at(&page, "localhost"))]).await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("None."));
    b.submit(address, "/apps", &[("do", "logout")]).await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("type=\"password\""));
}

/// The day of the first time on a page, as its machine-readable form has it: what people see
/// must say the same.
fn day_of(page: &Answer) -> String {
    let at = page
        .body
        .split("<time datetime=\"")
        .nth(1)
        .and_then(|r| r.split('"').next())
        .expect("a time");
    let (year, rest) = at.split_once('-').expect("a year");
    let (month, day) = rest.split_once('T').and_then(|(d, _)| d.split_once('-')).expect("a day");
    let month =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            [month.parse::<usize>().expect("a month") - 1];
    format!("{} {month} {year}, ", day.parse::<u32>().expect("a day"))
}

/// Whoever signs in is told for which server, database and client, and where to type; whoever
/// agrees, for which database, and may do so as somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_say_what_it_is_about() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-labels-{}.toml", std::process::id()));
    let text = "[[mount]]\npath = \"/demo\"\n[mount.database]\nlabel = \"practice\"\nca_file = \
                \"SANDBOX_CA\"\n[mount.access]\nlevel = \"full\"\n";
    std::fs::write(&file, text).expect("file");
    let more =
        [("auth.mode", "builtin"), ("auth.store", "memory"), ("database.label", "trading book")];
    let lab = Lab::with_file(&file, &more).await;
    let people = lab.app.authority.as_ref().expect("sign-in").people().clone();
    let user = |scopes: &[&str]| {
        User::new(hash(PASSWORD).expect("hash"), scopes.iter().map(|s| (*s).to_owned()).collect())
    };
    people.put("ada", &user(&SCOPES)).await.expect("written");
    people.put("bob", &user(&["mssql:read"])).await.expect("written");
    let (address, _stop) = lab.serve().await;
    let client = register(address, CALLBACK).await;
    for (mount, label) in [("", "trading book"), ("/demo", "practice")] {
        let resource = format!("http://{address}{mount}/mcp");
        let query = authorization(&client, &[("resource", &resource)]);
        let mut b = Browser::default();
        let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
        let parts = [
            "<strong>Claude</strong>",
            &format!("<strong>{label}</strong>"),
            &format!("<strong>{address}</strong>"),
        ];
        for part in parts {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
        assert!(
            page.body.contains("id=\"name\"")
                && page.body.split("id=\"password\"").all(|p| p.matches("autofocus").count() <= 1)
        );
        let focus = |page: &Answer| {
            let input = page
                .body
                .split("<input")
                .find(|i| i.contains(" autofocus"))
                .expect("a focus")
                .to_owned();
            (
                input.contains("id=\"name\""),
                input.contains("aria-invalid=\"true\" aria-describedby=\"problem\""),
            )
        };
        assert_eq!(focus(&page), (true, false));
        let login = |name, password| {
            [
                ("do", "login"),
                ("request", query.as_str()),
                ("username", name),
                ("password", password),
            ]
        };
        // The name stays, and the password is typed again; without a name it is the name's turn.
        // What it is about stays on the page.
        for (name, at_name) in [("ada", false), ("", true), ("a b", true)] {
            let again = b.submit(address, "/authorize", &login(name, "not the password")).await;
            assert_eq!((again.status, focus(&again)), (401, (at_name, true)), "{name}: {again:?}");
            assert!(
                parts.iter().all(|p| again.body.contains(p))
                    && again.body.contains("id=\"problem\""),
                "{again:?}"
            );
        }
        assert_eq!(b.submit(address, "/authorize", &login("ada", PASSWORD)).await.status, 303);
        let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
        assert!(page.body.contains(&format!("<dt>Database</dt><dd>{label}</dd>")), "{page:?}");
        let shown = page
            .body
            .split("<dl>")
            .nth(1)
            .and_then(|r| r.split("</dl>").next())
            .expect("a list")
            .to_owned();
        assert!(
            !shown.contains("http://") && shown.contains(&format!("<dd>{address}</dd>")),
            "{shown}"
        );
        // As somebody else, for the same request.
        let a = b.submit(address, "/authorize", &[("do", "switch"), ("request", &query)]).await;
        assert_eq!(
            (a.status, a.header("location")),
            (303, Some(format!("/authorize?{query}").as_str()))
        );
        assert!(
            b.go(address, "GET", &format!("/authorize?{query}"), "")
                .await
                .body
                .contains("type=\"password\"")
        );
    }
    // Whoever has none of what is asked for is told whom to ask, and may be somebody else, too.
    let resource = format!("http://{address}/demo/mcp");
    let query = authorization(&client, &[("resource", &resource), ("scope", "mssql:schema")]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    let login =
        [("do", "login"), ("request", query.as_str()), ("username", "bob"), ("password", PASSWORD)];
    b.submit(address, "/authorize", &login).await;
    let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    assert!(
        page.status == 403
            && page.body.contains("user scopes bob mssql:schema")
            && page.body.contains("value=\"switch\""),
        "{page:?}"
    );
    let a = b.submit(address, "/authorize", &[("do", "switch"), ("request", &query)]).await;
    assert_eq!(a.header("location"), Some(format!("/authorize?{query}").as_str()));
    // The other ways to the form.
    let page = Browser::default().go(address, "GET", "/apps", "").await;
    assert!(page.body.contains(&format!("<strong>{address}</strong>")), "{page:?}");
    let page = Browser::default().go(address, "GET", "/demo/object?id=table:dbo.Notes", "").await;
    assert!(page.body.contains("<strong>practice</strong>"), "{page:?}");
    std::fs::remove_file(file).expect("clean");
}
