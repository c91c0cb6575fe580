//! Why there is no token, and what to do about it.

use serde_json::Value;

/// Characters of what others say that are repeated.
const TOLD: usize = 300;

/// Why there is no token. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The source that was asked.
    pub source: &'static str,
    /// What was wrong, with the host that was asked.
    pub what: String,
    /// What to change.
    pub mend: String,
    /// Whether the same may work later, as it is.
    pub retryable: bool,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(source: &'static str, what: impl Into<String>, mend: &str) -> Self {
        Self { source, what: what.into(), mend: mend.to_owned(), retryable: false }
    }

    pub(crate) fn for_now(self) -> Self {
        Self { retryable: true, ..self }
    }

    /// Of an answer of a token endpoint that is no token (RFC 6749 §5.2). Secrets are not repeated,
    /// whoever says them.
    pub(crate) fn answered(
        source: &'static str,
        host: &str,
        status: u16,
        body: &[u8],
        secrets: &[&str],
    ) -> Self {
        let said: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        let (error, description) = (text("error"), text("error_description"));
        let description = if description.is_empty() { text("message") } else { description };
        // Entra's own descriptions end in a trace that nobody here can look up.
        let description = description.split(" Trace ID:").next().unwrap_or_default();
        let description = told(description.lines().next().unwrap_or_default(), secrets);
        let error = told(&error, secrets);
        let what = match (error.is_empty(), description.is_empty()) {
            (_, false) => format!("{host} answered {status}: {description}"),
            (false, true) => format!("{host} answered {status}: {error}"),
            (true, true) => format!("{host} answered {status}"),
        };
        let mend = match (mend_of(&description, &error), status) {
            ("", 300..=399) => "this is another endpoint than the one that is meant: check its URL",
            ("", 401 | 403) => "it gives this machine or application no token: look at its rights",
            ("", 429 | 500..) => "it is busy or down: try again in a minute",
            ("", _) => "see docs/logins.md for what this source needs",
            (mend, _) => mend,
        };
        Self { retryable: status == 429 || status >= 500, ..Self::new(source, what, mend) }
    }
}

/// A text of others, short, in one line, and without a secret.
pub(crate) fn told(text: &str, secrets: &[&str]) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for secret in secrets.iter().filter(|s| !s.is_empty()) {
        // As it is, and as it went out in a form.
        let sent: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        line = line.replace(secret, "…").replace(&sent, "…");
    }
    let line = without_tokens(&line);
    match line.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.trim().to_owned(),
    }
}

