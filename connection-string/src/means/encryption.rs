//! TLS and certificates: `database.encrypt`, `.trust_server_certificate`, `.certificate_host`,
//! `.ca_file`.

use crate::address::is_name;
use crate::form::Form;
use crate::given::Given;
use crate::grammar::Pair;
use crate::keywords::Means;
use crate::values::boolean;

pub(super) fn set(given: &mut Given) {
    let encrypt = given.take(Means::Encrypt);
    let sslmode = given.take(Means::SslMode);
    let mut trusts = false;
    match (encrypt, sslmode) {
        (Some(pair), None) => encrypted(given, &pair),
        (None, Some(pair)) => trusts = by_sslmode(given, &pair),
        (Some(_), Some(pair)) => {
            let name = pair.key.trim();
            given.problem(format!("{name}: Encrypt says the same thing: leave one of them out"));
        }
        (None, None) => {}
    }
    let strict = given.setting("database.encrypt") == Some("strict");
    let file = given.take(Means::CertificateFile);
    let trust_key = given.key_of(Means::Trust);
    match given.flag(Means::Trust) {
        // Somebody set it to yes, so there is its keyword.
        Some(true) if strict => given.note(
            trust_key.as_deref().unwrap_or_default(),
            "with strict encryption the certificate is always checked",
        ),
        Some(true) if file.is_some() => given.note(
            trust_key.as_deref().unwrap_or_default(),
            "a certificate is named, and that one is trusted, not any",
        ),
        Some(trust) => {
            given.set("database.trust_server_certificate", if trust { "yes" } else { "no" })
        }
        None if trusts => given.set("database.trust_server_certificate", "yes"),
        None => {}
    }
    if let Some(pair) = given.take(Means::CertificateHost) {
        let host = pair.value.trim();
        let name = pair.key.trim();
        if is_name(host) {
            given.set("database.certificate_host", host);
        } else if host.strip_prefix("*.").is_some_and(is_name) {
            // As the Azure portal writes it for JDBC; the check of the whole name is no weaker.
            given.note(
                name,
                "no wildcard is needed: the certificate must have the server's own name",
            );
        } else {
            given.problem(format!("{name}: this is no name of a host"));
        }
    }
    if let Some(pair) = file {
        given.set_text("database.ca_file", &pair);
        given.note(
            pair.key.trim(),
            "taken as a certificate in PEM that is trusted; dates and the host's name are checked all \
             the same",
        );
    }
}

fn encrypted(given: &mut Given, pair: &Pair) {
    let key = pair.key.trim();
    let word = pair.value.trim().to_ascii_lowercase();
    let how = match word.as_str() {
        "strict" => "strict",
        "yes" | "mandatory" => "on",
        "no" | "optional" => "login-only",
        // A word of go-mssqldb, which reads both forms.
        "disable" if matches!(given.form, Form::Url | Form::AdoNet) => "off",
        other => match boolean(given, other) {
            Some(true) => "on",
            Some(false) => "login-only",
            None => {
                return given.problem(format!(
                    "{key}: it takes yes or mandatory, no or optional, or strict in this form ({})",
                    given.form
                ));
            }
        },
    };
    given.set("database.encrypt", how);
    match how {
        "login-only" => given.note(
            key,
            "only the login is encrypted, as in the drivers, and rows travel in the clear",
        ),
        "off" => given.note(key, IN_THE_CLEAR),
        _ => {}
    }
}

const IN_THE_CLEAR: &str = "nothing is encrypted: passwords and rows travel in the clear";

/// Whether any certificate is to be trusted.
fn by_sslmode(given: &mut Given, pair: &Pair) -> bool {
    let key = pair.key.trim();
    match pair.value.trim().to_ascii_lowercase().as_str() {
        "disable" => {
            given.set("database.encrypt", "off");
            given.note(key, IN_THE_CLEAR);
        }
        "require" => {
            given.set("database.encrypt", "on");
            given.note(
                key,
                "dbhub encrypts with it and looks at no certificate, so any is accepted; better leave \
                 it out where the certificate can be checked",
            );
            return true;
        }
        "verify-ca" | "verify-full" => given.set("database.encrypt", "on"),
        _ => given.problem(format!("{key}: it takes disable, require or verify-full")),
    }
    false
}
