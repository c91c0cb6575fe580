//! SELECT: rows to the client, into variables, or into a new table.

use super::session::Engine;
use super::sqlite::{Changes, RowSink};
use crate::bind::{Binder, Bound};
use crate::catalog::quote;
use crate::convert::cut_utf16;
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Body, ColumnDef, Name, Query};
use crate::tds::out::Out;
use crate::tds::token::{self, Column};
use crate::types::{Type, Value};

/// SELECT's command in a DONE token.
pub(super) const SELECT: u16 = 0xC1;

/// Rows on their way to the client.
struct ToClient<'a> {
    columns: &'a [Column],
    /// What SET TEXTSIZE says.
    text_size: Option<usize>,
    out: &'a mut Out,
}

impl RowSink for ToClient<'_> {
    fn begin(&mut self) -> Result<()> {
        self.out.write(|b| token::columns(self.columns, b))
    }

    fn row(&mut self, values: Vec<Value>) -> Result<()> {
        let columns = self.columns;
        let cut = |(value, column): (Value, &Column)| Ok((self.cut(value, column.ty)?, column.ty));
        let row: Vec<(Value, Type)> =
            values.into_iter().zip(columns).map(cut).collect::<Result<_>>()?;
        self.out.row(|b| token::row(row.iter().map(|(value, ty)| (value, *ty)), b))
    }
}

impl ToClient<'_> {
    /// A (max) value within SET TEXTSIZE.
    fn cut(&self, value: Value, ty: Type) -> Result<Value> {
        let Some(bytes) = self.text_size.filter(|_| ty.max_length() == -1 && ty != Type::Xml)
        else {
            return Ok(value);
        };
        Ok(match value {
            Value::Str(text) => {
                Value::Str(cut_utf16(&text, if ty.is_unicode() { bytes / 2 } else { bytes })?)
            }
            Value::Bin(mut data) => {
                data.truncate(bytes);
                Value::Bin(data)
            }
            other => other,
        })
    }
}

/// The last row, which is what variables get.
#[derive(Default)]
struct LastRow(Option<Vec<Value>>);

impl RowSink for LastRow {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, values: Vec<Value>) -> Result<()> {
        self.0 = Some(values);
        Ok(())
    }
}

impl Engine {
    pub(super) fn select(&mut self, query: &Query, out: &mut Out) -> Result<()> {
        if let Body::Select(s) = &query.body
            && let Some(into) = &s.into
        {
            return self.select_into(query, into, out);
        }
        let (bound, binds) = self.bind_query(query)?;
        if self.options.format_only {
            out.write(|b| token::columns(&bound.columns, b))?;
            self.count(0, SELECT, out);
            return Ok(());
        }
        if !bound.assigns.is_empty() {
            return self.select_assign(&bound, &binds);
        }
        let rows = self.send_rows(&bound.sql, &binds, &bound.columns, None, out)?;
        self.count(rows, SELECT, out);
        Ok(())
    }

    fn bind_query(&self, query: &Query) -> Result<(Bound, Vec<Value>)> {
        let mut binder = Binder::new(self);
        let bound = binder.query(query, true)?;
        Ok((bound, binder.binds))
    }

    /// Sends the columns and the rows of a query, or of what a change returns.
    pub(super) fn send_rows(
        &self,
        sql: &str,
        binds: &[Value],
        columns: &[Column],
        changes: Changes<'_>,
        out: &mut Out,
    ) -> Result<usize> {
        let types: Vec<Type> = columns.iter().map(|c| c.ty).collect();
        let mut sink = ToClient { columns, text_size: self.options.text_size, out };
        self.sqlite_rows(sql, binds, &types, changes, &mut sink)
    }

    /// SELECT @a = …, @b = …: without a row the variables keep their values.
    fn select_assign(&mut self, bound: &Bound, binds: &[Value]) -> Result<()> {
        let types: Vec<Type> = bound.columns.iter().map(|c| c.ty).collect();
        let mut last = LastRow::default();
        let rows = self.sqlite_rows(&bound.sql, binds, &types, None, &mut last)?;
        for (name, (value, ty)) in bound.assigns.iter().zip(last.0.into_iter().flatten().zip(types))
        {
            self.set_variable(name, ty, value);
        }
        self.row_count = rows as i64;
        Ok(())
    }

    /// SELECT … INTO makes a table of the query's columns.
    fn select_into(&mut self, query: &Query, into: &Name, out: &mut Out) -> Result<()> {
        if query.json.is_some() {
            return Err(Error::unsupported("FOR JSON of SELECT … INTO"));
        }
        let (bound, binds) = self.bind_query(query)?;
        let columns = bound.columns.iter().enumerate().map(|(i, c)| {
            if c.name.is_empty() {
                return Err(messages::unnamed_column(i + 1));
            }
            Ok(ColumnDef {
                name: c.name.clone(),
                ty: Some(c.ty),
                nullable: Some(c.flags & 1 == 1),
                identity: None,
                default: None,
                computed: None,
                inline: Vec::new(),
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        self.create_table(into, &columns, &[])?;
        let table = self.target(into)?.table;
        let names: Vec<String> = table.columns.iter().map(|c| quote(&c.name)).collect();
        let sql = format!("INSERT INTO {} ({}) {}", table.physical, names.join(","), bound.sql);
        let rows = self.sqlite_execute(&sql, &binds, None)?;
        self.count(rows, SELECT, out);
        Ok(())
    }
}
