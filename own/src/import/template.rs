//! Parameters that are pasted into a statement: a closed list of names becomes a tool for each,
//! anything else is refused.

use crate::scan::words;

use super::foreign::ForeignParameter;

/// More tools of one are too many to choose among.
const MOST: usize = 8;

/// A statement of its own, and the values that it is for.
pub(super) struct Variant {
    pub(super) statement: String,
    /// `tableName` is `Orders`.
    pub(super) values: Vec<(String, String)>,
}

/// The statements that a template stands for.
pub(super) fn expanded(
    statement: &str,
    templates: &[ForeignParameter],
) -> Result<Vec<Variant>, String> {
    let mut all = vec![Variant { statement: statement.to_owned(), values: Vec::new() }];
    for p in templates {
        let choices = choices(p)?;
        if all.len() * choices.len() > MOST {
            return Err(format!(
                "its template parameters stand for more than {MOST} statements; write those that are needed"
            ));
        }
        let mut next = Vec::new();
        for variant in &all {
            for value in &choices {
                let mut values = variant.values.clone();
                values.push((p.name.clone(), value.clone()));
                next.push(Variant {
                    statement: pasted(&variant.statement, &p.name, value)?,
                    values,
                });
            }
        }
        all = next;
    }
    match all.iter().any(|v| v.statement.contains("{{")) {
        true => Err("its statement has {{ … }} that no template parameter of plain names explains"
            .to_owned()),
        false => Ok(all),
    }
}

fn choices(p: &ForeignParameter) -> Result<Vec<String>, String> {
    let names: Option<Vec<String>> = p
        .allowed
        .iter()
        .map(|v| v.as_str().filter(|s| s.split('.').all(is_plain)).map(str::to_owned))
        .collect();
    match names {
        Some(names) if !names.is_empty() && p.of == "string" => Ok(names),
        _ => Err(format!(
            "template parameter {} pastes what a model writes into the statement; give it \
             allowedValues of plain names, or make it a parameter",
            p.name
        )),
    }
}

fn is_plain(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `dbo.Orders` as `[dbo].[Orders]` wherever the template names it.
fn pasted(statement: &str, name: &str, value: &str) -> Result<String, String> {
    let quoted = value.split('.').map(|p| format!("[{p}]")).collect::<Vec<_>>().join(".");
    let mut out = statement.to_owned();
    let mut from = 0;
    while let Some(start) = out[from..].find("{{").map(|i| i + from) {
        let Some(end) = out[start..].find("}}").map(|i| i + start + 2) else { break };
        let inside = out[start + 2..end - 2].trim();
        if inside.strip_prefix('.') != Some(name) {
            from = end;
            continue;
        }
        let bracketed = out[..start].ends_with('[') && out[end..].starts_with(']');
        let free = words(&out).iter().any(|w| w.at == start);
        let (start, end) = match (bracketed, free) {
            (true, _) => (start - 1, end + 1),
            (false, true) => (start, end),
            (false, false) => {
                return Err(format!(
                    "template parameter {name} stands inside a text, a quoted name or a comment"
                ));
            }
        };
        out.replace_range(start..end, &quoted);
        from = start + quoted.len();
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(name: &str, allowed: serde_json::Value) -> ForeignParameter {
        ForeignParameter {
            name: name.into(),
            of: "string".into(),
            allowed: allowed.as_array().cloned().unwrap_or_default(),
            ..ForeignParameter::default()
        }
    }

    fn statements(statement: &str, templates: &[ForeignParameter]) -> Result<String, String> {
        let all = expanded(statement, templates)?;
        Ok(all.into_iter().map(|v| v.statement).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn closed_lists_become_statements() {
        let t = [template("t", json!(["A", "dbo.B"]))];
        assert_eq!(statements("FROM {{.t}} x", &t).as_deref(), Ok("FROM [A] x; FROM [dbo].[B] x"));
        assert_eq!(
            statements("FROM [{{ .t }}]", &t[..]).as_deref(),
            Ok("FROM [A]; FROM [dbo].[B]")
        );
        let two = [template("t", json!(["A", "B"])), template("c", json!(["x", "y"]))];
        assert_eq!(statements("{{.c}} {{.t}}", &two).map(|s| s.matches(';').count()), Ok(3));
    }

    #[test]
    fn anything_else_is_refused() {
        let t = |allowed| [template("t", allowed)];
        for (statement, templates) in [
            ("FROM {{.t}}", &t(json!([]))[..]),
            ("FROM {{.t}}", &t(json!(["A; DROP TABLE B"]))),
            ("FROM {{.t}}", &t(json!([1]))),
            ("WHERE a = '{{.t}}'", &t(json!(["A"]))),
            ("SELECT {{array .t}}", &t(json!(["A"]))),
            ("SELECT {{.other}}", &t(json!(["A"]))),
            ("SELECT {{.t}}", &[]),
            ("FROM {{.t}}", &t(json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"]))),
        ] {
            assert!(statements(statement, templates).is_err(), "{statement}");
        }
    }
}
