//! The file as TOML: every row by itself, so that what is wrong in one leaves the others as they are.

use std::io::Read as _;

use toml::{Table, Value};

use super::{ColumnNote, Example, JoinNote, Knowledge, TableNote, Term, tables_in};
use mssql_mcp_sql::quote;

/// Of a larger file nothing is used.
const LARGEST: u64 = 64 * 1024;
/// Problems that are told; who made more will look at the file anyway.
const TOLD: usize = 20;

/// The file at a path; nothing where there is none.
pub(super) fn read(path: &str) -> Knowledge {
    if path.is_empty() {
        return Knowledge::default();
    }
    let wrong = |what: String| Knowledge { problems: vec![what], ..Knowledge::default() };
    let mut text = Vec::new();
    let opened = std::fs::File::open(path);
    match opened.and_then(|f| f.take(LARGEST + 1).read_to_end(&mut text)) {
        Err(e) => return wrong(format!("it cannot be read: {e}")),
        Ok(n) if n as u64 > LARGEST => {
            return wrong("it has more than 64 kB, so nothing of it is used".into());
        }
        Ok(_) => {}
    }
    match std::str::from_utf8(&text) {
        Ok(text) => parse(text),
        Err(_) => wrong("it is no UTF-8 text, so nothing of it is used".into()),
    }
}

/// What a text says.
pub(super) fn parse(text: &str) -> Knowledge {
    let mut out = Knowledge::default();
    let all: Table = match text.parse() {
        Ok(all) => all,
        Err(e) => {
            let e = e as toml::de::Error;
            let line = e.span().map_or(0, |s| text[..s.start].matches('\n').count() + 1);
            let what = e.message().to_owned();
            out.problems.push(format!("line {line}: {what}; nothing of it is used"));
            return out;
        }
    };
    let mut problems = Vec::new();
    for (kind, value) in all {
        let read = match kind.as_str() {
            "term" => term,
            "metric" => metric,
            "table" => table,
            "column" => column,
            "join" => join,
            "example" => example,
            _ => {
                problems.push(format!(
                    "unknown key {kind}; there are term, metric, table, column, join and example"
                ));
                continue;
            }
        };
        let Value::Array(rows) = value else {
            problems.push(format!("{kind}: write [[{kind}]]"));
            continue;
        };
        for (n, row) in rows.into_iter().enumerate() {
            let Value::Table(values) = row else {
                problems.push(format!("{kind}: write [[{kind}]]"));
                continue;
            };
            let at = format!("[[{kind}]] {}", n + 1);
            let mut row = Row { at, values, problems: &mut problems };
            read(&mut row, &mut out);
            row.end();
        }
    }
    let more = problems.len().saturating_sub(TOLD);
    problems.truncate(TOLD);
    if more > 0 {
        problems.push(format!("and {more} more of the kind"));
    }
    out.problems = problems;
    out
}

/// A row whose keys are taken one by one; what is left is unknown.
struct Row<'a> {
    at: String,
    values: Table,
    problems: &'a mut Vec<String>,
}

impl Row<'_> {
    fn wrong(&mut self, what: &str) {
        self.problems.push(format!("{}: {what}", self.at));
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.values.remove(key)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|t| !t.is_empty()),
            Value::Boolean(true) if key == "deprecated" => Some("yes".to_owned()),
            Value::Boolean(false) if key == "deprecated" => None,
            _ => {
                self.wrong(&format!("{key} is no text"));
                None
            }
        }
    }

    /// One that the row is nothing without.
    fn needed(&mut self, key: &str) -> Option<String> {
        let text = self.text(key);
        if text.is_none() {
            self.wrong(&format!("{key} is missing, so the row is not used"));
        }
        text
    }

    /// A list of texts, or a table of them: codes with what they mean.
    fn texts(&mut self, key: &str) -> Vec<String> {
        let plain = |v: &Value| match v {
            Value::String(text) => Some(text.clone()),
            Value::Integer(n) => Some(n.to_string()),
            Value::Boolean(b) => Some(b.to_string()),
            _ => None,
        };
        let read: Option<Vec<String>> = match self.values.remove(key) {
            None => return Vec::new(),
            Some(Value::Array(all)) => all.iter().map(plain).collect(),
            Some(Value::Table(all)) => {
                all.iter().map(|(k, v)| plain(v).map(|v| format!("{k} {v}"))).collect()
            }
            Some(_) => None,
        };
        read.unwrap_or_else(|| {
            self.wrong(&format!("{key} is no list of texts"));
            Vec::new()
        })
    }

    /// For people, who need not say it again in another place.
    fn skip(&mut self, key: &str) {
        self.values.remove(key);
    }

    fn end(self) {
        for key in self.values.keys() {
            self.problems.push(format!("{}: unknown key {key}", self.at));
        }
    }
}

