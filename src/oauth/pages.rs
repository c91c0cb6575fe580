//! The pages that a person sees: sign in, consent, connected apps, errors. Plain HTML that works without JavaScript, without
//! anything from elsewhere, on a phone and with a keyboard alone.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::grants::Grant;

const STYLE: &str = "*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1f24}\
main{max-width:26rem;margin:8vh auto;padding:1.5rem;background:#fff;border:1px solid #d0d7de;border-radius:.5rem}\
h1{font-size:1.3rem;margin:0 0 1rem}label{display:block;font-weight:600;margin:1rem 0 .25rem}\
input[type=text],input[type=password]{width:100%;padding:.6rem;font:inherit;border:1px solid #57606a;border-radius:.375rem}\
button{font:inherit;font-weight:600;padding:.6rem 1.2rem;margin:1.25rem .5rem 0 0;border:1px solid #57606a;border-radius:.375rem;background:#fff;color:inherit;cursor:pointer}\
button.go{background:#0b5cad;border-color:#0b5cad;color:#fff}:focus-visible{outline:3px solid #ffb000;outline-offset:2px}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0}dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere}\
ul{padding-left:1.2rem}.warn{border-left:4px solid #b54708;background:#fff6ed;padding:.5rem .75rem}.bad{border-left:4px solid #b42318;background:#fef3f2;padding:.5rem .75rem}\
li form{display:inline}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.5 ui-monospace,monospace}@media(max-width:30rem){main{margin:0;border:0;border-radius:0;min-height:100vh}}";

/// The style's hash, so that the policy allows it and nothing else.
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes())));

/// `Content-Security-Policy` of a page; `also` is where its form may lead besides here.
pub fn policy(also: Option<&str>) -> String {
    let also = also.map_or(String::new(), |o| format!(" {o}"));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'{also}; base-uri 'none'; frame-ancestors 'none'",
        *STYLE_HASH
    )
}

/// Text for HTML, in content and in quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Marks that turn the reading direction could make one host look like another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>\n",
        title = escape(title)
    )
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
}

/// What a scope means, in plain words.
fn meaning(scope: &str) -> &str {
    match scope {
        "mssql:read" => "Read data, and see which tables there are",
        "mssql:write" => "Add, change and delete rows",
        "mssql:schema" => "Create, change and drop tables and other objects",
        "mssql:execute" => "Run procedures and dynamic SQL",
        other => other,
    }
}

/// Sign in. `action` is the form's own page, `request` what was asked for and comes back with it.
pub fn login(action: &str, request: &str, csrf: &str, name: &str, problem: Option<&str>) -> String {
    let problem = problem.map_or(String::new(), |p| format!("<p class=\"bad\" role=\"alert\">{}</p>", escape(p)));
    page(
        "Sign in",
        &format!(
            "{problem}<form method=\"post\" action=\"{action}\">{}{}{}\
             <label for=\"name\">User name</label><input type=\"text\" id=\"name\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" required autofocus>\
             <label for=\"password\">Password</label><input type=\"password\" id=\"password\" name=\"password\" autocomplete=\"current-password\" required>\
             <button class=\"go\">Sign in</button></form>",
            hidden("do", "login"),
            hidden("request", request),
            hidden("csrf", csrf),
            escape(name),
        ),
    )
}

/// What a client asks for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Who is signed in.
    pub user: &'a str,
    /// What of this server it is for.
    pub resource: &'a str,
    /// The client's own name for itself.
    pub client: &'a str,
    /// Its id.
    pub client_id: &'a str,
    /// Where the code goes.
    pub host: &'a str,
    /// That is this machine.
    pub loopback: bool,
    /// What it may do, if the person agrees.
    pub scopes: &'a [String],
}

/// Consent.
pub fn consent(a: &Asked<'_>, request: &str, csrf: &str) -> String {
    let mut scopes = String::new();
    for s in a.scopes {
        let _ = write!(scopes, "<li>{} <small>({})</small></li>", escape(meaning(s)), escape(s));
    }
    let warn = if a.loopback {
        "<p class=\"warn\">This program runs on the computer in front of you, and any program there could pretend to be it. Go on only if you just started it.</p>"
    } else {
        ""
    };
    page(
        &format!("Let {} use this database?", a.client),
        &format!(
            "<p>You are signed in as <strong>{}</strong>. The program asks to:</p><ul>{scopes}</ul>\
             <dl><dt>Database</dt><dd>{}</dd><dt>Program</dt><dd>{}</dd><dt>Its id</dt><dd>{}</dd><dt>Answers go to</dt><dd>{}</dd></dl>{warn}\
             <form method=\"post\" action=\"/authorize\">{}{}<button class=\"go\" name=\"do\" value=\"approve\">Allow</button>\
             <button name=\"do\" value=\"deny\">Deny</button></form>",
            escape(a.user),
            escape(a.resource),
            escape(a.client),
            escape(a.client_id),
            escape(a.host),
            hidden("request", request),
            hidden("csrf", csrf),
        ),
    )
}

/// What a person granted, each with a button that takes it back.
pub fn apps(user: &str, grants: &[(String, Grant)], csrf: &str) -> String {
    let mut list = String::new();
    for (id, g) in grants {
        let _ = write!(
            list,
            "<li><strong>{}</strong><br>{}<form method=\"post\" action=\"/apps\">{}{}{}<button aria-label=\"Revoke {}\">Revoke</button></form></li>",
            escape(&g.client_name),
            g.scopes.iter().map(|s| escape(meaning(s))).collect::<Vec<_>>().join("; "),
            hidden("do", "revoke"),
            hidden("grant", id),
            hidden("csrf", csrf),
            escape(&g.client_name),
        );
    }
    let list = if list.is_empty() { "<p>None.</p>".to_owned() } else { format!("<ul>{list}</ul>") };
    page(
        "Connected apps",
        &format!(
            "<p>Signed in as <strong>{}</strong>. These programs may use the database in your name:</p>{list}\
             <form method=\"post\" action=\"/apps\">{}{}<button>Sign out</button></form>",
            escape(user),
            hidden("do", "logout"),
            hidden("csrf", csrf),
        ),
    )
}

/// One object of the database, as `fetch` tells it.
pub fn object(title: &str, text: &str) -> String {
    page(title, &format!("<pre>{}</pre>", text.lines().map(escape).collect::<Vec<_>>().join("\n")))
}

/// Something that cannot go on; nothing is sent anywhere.
pub fn error(what: &str, mend: &str) -> String {
    page("This did not work", &format!("<p class=\"bad\" role=\"alert\">{}</p><p>{}</p>", escape(what), escape(mend)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_client_says_becomes_markup() {
        let evil = "<script>alert(1)</script>\"'&\u{202e}\u{0}";
        let scopes = [evil.to_owned()];
        let asked = Asked {
            user: evil,
            resource: evil,
            client: evil,
            client_id: evil,
            host: evil,
            loopback: true,
            scopes: &scopes,
        };
        let grant = Grant {
            audience: String::new(),
            user: evil.into(),
            client: evil.into(),
            client_name: evil.into(),
            scopes: scopes.to_vec(),
            created: 0,
            until: 0,
            host: evil.into(),
        };
        for html in [
            consent(&asked, evil, evil),
            login("/authorize", evil, evil, evil, Some(evil)),
            apps(evil, &[(evil.to_owned(), grant)], evil),
            error(evil, evil),
        ] {
            assert!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\u{0}'), "{html}");
            assert!(!html.contains("\"'&"), "{html}");
        }
    }
}
