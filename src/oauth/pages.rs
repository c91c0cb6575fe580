//! The pages that a person sees: the way in, sign in, consent, connected apps, errors. Plain HTML
//! that works without JavaScript, without anything from elsewhere, on a phone and with a keyboard
//! alone, in light and in dark.

mod sign_in;

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::grants::Grant;
use crate::visible::{unseen, visible_line};
pub(crate) use sign_in::{ConsentPage, Purpose, SignIn, SignInProblem, consent, login, not_yours};

/// All that there is of style, in the page itself.
const STYLE: &str = include_str!("pages/style.css");

/// A cylinder, as databases are drawn.
pub(crate) const ICON: &str = include_str!("pages/icon.svg");

/// In the page itself, so that no proxy has to know its path.
static ICON_LINK: LazyLock<String> =
    LazyLock::new(|| format!("data:image/svg+xml;base64,{}", BASE64.encode(ICON)));

/// The style's hash, so that the policy allows it and nothing else.
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes())));

/// `Content-Security-Policy` of a page; `also` is where its form may lead besides here.
pub(crate) fn policy(also: Option<&str>) -> String {
    let also = also.map_or(String::new(), |o| format!(" {o}"));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'self'{also}; \
         base-uri 'none'; frame-ancestors 'none'",
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
    laid_out(title, "", body)
}

fn laid_out(title: &str, class: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><link \
         rel=\"icon\" type=\"image/svg+xml\" href=\"{icon}\"><style>{STYLE}</style></head>\
         <body><main{class}><h1>{title}</h1>{body}</main></body></html>\n",
        title = escape(title),
        icon = *ICON_LINK,
    )
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
}

/// Characters of a client's name that are shown.
const MAX_NAME: usize = 200;
/// Letters of a name that are told apart.
const TOLD: usize = 5;

