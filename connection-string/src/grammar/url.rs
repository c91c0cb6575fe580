//! A URL (RFC 3986): `//USER:PASSWORD@HOST:PORT/PATH?KEYWORD=VALUE&…`, each part percent-encoded,
//! and `+` in the query a blank, as forms have it.
//!
//! Drivers disagree about the path. With `database` (or a synonym) in the query it is the instance,
//! as in go-mssqldb; without it the path is the database, as in dbhub and SQLAlchemy.

use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::Pair;
use crate::form::{Scheme, Shape};
use crate::keywords::{Means, find};

const ESCAPE: &str = "in a user or password / is written %2F, ? %3F, # %23, @ %40 and % %25";

pub(super) fn pairs(text: &str, shape: Shape) -> Result<Vec<Pair>, String> {
    if text.contains(|c: char| c.is_control()) {
        return Err("the URL holds a control character or a line break: leave it out".into());
    }
    if text.contains('#') {
        return Err(format!("the URL holds a #, behind which nothing is read; {ESCAPE}"));
    }
    let start = shape.start;
    let query_at = text[start..].find('?').map_or(text.len(), |at| start + at);
    let path_at = text[start..query_at].find('/').map_or(query_at, |at| start + at);
    let mut pairs = Vec::new();
    let login = text[start..path_at].rfind('@').map(|at| start + at);
    if let Some(end) = login {
        user(text, start..end, &mut pairs)?;
    }
    place(text, login.map_or(start, |end| end + 1)..path_at, &mut pairs)?;
    let before_query = pairs.len();
    if query_at < text.len() {
        query(text, query_at + 1, &mut pairs)?;
    }
    let path = (path_at + 1).min(query_at)..query_at;
    if !path.is_empty() {
        if text[path.clone()].contains('@') {
            return Err(format!("the path holds an @; {ESCAPE}, in a path too"));
        }
        let value = decoded(&text[path.clone()], "the path")?;
        let value = value.strip_suffix('/').unwrap_or(&value).to_owned();
        let has_database = pairs[before_query..]
            .iter()
            .any(|p| is(&p.key, Means::Database) && !p.value.is_empty());
        let is_instance = has_database && shape.scheme != Scheme::SqlAlchemy;
        let key = if is_instance { "instanceName" } else { "database" };
        if !value.is_empty() {
            pairs.insert(before_query, Pair::part(key, value, path));
        }
    }
    Ok(pairs)
}

fn is(key: &str, means: Means) -> bool {
    find(key).is_some_and(|k| k.means == means)
}

fn user(text: &str, at: Range<usize>, pairs: &mut Vec<Pair>) -> Result<(), String> {
    let whole = &text[at.clone()];
    let (name, password) = match whole.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (whole, None),
    };
    let middle = at.start + name.len();
    if !name.is_empty() {
        pairs.push(Pair::part("user", decoded(name, "the user")?, at.start..middle));
    }
    if let Some(password) = password {
        pairs.push(Pair::part("password", decoded(password, "the password")?, middle + 1..at.end));
    }
    Ok(())
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`; what else a host may hold is read where all forms meet.
fn place(text: &str, at: Range<usize>, pairs: &mut Vec<Pair>) -> Result<(), String> {
    let whole = &text[at.clone()];
    let host_end = match whole.strip_prefix('[').and_then(|w| w.find(']')) {
        Some(close) => close + 2,
        None => whole.find(':').unwrap_or(whole.len()),
    };
    let (host, port) = whole.split_at(host_end);
    if !host.is_empty() {
        let host_at = at.start..at.start + host_end;
        pairs.push(Pair::part("server", decoded(host, "the host")?, host_at));
    }
    if port.is_empty() || port == ":" {
        return Ok(());
    }
    match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            let port_at = at.start + host_end + 1..at.end;
            pairs.push(Pair::part("port", digits.to_owned(), port_at));
            Ok(())
        }
        _ => Err(format!("what stands behind the host and its colon is no port; {ESCAPE}")),
    }
}

fn query(text: &str, start: usize, pairs: &mut Vec<Pair>) -> Result<(), String> {
    let mut at = start;
    for (n, part) in text[start..].split('&').enumerate() {
        let begins = at;
        at += part.len() + 1;
        if part.is_empty() {
            continue;
        }
        let number = n + 1;
        let Some((key, value)) = part.split_once('=') else {
            return Err(format!("parameter {number} of the query has no =; {ESCAPE}"));
        };
        let value_at = begins + key.len() + 1..begins + part.len();
        let key_at = begins..begins + key.len();
        let key = decoded(&key.replace('+', " "), &format!("parameter {number} of the query"))?;
        if key.trim().is_empty() || key.contains(|c: char| c.is_control()) {
            return Err(format!("parameter {number} of the query has no keyword before its ="));
        }
        let known = find(&key).is_some();
        // A ? in a password that nobody has encoded begins the query too early.
        if !known && part.contains('@') {
            return Err(format!("parameter {number} of the query holds an @; {ESCAPE}"));
        }
        let name = if known { key.clone() } else { format!("parameter {number} of the query") };
        let value = decoded(&value.replace('+', " "), &name)?;
        pairs.push(Pair { key, value, key_at, value_at });
    }
    Ok(())
}

/// What a percent-encoded part stands for.
fn decoded(text: &str, name: &str) -> Result<String, String> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('%') {
        let two = behind.as_bytes().get(..2);
        if !two.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) {
            return Err(format!("{name}: a % has no two hexadecimal digits behind it; write %25"));
        }
        rest = behind;
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) if decoded.contains('\0') => Err(format!("{name}: it holds a NUL character")),
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(format!("{name}: what is percent-encoded is no UTF-8")),
    }
}