fn term(row: &mut Row<'_>, out: &mut Knowledge) {
    let (name, means) = (row.needed("name"), row.needed("means"));
    let (sql, mut tables) = (row.text("sql"), row.texts("tables"));
    let (Some(name), Some(means)) = (name, means) else { return };
    tables.extend(sql.iter().flat_map(|s| tables_in(s)));
    out.terms.push(Term { name, means, sql, tables });
}

/// A figure, with how it is computed; among the terms, since people ask for it by its name.
fn metric(row: &mut Row<'_>, out: &mut Knowledge) {
    let (name, sql) = (row.needed("name"), row.needed("sql"));
    let (description, grain, unit) = (row.text("description"), row.text("grain"), row.text("unit"));
    let mut tables = row.texts("tables");
    let (Some(name), Some(sql)) = (name, sql) else { return };
    tables.extend(tables_in(&sql));
    let mut means = description.unwrap_or_else(|| "a metric".to_owned());
    for (what, text) in [("per", grain), ("in", unit)] {
        if let Some(text) = text {
            means += &format!(", {what} {text}");
        }
    }
    out.terms.push(Term { name, means, sql: Some(sql), tables });
}

fn table(row: &mut Row<'_>, out: &mut Knowledge) {
    let name = row.needed("name");
    let description = row.text("description");
    let synonyms = row.texts("synonyms");
    let (grain, default_filter) = (row.text("grain"), row.text("default_filter"));
    let deprecated = row.text("deprecated");
    let Some(name) = name else { return };
    out.tables.push(TableNote { name, description, synonyms, grain, default_filter, deprecated });
}

fn column(row: &mut Row<'_>, out: &mut Knowledge) {
    let name = row.needed("name");
    let (table, description) = (row.text("table"), row.text("description"));
    let values = row.texts("values");
    let Some(name) = name else { return };
    // Beside its table, or as `schema.table.column`.
    let (table, name) = match (table, quote::split(&name).as_deref()) {
        (Some(table), Some([name])) => (table, name.clone()),
        (None, Some([first @ .., name])) if !first.is_empty() => {
            let quoted = first.iter().map(|p| quote::part(p)).collect::<Vec<_>>();
            (quoted.join("."), name.clone())
        }
        _ => return row.wrong("its name is written schema.table.column; the row is not used"),
    };
    out.columns.push(ColumnNote { table, name, description, values });
}

fn join(row: &mut Row<'_>, out: &mut Knowledge) {
    let (from, to, on) = (row.needed("from"), row.needed("to"), row.needed("on"));
    let cardinality = row.text("cardinality");
    let (Some(from), Some(to), Some(on)) = (from, to, on) else { return };
    out.joins.push(JoinNote { from, to, on, cardinality });
}

fn example(row: &mut Row<'_>, out: &mut Knowledge) {
    let (question, sql) = (row.needed("question"), row.needed("sql"));
    row.skip("checked");
    let (Some(question), Some(sql)) = (question, sql) else { return };
    let tables = tables_in(&sql);
    out.examples.push(Example { question, sql, tables });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_a_row_leaves_the_others_as_they_are() {
        let k = parse(
            "[[term]]\nname = \"a\"\n[[term]]\nname = \"b\"\nmeans = \"x\"\ncolour = 1\n\
             [[column]]\nname = \"Status\"\n[[column]]\nname = \"sales.Orders.Status\"\n\
             values = { O = \"open\", C = \"closed\" }\n[[table]]\nname = \"t\"\nsynonyms = 5\n\
             [[thing]]\nx = 1\n[join]\nfrom = \"x\"\n",
        );
        assert_eq!(k.terms.len(), 1);
        assert_eq!(
            (k.columns[0].table.as_str(), k.columns[0].name.as_str()),
            ("sales.Orders", "Status")
        );
        assert_eq!(k.columns[0].values, ["C closed", "O open"]);
        assert_eq!(k.tables.len(), 1);
        for said in [
            "[[term]] 1: means is missing",
            "[[term]] 2: unknown key colour",
            "[[column]] 1: its name is written",
            "[[table]] 1: synonyms is no list",
            "unknown key thing",
            "join: write [[join]]",
        ] {
            assert!(k.problems.iter().any(|p| p.contains(said)), "{said}: {:?}", k.problems);
        }
        assert_eq!(k.problems.len(), 6, "{:?}", k.problems);
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        assert_eq!(read(""), Knowledge::default());
        assert!(read("/no/such/file").problems[0].contains("cannot be read"));
        let file = std::env::temp_dir().join(format!("knowledge-{}.toml", std::process::id()));
        std::fs::write(&file, "# long\n".repeat(10_000)).expect("write");
        let path = file.to_str().expect("path");
        assert!(read(path).problems[0].contains("64 kB"));
        std::fs::write(&file, [0xff, 0xfe]).expect("write");
        assert!(read(path).problems[0].contains("UTF-8"));
        std::fs::write(&file, "a = [\n\n}").expect("write");
        let problems = read(path).problems;
        assert!(problems[0].starts_with("line 3"), "{problems:?}");
        let _ = std::fs::remove_file(&file);
    }
}