/// What a program calls itself: what cannot be seen in it as an escape, and which letters are none
/// of A to Z, because a name may be made to look like another.
fn program(name: &str) -> String {
    let mut odd: Vec<char> = name.chars().filter(|c| !c.is_ascii() && !unseen(*c)).collect();
    odd.sort_unstable();
    odd.dedup();
    let all: Vec<String> =
        odd.iter().take(TOLD).map(|c| format!("{c} is U+{:04X}", *c as u32)).collect();
    let more = if odd.len() > TOLD { " …" } else { "" };
    let note = match all.as_slice() {
        [] => String::new(),
        all => {
            format!(" <small>(not all plain letters: {}{more})</small>", escape(&all.join(", ")))
        }
    };
    format!("<strong>{}</strong>{note}", escape(&visible_line(name, MAX_NAME)))
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

/// A time for people; without JavaScript nobody knows their zone.
fn when(seconds: u64) -> String {
    let t = i64::try_from(seconds).ok().and_then(|s| chrono::DateTime::from_timestamp(s, 0));
    t.map_or_else(String::new, |t| {
        format!(
            "<time datetime=\"{}\">{}</time>",
            t.format("%Y-%m-%dT%H:%M:%SZ"),
            t.format("%-d %b %Y, %H:%M UTC")
        )
    })
}

fn may(scopes: &[String]) -> String {
    scopes.iter().map(|s| format!("<li>{}</li>", escape(meaning(s)))).collect()
}

/// What a person granted, each in a row with a button that takes it back; `label` is
/// of a grant's database.
pub(crate) fn apps(
    user: &str,
    grants: &[(String, Grant)],
    label: impl Fn(&Grant) -> String,
    revoked: bool,
    csrf: &str,
) -> String {
    let mut rows = String::new();
    for (id, g) in grants {
        let used = if g.used == 0 { "not yet".to_owned() } else { when(g.used) };
        let (name, host) = (escape(&visible_line(&g.client_name, MAX_NAME)), escape(&g.host));
        let _ = write!(
            rows,
            "<tr><td>{}</td><td data-name=\"Database\">{}</td><td data-name=\"Answers went \
             to\">{}</td><td data-name=\"Since\">{}</td>\
             <td data-name=\"Last used\">{used}</td><td data-name=\"May\"><ul>{}</ul></td>\
             <td><form method=\"post\" action=\"/apps\">{}{}{}<button aria-label=\"Revoke {name} \
             ({host})\">Revoke …</button></form></td></tr>",
            program(&g.client_name),
            escape(&label(g)),
            host,
            when(g.created),
            may(&g.scopes),
            hidden("do", "ask"),
            hidden("grant", id),
            hidden("csrf", csrf),
        );
    }
    let list = if rows.is_empty() {
        "<p>None.</p>".to_owned()
    } else {
        format!(
            "<table><thead><tr><th scope=\"col\">Program</th><th scope=\"col\">Database</th><th \
             scope=\"col\">Answers went to</th><th scope=\"col\">Since</th>\
             <th scope=\"col\">Last used</th><th scope=\"col\">May</th><th \
             scope=\"col\"><span>Take back</span></th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    let said = match revoked {
        true => {
            "<p class=\"good\" role=\"status\">Revoked. That program can no longer use the \
             database in your name.</p>"
        }
        false => "",
    };
    laid_out(
        "Connected apps",
        " class=\"wide\"",
        &format!(
            "{said}<p>Signed in as <strong>{}</strong>. These programs may use a database in your \
             name:</p>{list}\
             <form method=\"post\" action=\"/apps\">{}{}<button>Sign out</button></form>",
            escape(user),
            hidden("do", "logout"),
            hidden("csrf", csrf),
        ),
    )
}

/// The question before one is taken back.
pub(crate) fn revoke(id: &str, g: &Grant, label: &str, csrf: &str) -> String {
    page(
        &format!("Revoke {}?", visible_line(&g.client_name, MAX_NAME)),
        &format!(
            "<p>It may use the database <strong>{}</strong> in your name, since {}:</p><ul>{}</ul>\
             <p>Afterwards its next request is refused, within a second. It can ask you again.</p>\
             <form method=\"post\" action=\"/apps\">{}{}<button class=\"go\" name=\"do\" \
             value=\"revoke\">Revoke</button>\
             <button name=\"do\" value=\"keep\">Keep it</button></form>",
            escape(label),
            when(g.created),
            may(&g.scopes),
            hidden("grant", id),
            hidden("csrf", csrf),
        ),
    )
}

/// For a person who comes with a browser: what this is, and what to do with it. `addresses` are
/// those of the databases, with their labels.
pub(crate) fn way_in(
    title: &str,
    problem: Option<&str>,
    addresses: &[(String, String)],
    sign_in: bool,
) -> String {
    let mut list = String::new();
    for (label, url) in addresses {
        let _ = write!(
            list,
            "<li><code>{}</code>, the database <strong>{}</strong></li>",
            escape(url),
            escape(label)
        );
    }
    let problem = problem
        .map_or(String::new(), |p| format!("<p class=\"bad\" role=\"alert\">{}</p>", escape(p)));
    let apps = match sign_in {
        true => {
            "<p><a href=\"/apps\">Connected apps</a>: which programs may use a database in your \
             name.</p>"
        }
        false => "",
    };
    page(
        title,
        &format!(
            "{problem}<p>This server gives AI programs (Claude, ChatGPT, VS Code, Cursor …) \
             access to Microsoft SQL Server. It is not used with a browser: \
             add its address to your program as an MCP server, or as a \
             connector.</p><ul>{list}</ul>{apps}"
        ),
    )
}

/// One object of the database, as `fetch` tells it.
pub(crate) fn object(title: &str, text: &str) -> String {
    page(title, &format!("<pre>{}</pre>", text.lines().map(escape).collect::<Vec<_>>().join("\n")))
}

/// Something that cannot go on; nothing is sent anywhere.
pub(crate) fn error(what: &str, mend: &str) -> String {
    page(
        "This did not work",
        &format!("<p class=\"bad\" role=\"alert\">{}</p><p>{}</p>", escape(what), escape(mend)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_what_it_is() {
        assert_eq!(program("Claude"), "<strong>Claude</strong>");
        assert_eq!(
            program("\u{421}laude"),
            "<strong>\u{421}laude</strong> <small>(not all plain letters: \u{421} is \
             U+0421)</small>"
        );
        assert_eq!(program("Cl\u{200b}au\u{61c}de"), "<strong>Cl\\u{200B}au\\u{061C}de</strong>");
        let many = program("\u{30af}\u{30ed}\u{30fc}\u{30c9}\u{306e}\u{30c4}");
        assert!(many.matches("U+").count() == TOLD && many.ends_with(" …)</small>"), "{many}");
    }

    #[test]
    fn nothing_that_a_client_says_becomes_markup() {
        let evil = "<script>alert(1)</script>\"'&\u{202e}\u{0}";
        let scopes = [evil.to_owned()];
        let asked = ConsentPage {
            user: evil,
            label: evil,
            server: evil,
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
            used: 0,
            until: 0,
            host: evil.into(),
            epoch: String::new(),
        };
        let problem = Some(SignInProblem { text: evil, name: false });
        let sign_in = |purpose| SignIn {
            action: evil,
            request: evil,
            csrf: evil,
            server: evil,
            purpose,
            name: evil,
            problem,
        };
        for html in [
            consent(&asked, evil, evil),
            login(&sign_in(Purpose::Client { client: evil, label: evil })),
            login(&sign_in(Purpose::Object { label: evil })),
            login(&sign_in(Purpose::Apps)),
            revoke(evil, &grant, evil, evil),
            apps(evil, &[(evil.to_owned(), grant)], |_| evil.to_owned(), true, evil),
            not_yours(evil, evil, evil, evil),
            way_in(evil, Some(evil), &[(evil.to_owned(), evil.to_owned())], true),
            object(evil, evil),
            error(evil, evil),
        ] {
            assert!(
                !html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\u{0}'),
                "{html}"
            );
            assert!(!html.contains("\"'&"), "{html}");
        }
    }
}
