//! CSV (RFC 4180).

use super::{CsvOptions, Write};
use crate::column::{Column, Kind};
use crate::error::Error;
use crate::scan::{Cells, Form};

#[derive(Debug)]
pub(super) struct Csv {
    columns: Vec<Column>,
    /// Whose values may be formulas: not those of numbers and moments, `-1`.
    risky: Vec<bool>,
    options: CsvOptions,
}

/// Writes one field.
fn field(text: &str, safe: bool, out: &mut Vec<u8>) {
    let formula = safe && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark: &[u8] = if formula { b"'" } else { b"" };
    // Blanks at the ends are a part of the field, but not every reader knows.
    let quoted = text.is_empty()
        || text.contains([',', '"', '\r', '\n'])
        || text.starts_with(' ')
        || text.ends_with(' ');
    if !quoted {
        out.extend_from_slice(mark);
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(mark);
    for (n, part) in text.split('"').enumerate() {
        if n > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

// === impl Csv ===

impl Csv {
    pub(super) fn new(columns: Vec<Column>, options: CsvOptions) -> Self {
        let risky = |c: &Column| matches!(c.kind(), Kind::Text | Kind::Other);
        Self { risky: columns.iter().map(risky).collect(), columns, options }
    }
}

impl Write for Csv {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.options.bom {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        for (n, column) in self.columns.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            field(&column.name, self.options.excel_safe, out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn row(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        for (n, (cell, risky)) in Cells::new(row).zip(&self.risky).enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let cell = cell.bare();
            if let Some(text) = cell.text() {
                // A number in a sql_variant is none that anybody typed.
                let risky = *risky && cell.form == Form::Text;
                field(&text, self.options.excel_safe && risky, out);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}
