//! JDBC's grammar (documentation of Microsoft's driver, "Building the connection URL"):
//! `HOST[\INSTANCE][:PORT][;KEYWORD=VALUE]…` behind `://`. Blanks around keywords and values do not
//! count; a value may stand in `{…}`, where `}}` is `}`.

use super::{Pair, called, checked_key, no_equals, odbc};

pub(super) fn pairs(text: &str, start: usize) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    let mut at = text[start..].find(';').map_or(text.len(), |found| start + found);
    place(text, start, at, &mut pairs)?;
    let parts = pairs.len();
    loop {
        at += text[at..].len()
            - text[at..].trim_start_matches(|c: char| c == ';' || c.is_whitespace()).len();
        if at == text.len() {
            return Ok(pairs);
        }
        let number = pairs.len() - parts + 1;
        let Some(found) = text[at..].find('=') else { return Err(no_equals(number)) };
        let key_at = at..at + found;
        let key = text[key_at.clone()].trim_end();
        checked_key(key, number)?;
        let name = called(key, number);
        at += found + 1;
        at += text[at..].len() - text[at..].trim_start().len();
        let begins = at;
        let value = if text[at..].starts_with('{') {
            odbc::braced(text, &mut at, &name)?
        } else {
            let end = text[at..].find(';').map_or(text.len(), |found| at + found);
            let value = text[at..end].trim_end();
            at += value.len();
            if value.contains('{') {
                return Err(format!(
                    "{name}: its value holds a {{: put the whole value in {{ and }}"
                ));
            }
            value.to_owned()
        };
        pairs.push(Pair { key: key.to_owned(), value, key_at, value_at: begins..at });
    }
}

/// What stands before the first `;`.
fn place(text: &str, start: usize, end: usize, pairs: &mut Vec<Pair>) -> Result<(), String> {
    let whole = &text[start..end];
    if whole.contains(['=', '@', '/', '?']) {
        return Err(
            "the place of the server: expected HOST, HOST\\INSTANCE or HOST:PORT, and then each \
                    of the rest as ;KEYWORD=VALUE, such as ;databaseName=NAME"
                .into(),
        );
    }
    // An address of IPv6 has colons of its own.
    let host_end = match whole.trim_start().strip_prefix('[').and_then(|w| w.find(']')) {
        Some(close) => whole.len() - whole.trim_start().len() + close + 2,
        None => whole.find([':', '\\']).unwrap_or(whole.len()),
    };
    let (host, rest) = whole.split_at(host_end);
    let (instance, port) = match rest.split_once(':') {
        Some((instance, port)) => (instance, Some(port)),
        None => (rest, None),
    };
    let mut part = |key: &str, value: &str| {
        if !value.trim().is_empty() {
            pairs.push(Pair::part(key, value.trim().to_owned(), start..end));
        }
    };
    part("serverName", host);
    match instance.trim().strip_prefix('\\') {
        Some(instance) => part("instanceName", instance),
        None if !instance.trim().is_empty() => {
            return Err("the place of the server: expected [ADDRESS]:PORT".into());
        }
        None => {}
    }
    part("portNumber", port.unwrap_or_default());
    Ok(())
}
