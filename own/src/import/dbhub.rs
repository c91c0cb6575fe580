//! dbhub's TOML: `[[sources]]` and `[[tools]]`.

use serde_json::Value;

use super::convert::Drafts;
use super::foreign::{ForeignTool, parameters};
use super::source::{Password, Source};
use super::{LineKind, is_variable, items, others, text_of};

/// Tools that dbhub brings, and that a file only sets up.
const BUILT_IN: [&str; 4] = ["execute_sql", "search_objects", "explain_sql", "health_check"];

const SOURCE_KEYS: [&str; 14] = [
    "id",
    "description",
    "dsn",
    "type",
    "host",
    "port",
    "database",
    "user",
    "password",
    "instanceName",
    "sslmode",
    "authentication",
    "domain",
    "lazy",
];
const TOOL_KEYS: [&str; 7] =
    ["name", "description", "source", "statement", "parameters", "max_rows", "readonly"];

pub(super) fn read(file: &Value, drafts: &mut Drafts) {
    if items(file, "sources").is_empty() && items(file, "tools").is_empty() {
        drafts.line(
            LineKind::Refused,
            "the file",
            "it has neither [[sources]] nor [[tools]], as dbhub writes them",
        );
    }
    for of in items(file, "sources") {
        let name = text_of(of, "id").unwrap_or_default();
        match source(of, &name) {
            Ok(source) => drafts.source(source),
            Err(why) => drafts.refuse_source(&name, why),
        }
    }
    for of in items(file, "tools") {
        tool(of, drafts);
    }
    for key in others(file, &["sources", "tools"]) {
        drafts.line(LineKind::Changed, &key, "is left out");
    }
}

fn source(of: &Value, name: &str) -> Result<Source, String> {
    if of.get("ssh_host").is_some() {
        return Err("SSH tunnels are not made here; make one beside the server (ssh -L), and name its near end".to_owned());
    }
    let mut s = Source {
        name: name.to_owned(),
        description: text_of(of, "description"),
        ..Source::default()
    };
    let mut kind = text_of(of, "type");
    let mut extra = Vec::new();
    if let Some(dsn) = text_of(of, "dsn") {
        kind = Some(from_dsn(&dsn, &mut s, &mut extra)?);
    }
    match kind.as_deref() {
        Some("sqlserver" | "mssql") => {}
        Some(other) => {
            return Err(format!("{other} is another database; this server asks SQL Server alone"));
        }
        None => return Err("neither dsn nor type says which database it is".to_owned()),
    }
    let set = |key: &str, to: &mut Option<String>| {
        if let Some(value) = text_of(of, key) {
            *to = Some(value);
        }
    };
    set("host", &mut s.host);
    set("port", &mut s.port);
    set("user", &mut s.user);
    set("database", &mut s.database);
    set("instanceName", &mut s.instance);
    if let Some(password) = text_of(of, "password") {
        s.password = Password::of(&password);
    }
    let said = |key: &str| {
        text_of(of, key).or_else(|| extra.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()))
    };
    s.instance = s.instance.take().or_else(|| said("instanceName"));
    if let Some(mode) = said("sslmode") {
        s.encryption("sslmode", &mode);
    }
    if let Some(way) = said("authentication") {
        s.changes.push(format!(
            "authentication={way} is not done here: write a SQL Server login in user and password_file"
        ));
    }
    let left: Vec<String> = others(of, &SOURCE_KEYS);
    if !left.is_empty() {
        s.changes.push(format!("left out: {}", left.join(", ")));
    }
    Ok(s)
}

/// `sqlserver://user:password@host:port/database?key=value`. A password may have any of these
/// signs, so the last `@` ends it. The scheme is what it returns; no error repeats a part.
fn from_dsn(
    dsn: &str,
    s: &mut Source,
    extra: &mut Vec<(String, String)>,
) -> Result<String, String> {
    if is_variable(dsn) && !dsn.contains("://") {
        return Err("its dsn is all in a variable; write its parts: type, host, user, password and database".to_owned());
    }
    let (scheme, rest) = dsn
        .split_once("://")
        .ok_or("its dsn is no URL, such as sqlserver://user@host:1433/database")?;
    let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(l, p)| (Some(l), p));
    if let Some(login) = login {
        let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
        // What should be written otherwise in a URL may be a part of a secret.
        if user.contains(['/', '?', '&', '=']) {
            return Err("its dsn has an @ that ends no login; write its parts as host, user, password and database".to_owned());
        }
        s.user = Some(decoded(user));
        s.password = password.map_or(Password::None, Password::of);
    }
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let (address, database) = place.split_once('/').unwrap_or((place, ""));
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !address.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    s.host = (!host.is_empty()).then(|| decoded(host));
    s.port = port.map(str::to_owned);
    s.database = (!database.is_empty()).then(|| decoded(database));
    extra.extend(
        query.split('&').filter_map(|p| p.split_once('=')).map(|(k, v)| (k.to_owned(), decoded(v))),
    );
    Ok(scheme.to_owned())
}

/// `%40` is `@`.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn tool(of: &Value, drafts: &mut Drafts) {
    let name = text_of(of, "name").unwrap_or_default();
    let source = text_of(of, "source");
    if BUILT_IN.contains(&name.as_str()) {
        let on = source.as_deref().unwrap_or("its source");
        let mut what = format!(
            "is no tool of one's own; what it does on {on} is set with access.level and limits"
        );
        if of.get("readonly").and_then(Value::as_bool) == Some(true) {
            what.push_str(", and read-only is how access.level is without a word");
        } else if name == "execute_sql" {
            what.push_str("; dbhub let it write, and here access.level = \"read-write\" would");
        }
        return drafts.line(LineKind::Changed, &name, what);
    }
    let mut tool = ForeignTool {
        source,
        description: text_of(of, "description").unwrap_or_default(),
        statement: text_of(of, "statement").unwrap_or_default(),
        parameters: parameters(of, "parameters"),
        max_rows: of.get("max_rows").and_then(Value::as_i64),
        name,
        ..ForeignTool::default()
    };
    if tool.source.is_none() {
        tool.against.push("it names no source".to_owned());
    }
    for key in others(of, &TOOL_KEYS) {
        tool.changes.push(format!("{key} is left out"));
    }
    drafts.tool(tool, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_is_taken_apart_and_its_password_is_not_kept() {
        let mut s = Source::default();
        let mut extra = Vec::new();
        let dsn = "sqlserver://app%40corp:p@ss:w/rd?x@db.corp:1434/My%20Shop?sslmode=require&instanceName=X";
        assert_eq!(from_dsn(dsn, &mut s, &mut extra).as_deref(), Ok("sqlserver"));
        assert_eq!(s.user.as_deref(), Some("app@corp"));
        assert_eq!((s.host.as_deref(), s.port.as_deref()), (Some("db.corp"), Some("1434")));
        assert_eq!((s.database.as_deref(), &s.password), (Some("My Shop"), &Password::Written));
        assert_eq!(extra.len(), 2);
        assert!(!format!("{s:?}").contains("ss:w"));
        let variable = "sqlserver://app:${DB_PASSWORD}@h/d";
        assert!(from_dsn(variable, &mut s, &mut extra).is_ok());
        assert_eq!(s.password, Password::Variable("${DB_PASSWORD}".into()));
    }
}
