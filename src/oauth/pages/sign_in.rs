//! The sign-in form and the question of consent.

use std::fmt::Write as _;

use super::{MAX_NAME, escape, hidden, meaning, page, program};
use crate::visible::visible_line;

/// What somebody signs in for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// A client asks for a database, by its label.
    Client {
        /// As it calls itself.
        client: &'a str,
        label: &'a str,
    },
    /// A page about an object of a database.
    Object { label: &'a str },
    /// The list of what was granted.
    Apps,
}

/// Why the sign-in form is there again, and about which field that is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignInProblem<'a> {
    pub(crate) text: &'a str,
    /// The name is missing or none; else it is the password's turn.
    pub(crate) name: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SignIn<'a> {
    /// The form's own page.
    pub(crate) action: &'a str,
    /// What was asked for, and comes back with it.
    pub(crate) request: &'a str,
    /// Against other sites' forms.
    pub(crate) csrf: &'a str,
    /// This server, as it was typed.
    pub(crate) server: &'a str,
    pub(crate) purpose: Purpose<'a>,
    /// Kept from the last try.
    pub(crate) name: &'a str,
    /// That did not work.
    pub(crate) problem: Option<SignInProblem<'a>>,
}

pub(crate) fn login(s: &SignIn<'_>) -> String {
    let server = escape(s.server);
    let purpose = match s.purpose {
        Purpose::Client { client, label } => format!(
            "{} asks to use the database <strong>{}</strong>. First sign in to this server, \
             <strong>{server}</strong>.",
            program(client),
            escape(label)
        ),
        Purpose::Object { label } => format!(
            "This page is about the database <strong>{}</strong>. First sign in to this server, \
             <strong>{server}</strong>.",
            escape(label)
        ),
        Purpose::Apps => {
            format!(
                "To see which programs may use databases in your name, sign in to this server, \
                 <strong>{server}</strong>."
            )
        }
    };
    let problem = s.problem.map_or(String::new(), |p| {
        format!("<p class=\"bad\" role=\"alert\" id=\"problem\">{}</p>", escape(p.text))
    });
    // The focus is where the person has to type next; a reader says there what was wrong.
    let at_name = s.problem.is_none_or(|p| p.name);
    let field = |mine: bool| match (mine, s.problem.is_some()) {
        (true, true) => " autofocus aria-invalid=\"true\" aria-describedby=\"problem\"",
        (true, false) => " autofocus",
        (false, _) => "",
    };
    page(
        "Sign in",
        &format!(
            "<p>{purpose}</p>{problem}<form method=\"post\" action=\"{}\">{}{}{}\
             <label for=\"name\">User name</label><input type=\"text\" id=\"name\" \
             name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" \
             required{}>\
             <label for=\"password\">Password</label><input type=\"password\" id=\"password\" \
             name=\"password\" autocomplete=\"current-password\" required{}>\
             <button class=\"go\">Sign in</button></form>",
            escape(s.action),
            hidden("do", "login"),
            hidden("request", s.request),
            hidden("csrf", s.csrf),
            escape(s.name),
            field(at_name),
            field(!at_name),
        ),
    )
}

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct ConsentPage<'a> {
    /// Who is signed in.
    pub(crate) user: &'a str,
    /// Which database of this server it is for: its label.
    pub(crate) label: &'a str,
    /// This server, as it was typed.
    pub(crate) server: &'a str,
    /// The client's own name for itself.
    pub(crate) client: &'a str,
    pub(crate) client_id: &'a str,
    /// Where the code goes.
    pub(crate) host: &'a str,
    /// That is this machine.
    pub(crate) loopback: bool,
    /// What it may do, if the person agrees.
    pub(crate) scopes: &'a [String],
}

/// The way out of a sign-in as somebody else.
const ANOTHER: &str = "<button name=\"do\" value=\"switch\">Use another account</button>";

pub(crate) fn consent(a: &ConsentPage<'_>, request: &str, csrf: &str) -> String {
    let mut scopes = String::new();
    for s in a.scopes {
        let _ = write!(scopes, "<li>{} <small>({})</small></li>", escape(meaning(s)), escape(s));
    }
    let warn = if a.loopback {
        "<p class=\"warn\">This program runs on the computer in front of you, and any program \
         there could pretend to be it. Go on only if you just started it.</p>"
    } else {
        ""
    };
    page(
        &format!("Let {} use this database?", visible_line(a.client, MAX_NAME)),
        &format!(
            "<p>You are signed in as <strong>{}</strong>. The program asks to:</p><ul>{scopes}</ul>\
             <dl><dt>Database</dt><dd>{}</dd><dt>Server</dt><dd>{}</dd><dt>Program</dt><dd>{}</dd><dt>Its id</dt><dd>{}</dd><dt>Answers go to</dt><dd>{}</dd></dl>{warn}\
             <form method=\"post\" action=\"/authorize\">{}{}<button class=\"go\" name=\"do\" \
             value=\"approve\">Allow</button>\
             <button name=\"do\" value=\"deny\">Deny</button>{ANOTHER}</form>",
            escape(a.user),
            escape(a.label),
            escape(a.server),
            program(a.client),
            escape(a.client_id),
            escape(a.host),
            hidden("request", request),
            hidden("csrf", csrf),
        ),
    )
}

/// Somebody is signed in who may not grant any of it.
pub(crate) fn not_yours(what: &str, mend: &str, request: &str, csrf: &str) -> String {
    page(
        "This did not work",
        &format!(
            "<p class=\"bad\" role=\"alert\">{}</p><p>{}</p><form method=\"post\" \
             action=\"/authorize\">{}{}{ANOTHER}</form>",
            escape(what),
            escape(mend),
            hidden("request", request),
            hidden("csrf", csrf),
        ),
    )
}
