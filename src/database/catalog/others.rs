//! What is no table or view: procedures, functions, triggers, synonyms, sequences and table types.
//! Each question is asked by itself, so that a catalog that lacks one answers the others.

use serde_json::{Value, json};

use super::describe::type_name;
use super::index::kind_of;
use super::s;
use crate::database::fetch::Rows;
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::lexer::{Token, TokenKind, tokens};
use mssql_mcp_sql::quote;

/// What is asked of an object first.
pub const OBJECT: &str = "SELECT o.object_id, sc.name, o.name, RTRIM(o.type), \
     CAST(ep.value AS nvarchar(3750)), m.definition \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('P', 'PC', 'FN', 'IF', 'TF', 'FS', 'FT', 'AF', 'SN', \
     'SO', 'TR', 'TA') AND o.name = @name AND (@schema IS NULL OR sc.name = @schema)";

/// Of a table type.
pub const TABLE_TYPE: &str = "SELECT tt.type_table_object_id, sc.name, tt.name \
     FROM sys.table_types AS tt JOIN sys.schemas AS sc ON sc.schema_id = tt.schema_id \
     WHERE tt.name = @name AND (@schema IS NULL OR sc.name = @schema)";

/// Of a procedure or function.
pub const PARAMETERS: &str = "SELECT p.name, ty.name, p.max_length, p.precision, p.scale, p.is_output, \
     p.parameter_id FROM sys.parameters AS p JOIN sys.types AS ty \
     ON ty.user_type_id = p.user_type_id WHERE p.object_id = @id ORDER BY p.parameter_id";

/// Of what a function gives, and of a table type.
pub const COLUMNS: &str = "SELECT c.name, ty.name, c.max_length, c.precision, c.scale, c.is_nullable \
     FROM sys.columns AS c JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     WHERE c.object_id = @id ORDER BY c.column_id";

/// Of a synonym.
pub const SYNONYM: &str = "SELECT y.base_object_name, \
     CAST(OBJECTPROPERTYEX(y.object_id, 'BaseType') AS nvarchar(2)) \
     FROM sys.synonyms AS y WHERE y.object_id = @id";

/// Where a catalog does not tell the type of what it stands for.
const SYNONYM_BASE: &str =
    "SELECT y.base_object_name FROM sys.synonyms AS y WHERE y.object_id = @id";

/// Of a sequence.
pub const SEQUENCE: &str = "SELECT ty.name, CAST(q.start_value AS nvarchar(40)), \
     CAST(q.increment AS nvarchar(40)), CAST(q.minimum_value AS nvarchar(40)), \
     CAST(q.maximum_value AS nvarchar(40)), CAST(q.current_value AS nvarchar(40)), q.is_cycling \
     FROM sys.sequences AS q JOIN sys.types AS ty ON ty.user_type_id = q.user_type_id \
     WHERE q.object_id = @id";

/// Of a trigger.
pub const TRIGGER: &str = "SELECT sc.name, o.name, g.is_disabled, g.is_instead_of_trigger \
     FROM sys.triggers AS g JOIN sys.objects AS o ON o.object_id = g.parent_id \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id WHERE g.object_id = @id";

/// Of what it fires for.
pub const EVENTS: &str = "SELECT e.type_desc FROM sys.trigger_events AS e WHERE e.object_id = @id \
     ORDER BY e.type";

impl Database {
    /// Describes what is no table or view; none where this is nothing of the login's own.
    pub(crate) async fn describe_other(
        &self,
        name: &str,
        limits: &Limits,
    ) -> Result<Option<Value>, DbError> {
        let Some(parts) = quote::split(name).filter(|p| p.len() <= 3) else { return Ok(None) };
        if self.is_elsewhere(&parts) {
            return Ok(None);
        }
        let text = |t: Option<&String>| t.map_or(ParamValue::Null, |t| ParamValue::Text(t.clone()));
        let params = [("name", text(parts.last())), ("schema", text(parts.iter().rev().nth(1)))];
        let found = self.fetch(OBJECT, &params, limits).await?.into_iter().flatten();
        let mut found: Vec<Vec<Value>> = found.collect();
        // As for tables: without a schema, dbo's comes first.
        found.sort_by_key(|r| r.get(1).is_none_or(|schema| s(schema) != "dbo"));
        if let Some(row) = found.into_iter().next() {
            return self.object_of(&row, limits).await.map(Some);
        }
        let Some(row) = self.perhaps(TABLE_TYPE, &params, limits).await?.into_iter().next() else {
            return Ok(None);
        };
        let mut out = self.begun(&row, "table type");
        let id = [("id", ParamValue::Int(number(&row, 0)))];
        let columns = self.perhaps(COLUMNS, &id, limits).await?;
        out["columns"] = columns.iter().map(|r| column(r)).collect();
        Ok(Some(out))
    }

