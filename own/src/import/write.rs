//! TOML, as a person would write it.

use serde_json::Value;

/// A text in quotes, on one line.
pub(super) fn text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A text whose end does not matter; of several lines, as they are where that is possible.
pub(super) fn block(all: &str) -> String {
    let all = all.trim().replace("\r\n", "\n");
    let printed = |c: char| c == '\n' || c == '\t' || !c.is_control();
    if all.contains('\n') && !all.contains("'''") && all.chars().all(printed) {
        format!("'''\n{all}\n'''")
    } else {
        text(&all)
    }
}

/// A list of texts.
pub(super) fn texts(all: &[String]) -> String {
    value(&Value::from(all.to_vec()))
}

/// Any value that a parameter may have.
pub(super) fn value(of: &Value) -> String {
    match of {
        Value::String(s) => text(s),
        Value::Array(all) => {
            format!("[{}]", all.iter().map(value).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text within a comment: of one line, and nothing that could end it.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_read_back(given in "[\\PC\n\t'\"\\\\\0\u{7f}]{0,30}") {
            let read: toml::Table = format!("a = {}\nb = {}", text(&given), block(&given)).parse().expect("TOML");
            prop_assert_eq!(read["a"].as_str(), Some(given.as_str()));
            let block = read["b"].as_str().expect("text").trim();
            prop_assert_eq!(block, given.trim());
        }
    }
}
