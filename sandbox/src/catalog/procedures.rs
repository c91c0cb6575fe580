//! The catalog procedures that drivers and people call, one entry each ("Catalog stored
//! procedures").

mod columns;
mod help;
mod help_text;
mod keys;
mod tables;

use crate::catalog::Catalog;
use crate::catalog::views::Facts;
use crate::error::{Error, Result};
use crate::functions::like;
use crate::messages;
use crate::types::Column;
use crate::types::{Len, Type, Value};

const NAME: Type = Type::NVarChar(Len::N(128));

pub(crate) type ResultSet = (Vec<Column>, Vec<Vec<Value>>);

/// A piece of what sp_help answers.
pub(crate) enum HelpPart {
    Rows(Vec<Column>, Vec<Vec<Value>>),
    /// A PRINT of a blank.
    Blank,
    /// Of severity 10, where a result set would be empty.
    Message(Error),
}

/// What a procedure answers.
pub(crate) enum ProcedureAnswer {
    /// A result set with its count.
    One(ResultSet),
    /// Without counts, as SET NOCOUNT ON has it.
    Parts(Vec<HelpPart>),
}

/// What a call gives: each argument with its name, if it was named.
pub(crate) type Given<'a> = &'a [(Option<String>, Value)];

struct Procedure {
    /// As it is written in lower case.
    name: &'static str,
    /// In the order in which arguments without names are taken.
    parameters: &'static [&'static str],
    answer: fn(&Arguments, &Catalog, &dyn Facts) -> Result<ProcedureAnswer>,
}

const PROCEDURES: &[Procedure] = &[
    Procedure {
        name: "sp_tables",
        parameters: &[
            "@table_name",
            "@table_owner",
            "@table_qualifier",
            "@table_type",
            "@fUsePattern",
        ],
        answer: |args, catalog, _| tables::tables(args, catalog).map(ProcedureAnswer::One),
    },
    Procedure {
        name: "sp_columns",
        parameters: &[
            "@table_name",
            "@table_owner",
            "@table_qualifier",
            "@column_name",
            "@ODBCVer",
        ],
        answer: |args, catalog, facts| {
            columns::columns(args, catalog, facts).map(ProcedureAnswer::One)
        },
    },
    // What ODBC drivers call since 2008.
    Procedure {
        name: "sp_columns_100",
        parameters: &[
            "@table_name",
            "@table_owner",
            "@table_qualifier",
            "@column_name",
            "@ODBCVer",
            "@fUsePattern",
        ],
        answer: |args, catalog, facts| {
            columns::columns_100(args, catalog, facts).map(ProcedureAnswer::One)
        },
    },
    Procedure {
        name: "sp_pkeys",
        parameters: &["@table_name", "@table_owner", "@table_qualifier"],
        answer: |args, catalog, _| keys::primary_keys(args, catalog).map(ProcedureAnswer::One),
    },
    Procedure {
        name: "sp_helptext",
        parameters: &["@objname", "@columnname"],
        answer: |args, catalog, _| help_text::help_text(args, catalog).map(ProcedureAnswer::One),
    },
    Procedure {
        name: "sp_help",
        parameters: &["@objname"],
        answer: |args, catalog, facts| help::help(args, catalog, facts).map(ProcedureAnswer::Parts),
    },
];

/// Runs one of them; nothing when the sandbox has none of that name.
pub(crate) fn run(
    name: &str,
    given: Given<'_>,
    catalog: &Catalog,
    facts: &dyn Facts,
) -> Result<Option<ProcedureAnswer>> {
    let Some(procedure) = PROCEDURES.iter().find(|p| p.name.eq_ignore_ascii_case(name)) else {
        return Ok(None);
    };
    let args = Arguments::new(name, given, procedure.parameters)?;
    (procedure.answer)(&args, catalog, facts).map(Some)
}

/// The arguments of a call, in the order of the parameters; none where there is no value, or NULL.
struct Arguments(Vec<Option<Value>>);

impl Arguments {
    fn new(procedure: &str, given: Given<'_>, parameters: &[&str]) -> Result<Self> {
        let mut all = vec![None; parameters.len()];
        for (place, (name, value)) in given.iter().enumerate() {
            let position = match name {
                Some(n) => parameters.iter().position(|p| p.eq_ignore_ascii_case(n)),
                None => Some(place),
            };
            let unknown = name.as_deref().unwrap_or_default();
            let position =
                position.ok_or_else(|| messages::no_such_parameter(unknown, procedure, 1))?;
            let too_many = || messages::too_many_arguments(procedure, 1);
            *all.get_mut(position).ok_or_else(too_many)? =
                Some(value.clone()).filter(|v| !v.is_null());
        }
        Ok(Self(all))
    }

    fn text(&self, position: usize) -> Option<&str> {
        match self.0.get(position)? {
            Some(Value::Str(text)) => Some(text),
            _ => None,
        }
    }

    fn int(&self, position: usize, default: i64) -> i64 {
        match self.0.get(position) {
            Some(Some(Value::Int(n))) => *n,
            _ => default,
        }
    }

    /// Whether a name fits an argument: a pattern, unless the caller says that it is none.
    fn fits(&self, position: usize, name: &str, pattern: bool) -> Result<bool> {
        match self.text(position) {
            None => Ok(true),
            Some(wanted) if pattern => like(name, wanted, Some('\\'), true),
            Some(wanted) => Ok(wanted.eq_ignore_ascii_case(name)),
        }
    }

    /// Whether an argument names this database.
    fn is_here(&self, position: usize, catalog: &Catalog) -> Result<bool> {
        match self.text(position) {
            None => Ok(true),
            Some("" | "%") => Err(Error::unsupported("a list of databases by a catalog procedure")),
            Some(database) => Ok(database.eq_ignore_ascii_case(&catalog.database)),
        }
    }
}

/// Columns that may be NULL, as the procedures' are here.
fn result_columns(columns: &[(&str, Type)]) -> Vec<Column> {
    columns.iter().map(|(name, ty)| Column::new(*name, *ty)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(given: &[(Option<&str>, &str)]) -> Result<Arguments> {
        let given: Vec<(Option<String>, Value)> = given
            .iter()
            .map(|(name, value)| (name.map(str::to_owned), Value::Str((*value).to_owned())))
            .collect();
        Arguments::new("sp_test", &given, &["@one", "@two"])
    }

    #[test]
    fn arguments_go_by_name_or_by_place() {
        let args = arguments(&[(Some("@TWO"), "b"), (None, "c")]).expect("two arguments");
        assert_eq!((args.text(0), args.text(1)), (None, Some("c")));
        let number = |given| arguments(given).err().map(|e| e.number);
        assert_eq!(number(&[(Some("@three"), "x")]), Some(8145));
        assert_eq!(number(&[(None, "a"), (None, "b"), (None, "c")]), Some(8144));
    }

    #[test]
    fn a_pattern_is_one_unless_that_is_said() {
        let args = arguments(&[(None, "Ord%")]).expect("one argument");
        assert_eq!(args.fits(0, "Orders", true), Ok(true));
        assert_eq!(args.fits(0, "Orders", false), Ok(false));
        assert_eq!(args.fits(1, "anything", false), Ok(true));
    }
}
