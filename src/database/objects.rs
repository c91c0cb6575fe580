//! What there is in a database as a searcher meets it: tables, views, columns,
//! procedures, functions, and rows of configured columns, each with an id that stays the
//! same: `table:sales.Orders`, `column:sales.Orders.Status`, `row:sales.Orders:10248`.

mod search;

use std::fmt::Write as _;

use serde_json::Value;

use super::catalog::{NotFound, TableName};
use super::wrapper::ParamValue;
use super::{Database, DbError, Limits};
use crate::plural::plural;
use mssql_mcp_sql::quote;
pub(crate) use search::Column;

/// A thing, in full.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    pub(crate) title: String,
    /// What there is to know, as plain text.
    pub(crate) text: String,
    /// `table`, `view`, `procedure`, `function`, `column` or `row`.
    pub(crate) kind: &'static str,
}

const ROUTINE: &str = "SELECT o.object_id, sc.name, o.name, CAST(ep.value AS nvarchar(3750)), \
     m.definition \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('P', 'FN', 'IF', 'TF', 'TR') \
     AND sc.name = @schema AND o.name = @name";

const PARAMETERS: &str = "SELECT p.name, ty.name, p.is_output FROM sys.parameters AS p \
     JOIN sys.types AS ty ON ty.user_type_id = p.user_type_id \
     WHERE p.object_id = @id AND p.parameter_id > 0 ORDER BY p.parameter_id";

const PRIMARY_KEY: &str = "SELECT c.name FROM sys.indexes AS i JOIN sys.index_columns AS ic ON \
     ic.object_id = i.object_id AND ic.index_id = i.index_id \
     JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
     WHERE i.object_id = @id AND i.is_primary_key = 1 ORDER BY ic.key_ordinal";

fn text(v: Option<&Value>) -> &str {
    v.and_then(Value::as_str).unwrap_or_default()
}

/// A part of a name in an id: as it is where that can be read back.
fn part(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == ' ' || c == '-';
    if !name.is_empty() && name.chars().all(plain) && name.trim() == name {
        name.to_owned()
    } else {
        quote::identifier(name)
    }
}

fn named(kind: &str, names: &[&str]) -> String {
    format!("{kind}:{}", names.iter().map(|n| part(n)).collect::<Vec<_>>().join("."))
}

fn kind_of(kind: &str) -> &'static str {
    match kind {
        "U" => "table",
        "V" => "view",
        "P" => "procedure",
        _ => "function",
    }
}

/// A value in an id: what would end it is written as `%` and two digits.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        if c.is_alphanumeric() || "-_.~ ".contains(c) {
            out.push(c);
        } else {
            c.to_string().bytes().for_each(|b| {
                let _ = write!(out, "%{b:02X}");
            });
        }
    }
    out
}

fn unescaped(value: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((b, after)) = rest.split_first() {
        rest = after;
        if *b == b'%' {
            let hex = rest.get(..2).and_then(|h| std::str::from_utf8(h).ok())?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
        } else {
            out.push(*b);
        }
    }
    String::from_utf8(out).ok()
}

impl Database {
    async fn primary_key(&self, t: &TableName, limits: &Limits) -> Result<Vec<String>, DbError> {
        let rows = self.fetch(PRIMARY_KEY, &[("id", ParamValue::Int(t.id))], limits).await?;
        Ok(rows.into_iter().flatten().map(|r| text(r.first()).to_owned()).collect())
    }

