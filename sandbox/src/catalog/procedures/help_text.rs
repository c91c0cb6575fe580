//! sp_helptext: the definition of a view or a procedure.

use super::{Arguments, ResultSet, result_columns};
use crate::catalog::Catalog;
use crate::catalog::describe::definition;
use crate::catalog::views::text;
use crate::convert::utf16_text;
use crate::error::{Error, Result};
use crate::messages;
use crate::names::written_name;
use crate::types::{Len, Type, Value};

/// The UTF-16 units of a row.
const LENGTH: usize = 255;

/// The definition of an object, a row for each line, and more for a long one.
pub(super) fn help_text(args: &Arguments, catalog: &Catalog) -> Result<ResultSet> {
    let Some(name) = args.text(0) else {
        return Err(messages::missing_argument("sp_helptext", "@objname"));
    };
    if args.text(1).is_some() {
        return Err(Error::unsupported("sp_helptext of a computed column"));
    }
    let written = written_name(name);
    if written.database().is_some_and(|d| !d.eq_ignore_ascii_case(&catalog.database)) {
        return Err(messages::object_of_another_database());
    }
    let object = catalog
        .find(&written)
        .ok_or_else(|| messages::object_does_not_exist(name, &catalog.database))?;
    let definition = definition(object).ok_or_else(|| messages::no_text_of_object(name))?;
    let columns = result_columns(&[("Text", Type::NVarChar(Len::N(LENGTH as u16)))]);
    Ok((columns, lines(&definition)?))
}

/// A line keeps its end, which is CR and LF.
fn lines(definition: &str) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for line in definition.split_inclusive("\r\n") {
        let units: Vec<u16> = line.encode_utf16().collect();
        for part in units.chunks(LENGTH) {
            rows.push(vec![text(utf16_text(part)?)]);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_of_at_most_255() {
        let long = "x".repeat(300);
        let rows = lines(&format!("a\nb\r\n{long}")).expect("rows");
        let wanted = ["a\nb\r\n".to_owned(), "x".repeat(255), "x".repeat(45)];
        assert_eq!(rows, wanted.map(|w| vec![Value::Str(w)]));
    }
}