/// A text without what looks like a token (RFC 7519: `eyJ` is how each begins).
fn without_tokens(line: &str) -> String {
    const LONG: usize = 40;
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("eyJ") {
        let end = rest[at..].find(|c| !is_of_token(c)).map_or(rest.len(), |n| at + n);
        out.push_str(&rest[..at]);
        out.push_str(if end - at >= LONG { "…" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Entra's codes that people meet, and what they mean
/// (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).
const CODES: [(&[u32], &str); 14] = [
    (&[700_016], "the application is not in this tenant: check entra.client_id and entra.tenant"),
    (
        &[7_000_215],
        "the client secret is wrong: entra.client_secret is the secret's value, not its id",
    ),
    (&[7_000_222], "the client secret has expired: make a new one for the application"),
    (
        &[7_000_218],
        "the application allows no public client flows: allow them (Authentication), or give it a \
         secret or a certificate",
    ),
    (
        &[500_011],
        "this tenant does not know the resource: check entra.resource and the cloud, and that the \
         tenant has Azure SQL",
    ),
    (
        &[65_001],
        "consent is missing: an administrator grants the application the delegated permission \
         user_impersonation of Azure SQL Database",
    ),
    (
        &[50_076, 50_079, 53_003, 50_158, 50_005],
        "a policy asks for more than this sign-in has (second factor, conditional access): sign in \
         with az or by device code, or use an application",
    ),
    (
        &[70_021, 700_211, 700_212, 700_213],
        "no federated credential of the application fits the token: compare its issuer, subject and \
         audience with the token's iss, sub and aud",
    ),
    (
        &[700_024],
        "the assertion has expired: check this machine's clock, and that the token's file is renewed",
    ),
    (
        &[700_027],
        "the certificate is not that of the application: upload the certificate of \
         entra.certificate_file to it",
    ),
    (&[90_002, 900_023], "there is no such tenant: check entra.tenant"),
    (
        &[50_173, 70_043, 700_082, 70_008, 50_078],
        "the sign-in has ended: sign in again (az login, or mssql-mcp login)",
    ),
    (
        &[500_131, 50_013],
        "the caller's token is not for this application: auth.audience must be that of \
         entra.client_id for entra.source = on-behalf-of",
    ),
    (&[700_030, 5_000_224], "the tenant is blocked or cannot be used: ask its administrator"),
];

fn mend_of(description: &str, error: &str) -> &'static str {
    let code = description.find("AADSTS").and_then(|at| {
        let digits: String =
            description[at + 6..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    if let Some((_, mend)) = code.and_then(|c| CODES.iter().find(|(all, _)| all.contains(&c))) {
        return mend;
    }
    if description.to_ascii_lowercase().contains("identity not found") {
        return "no identity is assigned to this machine, or several are: assign one, or name it \
                with entra.client_id";
    }
    match error {
        "invalid_client" => "check entra.client_id, and its secret or certificate",
        "invalid_grant" => "the sign-in has ended or was withdrawn: sign in again",
        "unauthorized_client" => "the application may not use this way of signing in",
        _ => "",
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no token from {}: {}", self.source, self.what)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(description: &str, secret: &str) -> Failure {
        let body =
            serde_json::json!({ "error": "invalid_client", "error_description": description });
        Failure::answered("s", "login.example", 401, body.to_string().as_bytes(), &[secret])
    }

    #[test]
    fn entras_codes_have_their_mend() {
        for (code, part) in [
            (700_016, "entra.tenant"),
            (7_000_215, "not its id"),
            (7_000_222, "expired"),
            (7_000_218, "public client"),
            (500_011, "entra.resource"),
            (65_001, "user_impersonation"),
            (53_003, "conditional access"),
            (700_213, "iss, sub and aud"),
            (700_024, "clock"),
            (700_027, "upload"),
            (90_002, "no such tenant"),
        ] {
            let f = of(&format!("AADSTS{code}: Something. Trace ID: 1-2 Timestamp: 3"), "");
            assert!(f.mend.contains(part), "{code}: {}", f.mend);
            assert!(f.what.ends_with("Something."), "{}", f.what);
        }
        assert!(of("AADSTS1: New.", "").mend.contains("entra.client_id"));
    }

    #[test]
    fn a_secret_that_comes_back_is_not_repeated() {
        let form = of("AADSTS7000215: client_secret=S3c%2Bt%2F%26x+y&", "S3c+t/&x y");
        assert!(!form.what.contains("S3c"), "{}", form.what);
        let f = of("AADSTS7000215: the secret S3cret! is wrong\r\nmore", "S3cret!");
        assert!(!f.what.contains("S3cret!") && !f.what.contains("more"), "{}", f.what);
        let long = of(&"x".repeat(5000), "");
        assert!(long.what.chars().count() < 400);
    }

    #[test]
    fn a_token_that_comes_back_is_not_repeated() {
        let token = format!("eyJ{}.x-_y", "a".repeat(50));
        let f = of(&format!("AADSTS1: <{token}>, eyJ and {token}"), "");
        assert!(f.what.ends_with("AADSTS1: <…>, eyJ and …"), "{}", f.what);
    }

    #[test]
    fn an_answer_that_is_no_json_still_says_its_status() {
        let f = Failure::answered("s", "h", 503, b"<html>", &[]);
        assert_eq!((f.what.as_str(), f.retryable), ("h answered 503", true));
    }
}