    /// Rows of one question, and none where this catalog cannot answer it.
    async fn perhaps(
        &self,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Rows, DbError> {
        match self.fetch(sql, params, limits).await {
            Ok(sets) => Ok(sets.into_iter().next().unwrap_or_default()),
            Err(DbError::Sql(e)) => {
                tracing::debug!(target: "mssql_mcp::database", number = e.number, "the catalog lacks a view: {}", e.message);
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }

    fn begun(&self, row: &[Value], kind: &str) -> Value {
        let (schema, name) = (cell(row, 1), cell(row, 2));
        let mut out = json!({ "schema": schema, "name": name, "type": kind });
        let plain = format!("{}.{}", s(&schema), s(&name));
        let written = format!("{}.{}", quote::part(&s(&schema)), quote::part(&s(&name)));
        if written != plain {
            out["sql_name"] = written.into();
        }
        out
    }

    async fn object_of(&self, row: &[Value], limits: &Limits) -> Result<Value, DbError> {
        let kind = kind_of(&s(&cell(row, 3)));
        let id = [("id", ParamValue::Int(number(row, 0)))];
        let mut out = self.begun(row, kind);
        let knowledge = self.knowledge();
        let note = knowledge.table(&s(&cell(row, 1)), &s(&cell(row, 2)));
        match note.and_then(|n| n.description.as_deref()) {
            Some(text) => out["description"] = text.into(),
            None if !cell(row, 4).is_null() => out["description"] = cell(row, 4),
            None => {}
        }
        match kind {
            "synonym" => {
                let mut rows = self.perhaps(SYNONYM, &id, limits).await?;
                if rows.is_empty() {
                    rows = self.perhaps(SYNONYM_BASE, &id, limits).await?;
                }
                let base = rows.into_iter().next().unwrap_or_default();
                out["base_object"] = cell(&base, 0);
                let ty = s(&cell(&base, 1));
                if !ty.trim().is_empty() {
                    out["base_type"] = kind_of(ty.trim()).into();
                }
            }
            "sequence" => {
                let rows = self.perhaps(SEQUENCE, &id, limits).await?;
                for row in rows {
                    let keys = ["start", "increment", "minimum", "maximum", "current"];
                    let mut told = json!({ "type": cell(&row, 0) });
                    for (n, key) in keys.into_iter().enumerate() {
                        told[key] = cell(&row, n + 1);
                    }
                    told["cycles"] = cell(&row, 6);
                    out["sequence"] = told;
                }
            }
            "trigger" => {
                for row in self.perhaps(TRIGGER, &id, limits).await? {
                    let of = |n: usize| quote::part(&s(&cell(&row, n)));
                    out["table"] = format!("{}.{}", of(0), of(1)).into();
                    out["is_disabled"] = cell(&row, 2);
                    out["is_instead_of"] = cell(&row, 3);
                }
                let events = self.perhaps(EVENTS, &id, limits).await?;
                out["events"] = events.iter().map(|r| s(&cell(r, 0))).collect();
                put_definition(&mut out, row);
            }
            _ => {
                let definition = s(&cell(row, 5));
                let parameters = self.perhaps(PARAMETERS, &id, limits).await?;
                // The value of a function is its parameter 0.
                let (value, given): (Vec<_>, Vec<_>) =
                    parameters.iter().partition(|r| number(r, 6) == 0);
                if let Some(row) = value.first() {
                    out["returns"] = declared(row).into();
                }
                out["parameters"] = given.iter().map(|r| parameter(r, &definition)).collect();
                if kind == "function" && value.is_empty() {
                    let columns = self.perhaps(COLUMNS, &id, limits).await?;
                    out["columns"] = columns.iter().map(|r| column(r)).collect();
                }
                put_definition(&mut out, row);
            }
        }
        Ok(out)
    }
}

fn cell(row: &[Value], n: usize) -> Value {
    row.get(n).cloned().unwrap_or(Value::Null)
}

fn number(row: &[Value], n: usize) -> i64 {
    row.get(n).and_then(Value::as_i64).unwrap_or_default()
}

/// A type from the cells 1 to 4.
fn declared(row: &[Value]) -> String {
    type_name(&s(&cell(row, 1)), number(row, 2), number(row, 3), number(row, 4))
}

fn column(row: &[Value]) -> Value {
    json!({ "name": cell(row, 0), "type": declared(row), "nullable": cell(row, 5) })
}

fn parameter(row: &[Value], definition: &str) -> Value {
    let name = s(&cell(row, 0));
    let mut one = json!({ "name": name, "type": declared(row) });
    if cell(row, 5) == true {
        one["output"] = true.into();
    }
    // The catalog has defaults of CLR procedures alone; T-SQL's stand in the text.
    if let Some(default) = default_of(definition, &name) {
        one["default"] = default.into();
    }
    one
}

fn put_definition(out: &mut Value, row: &[Value]) {
    match s(&cell(row, 5)) {
        text if text.is_empty() => out["definition"] = "not visible to this login".into(),
        text => out["definition"] = text.into(),
    }
}

/// The default of a parameter, as the text of its procedure or function has it.
fn default_of(definition: &str, name: &str) -> Option<String> {
    let all = tokens(definition).ok()?;
    let is_word = |t: &Token<'_>, words: &[&str]| {
        t.kind == TokenKind::Word && words.iter().any(|w| t.text.eq_ignore_ascii_case(w))
    };
    // A function has its parameters in parentheses, a procedure need not.
    let (mut depth, mut between) = (0_i32, 0);
    let mut of_name = false;
    for (n, t) in all.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| all.get(n));
        match t.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if depth == between => of_name = false,
            // `@a AS int` is a parameter; any other AS ends them.
            _ if is_word(t, &["RETURNS"])
                || (is_word(t, &["AS"])
                    && before.is_none_or(|b| b.kind != TokenKind::Variable)) =>
            {
                return None;
            }
            _ if t.kind == TokenKind::Variable && !of_name => {
                of_name = t.text.eq_ignore_ascii_case(name);
                between = depth;
            }
            "=" if of_name => {
                let mut end = t.end();
                for value in &all[n + 1..] {
                    let ends = matches!(value.text, "," | ")" | "(")
                        || is_word(value, &["OUT", "OUTPUT", "READONLY", "AS", "WITH", "FOR"]);
                    if ends {
                        break;
                    }
                    end = value.end();
                }
                let text = definition.get(t.end()..end)?.trim();
                return Some(text.to_owned()).filter(|d| !d.is_empty());
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_read_from_the_text() {
        let text = "CREATE PROCEDURE dbo.p @a int, @b varchar(10) = N'x, y', @c decimal(9, 2) = -1.5 \
                    OUTPUT, @d date = NULL, @e AS int = 5 WITH RECOMPILE AS SET @a = 7; SELECT @a";
        let of = |name: &str| default_of(text, name);
        assert_eq!(of("@a"), None);
        assert_eq!(of("@B").as_deref(), Some("N'x, y'"));
        assert_eq!(of("@c").as_deref(), Some("-1.5"));
        assert_eq!(of("@d").as_deref(), Some("NULL"));
        assert_eq!(of("@e").as_deref(), Some("5"));
        let text =
            "CREATE FUNCTION dbo.f (@n int = 3, @m money) RETURNS int AS BEGIN RETURN @n END";
        assert_eq!(default_of(text, "@n").as_deref(), Some("3"));
        assert_eq!(default_of(text, "@m"), None);
        assert_eq!(default_of("not [closed", "@m"), None);
    }
}
