//! ODBC's grammar (MS-ODBCSTR 2.1.1): a value may stand in `{…}`, where `}}` is `}`; any other is
//! taken as it is, with its blanks. A keyword goes on to the next `=`, even over a `;`, so a part
//! without `=` would swallow the keyword behind it: that is refused.

use super::{Pair, called, checked_key, no_equals};

pub(super) fn pairs(text: &str, start: usize) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    let mut at = start;
    loop {
        at += text[at..].len()
            - text[at..].trim_start_matches(|c: char| c == ';' || c.is_whitespace()).len();
        if at == text.len() {
            return Ok(pairs);
        }
        let number = pairs.len() + 1;
        let Some(found) = text[at..].find('=') else { return Err(no_equals(number)) };
        let key_at = at..at + found;
        let key = text[key_at.clone()].trim_end();
        checked_key(key, number)?;
        at += found + 1;
        let begins = at;
        let value = if text[at..].starts_with('{') {
            braced(text, &mut at, &called(key, number))?
        } else {
            let end = text[at..].find(';').map_or(text.len(), |found| at + found);
            at = end;
            text[begins..end].to_owned()
        };
        pairs.push(Pair { key: key.to_owned(), value, key_at, value_at: begins..at });
    }
}

/// A value from its `{` to behind its `}`.
pub(super) fn braced(text: &str, at: &mut usize, name: &str) -> Result<String, String> {
    let mut value = String::new();
    *at += 1;
    loop {
        let Some(found) = text[*at..].find('}') else {
            return Err(format!(
                "{name}: the {{ that opens its value is not closed; a }} inside is }}}}"
            ));
        };
        value.push_str(&text[*at..*at + found]);
        *at += found + 1;
        if !text[*at..].starts_with('}') {
            break;
        }
        value.push('}');
        *at += 1;
    }
    let rest = text[*at..].trim_start();
    if !rest.is_empty() && !rest.starts_with(';') {
        return Err(format!("{name}: something stands behind the closing }}; a }} inside is }}}}"));
    }
    Ok(value)
}
