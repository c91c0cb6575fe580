//! ADO.NET's grammar (`DbConnectionStringBuilder` and `SqlConnection.ConnectionString` in the
//! documentation of .NET): blanks around keywords and values do not count, `==` in a keyword is `=`,
//! a value may stand in `"` or `'`, which are doubled inside.

use super::{Pair, called, checked_key, no_equals};

pub(super) fn pairs(text: &str) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len()
            - text[at..].trim_start_matches(|c: char| c == ';' || c.is_whitespace()).len();
        if at == text.len() {
            return Ok(pairs);
        }
        let number = pairs.len() + 1;
        let begins = at;
        let key = key(text, &mut at, number)?;
        let key_at = begins..at - 1;
        let name = called(&key, number);
        at += text[at..].len() - text[at..].trim_start().len();
        let begins = at;
        let value = match text[at..].chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(text, &mut at, quote, &name)?,
            _ => plain(text, &mut at, &name)?,
        };
        pairs.push(Pair { key, value, key_at, value_at: begins..at });
    }
}

/// Up to behind the `=`.
fn key(text: &str, at: &mut usize, number: usize) -> Result<String, String> {
    let mut key = String::new();
    loop {
        let Some(found) = text[*at..].find('=') else { return Err(no_equals(number)) };
        key.push_str(&text[*at..*at + found]);
        *at += found + 1;
        if !text[*at..].starts_with('=') {
            break;
        }
        key.push('=');
        *at += 1;
    }
    key.truncate(key.trim_end().len());
    checked_key(&key, number)?;
    Ok(key)
}

fn quoted(text: &str, at: &mut usize, quote: char, name: &str) -> Result<String, String> {
    let mut value = String::new();
    *at += 1;
    loop {
        let Some(found) = text[*at..].find(quote) else {
            return Err(format!(
                "{name}: the quotation mark that opens its value is not closed; inside, the same mark \
                 is doubled"
            ));
        };
        value.push_str(&text[*at..*at + found]);
        *at += found + 1;
        if !text[*at..].starts_with(quote) {
            break;
        }
        value.push(quote);
        *at += 1;
    }
    let rest = text[*at..].trim_start();
    if !rest.is_empty() && !rest.starts_with(';') {
        return Err(format!(
            "{name}: something stands behind the closing quotation mark; inside, the same mark is \
             doubled"
        ));
    }
    Ok(value)
}

fn plain(text: &str, at: &mut usize, name: &str) -> Result<String, String> {
    let end = text[*at..].find(';').map_or(text.len(), |found| *at + found);
    let value = text[*at..end].trim_end();
    *at += value.len();
    if value.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return Err(format!("{name}: its value holds a control character: put it in quotes"));
    }
    if end == text.len() && value.ends_with(['"', '\'']) {
        return Err(format!(
            "{name}: its value ends in a quotation mark: put the whole value in quotes, or leave it out"
        ));
    }
    Ok(value.to_owned())
}