    /// The thing of an id; none when there is no such thing.
    pub(crate) async fn object(
        &self,
        id: &str,
        limits: &Limits,
    ) -> Result<Option<Object>, DbError> {
        let Some((kind, rest)) = id.split_once(':') else { return Ok(None) };
        let table = async |name: &str| match self.find_table(name, limits).await {
            Ok(t) => Ok(Some(t)),
            Err(NotFound::Database(e)) => Err(e),
            Err(_) => Ok(None),
        };
        match kind {
            "table" | "view" => match table(rest).await? {
                Some(t) => Ok(Some(table_text(&t, &self.describe(&t, limits).await?))),
                None => Ok(None),
            },
            "column" => {
                let Some(names) = quote::split(rest).filter(|n| n.len() == 3) else {
                    return Ok(None);
                };
                let Some(t) = table(&format!(
                    "{}.{}",
                    quote::identifier(&names[0]),
                    quote::identifier(&names[1])
                ))
                .await?
                else {
                    return Ok(None);
                };
                let d = self.describe(&t, limits).await?;
                let found = d["columns"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|c| c["name"].as_str() == Some(&*names[2]));
                Ok(found.map(|c| Object {
                    title: format!("column {}.{}.{}", t.schema, t.name, names[2]),
                    text: format!("{}\nIts table:\n{}", column_line(c), table_text(&t, &d).text),
                    kind: "column",
                }))
            }
            "procedure" | "function" => self.routine(rest, limits).await,
            "row" => {
                let Some((name, key)) = rest.rsplit_once(':') else { return Ok(None) };
                match table(name).await? {
                    Some(t) => self.row(&t, key, limits).await,
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    async fn routine(&self, name: &str, limits: &Limits) -> Result<Option<Object>, DbError> {
        let Some(names) = quote::split(name).filter(|n| n.len() == 2) else { return Ok(None) };
        let params = [
            ("schema", ParamValue::Text(names[0].clone())),
            ("name", ParamValue::Text(names[1].clone())),
        ];
        let Some(r) = self.fetch(ROUTINE, &params, limits).await?.into_iter().flatten().next()
        else {
            return Ok(None);
        };
        let id = r.first().and_then(Value::as_i64).unwrap_or_default();
        let mut out = format!("{}.{}\n", text(r.get(1)), text(r.get(2)));
        if !text(r.get(3)).is_empty() {
            let _ = writeln!(out, "{}", text(r.get(3)));
        }
        for p in self
            .fetch(PARAMETERS, &[("id", ParamValue::Int(id))], limits)
            .await?
            .into_iter()
            .flatten()
        {
            let output = if p.get(2) == Some(&Value::Bool(true)) { " OUTPUT" } else { "" };
            let _ = writeln!(out, "- {} {}{output}", text(p.first()), text(p.get(1)));
        }
        match text(r.get(4)) {
            "" => out.push_str("Its definition is not visible to this login.\n"),
            definition => {
                let _ = writeln!(out, "\n{definition}");
            }
        }
        Ok(Some(Object {
            title: format!("procedure {}.{}", text(r.get(1)), text(r.get(2))),
            text: out,
            kind: "procedure",
        }))
    }

    async fn row(
        &self,
        t: &TableName,
        key: &str,
        limits: &Limits,
    ) -> Result<Option<Object>, DbError> {
        let names = self.primary_key(t, limits).await?;
        let values: Option<Vec<String>> = key.split(',').map(unescaped).collect();
        let Some(values) = values.filter(|v| v.len() == names.len() && !names.is_empty()) else {
            return Ok(None);
        };
        let bound: Vec<String> = (0..names.len()).map(|n| format!("k{n}")).collect();
        let conditions: Vec<String> = names
            .iter()
            .zip(&bound)
            .map(|(n, b)| format!("{} = @{b}", quote::identifier(n)))
            .collect();
        let columns = self.readable_columns(t, limits).await?;
        // Named, so that the text can say which is which.
        let listed: Vec<String> = self.describe(t, limits).await?["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| text(c.get("name")).to_owned())
            .collect();
        let sql =
            format!("SELECT {columns} FROM {} WHERE {}", t.quoted(), conditions.join(" AND "));
        let params: Vec<(&str, ParamValue)> = bound
            .iter()
            .map(String::as_str)
            .zip(values.iter().cloned().map(ParamValue::Text))
            .collect();
        let found = match self.fetch(&sql, &params, limits).await {
            Ok(sets) => sets.into_iter().flatten().next(),
            // A key that does not convert to the column's type is nobody's.
            Err(DbError::Sql(e))
                if matches!(e.number, 241 | 242 | 245 | 248 | 295 | 8114 | 8115 | 8169) =>
            {
                None
            }
            Err(e) => return Err(e),
        };
        Ok(found.map(|r| {
            let mut out = String::new();
            for (n, v) in listed.iter().zip(&r) {
                let v = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                let _ = writeln!(out, "{n}: {v}");
            }
            Object {
                title: format!("{}.{} {}", t.schema, t.name, values.join(", ")),
                text: out,
                kind: "row",
            }
        }))
    }
}

fn column_line(c: &Value) -> String {
    let mut out = format!("- {} {}", text(c.get("name")), text(c.get("type")));
    if c["nullable"] == false {
        out.push_str(" NOT NULL");
    }
    if let Some(d) = c.get("description").and_then(Value::as_str) {
        let _ = write!(out, ": {d}");
    }
    out
}

/// What describe_table says, as lines.
fn table_text(t: &TableName, d: &Value) -> Object {
    let kind = if d["type"] == "view" { "view" } else { "table" };
    let title = format!("{kind} {}.{}", t.schema, t.name);
    let mut out = format!("{title}\n");
    if let Some(about) = d["description"].as_str() {
        let _ = writeln!(out, "{about}");
    }
    if let Some(n) = d["rows"].as_i64() {
        let _ = writeln!(out, "About {}.", plural(n, "row"));
    }
    let list = |v: &Value| {
        v.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    out.push_str("\nColumns\n");
    for c in d["columns"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", column_line(c));
    }
    if d["primary_key"].is_object() {
        let _ = writeln!(out, "\nPrimary key: {}", list(&d["primary_key"]["columns"]));
    }
    for (what, key) in [("Refers to", "foreign_keys"), ("Referred to by", "referenced_by")] {
        for k in d[key].as_array().into_iter().flatten() {
            let (other, at) = if key == "foreign_keys" {
                ("references", "columns")
            } else {
                ("table", "columns")
            };
            let _ = writeln!(out, "{what} {} by {}", text(k.get(other)), list(&k[at]));
        }
    }
    Object { title, text: out, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went() {
        assert_eq!(named("table", &["dbo", "Notes.Archive"]), "table:dbo.[Notes.Archive]");
        assert_eq!(named("table", &["sales", "Order Lines"]), "table:sales.Order Lines");
        for v in ["10248", "a,b", "x:y", "50%", "ä ö", "", "a\nb"] {
            let e = escaped(v);
            assert!(!e.contains([',', ':', '\n']), "{e}");
            assert_eq!(unescaped(&e).as_deref(), Some(v));
        }
        assert_eq!(unescaped("%zz"), None);
    }
}
