//! What people know of a database and its catalog does not say: a file of terms, descriptions, joins
//! and examples, as the operator wrote it. What is wrong in it is told, and the rest is used.

mod file;

use std::collections::HashSet;
use std::sync::Arc;

use mssql_mcp_sql::quote;

use crate::statement::Statement;

/// What a file says of a database.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Knowledge {
    pub(crate) terms: Vec<Term>,
    pub(crate) tables: Vec<TableNote>,
    pub(crate) columns: Vec<ColumnNote>,
    pub(crate) joins: Vec<JoinNote>,
    pub(crate) examples: Vec<Example>,
    /// What is wrong with the file, in words.
    pub(crate) problems: Vec<String>,
}

/// A word that people here use, or a figure that they ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    pub(crate) name: String,
    pub(crate) means: String,
    pub(crate) sql: Option<String>,
    /// The tables that it is about: those that it names, and those in its SQL.
    pub(crate) tables: Vec<String>,
}

/// What is known of a table or view.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableNote {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// What else people call it.
    pub(crate) synonyms: Vec<String>,
    /// What one row of it is.
    pub(crate) grain: Option<String>,
    /// The condition that nearly every query of it has.
    pub(crate) default_filter: Option<String>,
    /// Why nobody should use it any more, and what instead.
    pub(crate) deprecated: Option<String>,
}

/// What is known of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnNote {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Its codes, each with what it means where that is said.
    pub(crate) values: Vec<String>,
}

/// How two tables belong together where no foreign key says so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinNote {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) on: String,
    pub(crate) cardinality: Option<String>,
}

/// A question, and the SQL that answers it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Example {
    pub(crate) question: String,
    pub(crate) sql: String,
    pub(crate) tables: Vec<String>,
}

/// The tables that a text of SQL names; a mere condition names none.
fn tables_in(sql: &str) -> Vec<String> {
    Statement::of(sql).objects
}

/// Whether a name as somebody wrote it is that of this table; without a schema it is that of any.
pub(crate) fn is(written: &str, schema: &str, name: &str) -> bool {
    let Some(parts) = quote::split(written) else { return false };
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    match parts.as_slice() {
        [.., s, n] => same(s, schema) && same(n, name),
        [n] => same(n, name),
        [] => false,
    }
}

/// The words of a question or a term, as they are compared: a plural is its singular.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(|w| {
            let lower = w.to_lowercase();
            match lower.strip_suffix('s') {
                Some(stem) if stem.chars().count() > 2 && !stem.ends_with('s') => stem.to_owned(),
                _ => lower,
            }
        })
        .collect()
}

/// Whether a question says this, word by word.
fn says(question: &[String], what: &str) -> bool {
    let wanted = words(what);
    !wanted.is_empty() && question.windows(wanted.len()).any(|w| w == wanted)
}

// === impl Knowledge ===

impl Knowledge {
    /// Of the file at a path; nothing where there is none.
    pub(crate) fn read(path: &str) -> Arc<Self> {
        Arc::new(file::read(path))
    }

    /// What is known of a table.
    pub(crate) fn table(&self, schema: &str, name: &str) -> Option<&TableNote> {
        self.tables.iter().find(|t| is(&t.name, schema, name))
    }

    /// What is known of a column.
    pub(crate) fn column(&self, schema: &str, table: &str, column: &str) -> Option<&ColumnNote> {
        self.columns
            .iter()
            .find(|c| c.name.eq_ignore_ascii_case(column) && is(&c.table, schema, table))
    }

    /// Whether anything is known of columns of a table.
    pub(crate) fn knows_columns(&self, schema: &str, table: &str) -> bool {
        self.columns.iter().any(|c| is(&c.table, schema, table))
    }

    /// The joins that a table has a part in.
    pub(crate) fn joins(&self, schema: &str, name: &str) -> impl Iterator<Item = &JoinNote> {
        self.joins.iter().filter(move |j| is(&j.from, schema, name) || is(&j.to, schema, name))
    }

    /// The examples that use a table.
    pub(crate) fn examples(&self, schema: &str, name: &str) -> impl Iterator<Item = &Example> {
        self.examples.iter().filter(move |e| e.tables.iter().any(|t| is(t, schema, name)))
    }

    /// What else people say when they mean a table: its synonyms, and the terms that are about it.
    pub(crate) fn called(&self, schema: &str, name: &str) -> Vec<&str> {
        let synonyms = self.tables.iter().filter(|t| is(&t.name, schema, name));
        let terms = self.terms.iter().filter(|t| t.tables.iter().any(|of| is(of, schema, name)));
        synonyms
            .flat_map(|t| t.synonyms.iter().map(String::as_str))
            .chain(terms.map(|t| t.name.as_str()))
            .collect()
    }

    /// The terms that a question uses, the longest first.
    pub(crate) fn used(&self, question: &str) -> Vec<&Term> {
        let asked = words(question);
        let mut all: Vec<&Term> = self.terms.iter().filter(|t| says(&asked, &t.name)).collect();
        all.sort_by_key(|t| std::cmp::Reverse(words(&t.name).len()));
        all
    }

    /// Whether a question means a table by what people call it.
    pub(crate) fn means(&self, question: &str, schema: &str, name: &str) -> bool {
        let asked = words(question);
        self.called(schema, name).iter().any(|c| says(&asked, c))
    }

    /// The tables that a question means by what people call them, as the file writes them.
    pub(crate) fn meant(&self, question: &str) -> Vec<&str> {
        let asked = words(question);
        let terms = self.terms.iter().filter(|t| says(&asked, &t.name)).flat_map(|t| &t.tables);
        let of_tables = self.tables.iter().filter(|t| t.synonyms.iter().any(|s| says(&asked, s)));
        terms.chain(of_tables.map(|t| &t.name)).map(String::as_str).collect()
    }

    /// Every table that the file names, each once.
    pub(crate) fn named(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let tables = self.tables.iter().map(|t| t.name.as_str());
        let columns = self.columns.iter().map(|c| c.table.as_str());
        let joins = self.joins.iter().flat_map(|j| [j.from.as_str(), j.to.as_str()]);
        let terms = self.terms.iter().flat_map(|t| t.tables.iter().map(String::as_str));
        let examples = self.examples.iter().flat_map(|e| e.tables.iter().map(String::as_str));
        for name in tables.chain(columns).chain(joins).chain(terms).chain(examples) {
            if !all.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                all.push(name);
            }
        }
        all
    }

    /// The names of those tables without their schemas, in small letters.
    pub(crate) fn own_names(&self) -> HashSet<String> {
        let own = |name: &str| quote::split(name)?.pop().map(|n| n.to_lowercase());
        self.named().into_iter().filter_map(own).collect()
    }

    /// Those of the tables it names that are none of these.
    pub(crate) fn unknown<'a>(&self, there: impl Fn(&str, &str) -> bool + 'a) -> Vec<&str> {
        let is_there = |name: &str| match quote::split(name).as_deref() {
            Some([.., schema, name]) => there(schema, name),
            Some([name]) => there("", name),
            _ => false,
        };
        self.named().into_iter().filter(|n| !is_there(n)).collect()
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        let counts = [
            self.terms.len(),
            self.tables.len(),
            self.columns.len(),
            self.joins.len(),
            self.examples.len(),
        ];
        counts.iter().sum::<usize>() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Knowledge {
        file::parse(
            r#"
[[term]]
name = "churned customers"
means = "customers without an order in 90 days"
tables = ["sales.Customers"]
[[metric]]
name = "net revenue"
sql = "SELECT SUM(Price * Quantity) FROM sales.Trades"
[[table]]
name = "sales.Orders"
synonyms = ["purchases"]
"#,
        )
    }

    #[test]
    fn a_term_is_found_in_a_question_by_its_words() {
        let k = known();
        assert_eq!(k.problems, Vec::<String>::new());
        let used = |q: &str| k.used(q).iter().map(|t| t.name.clone()).collect::<Vec<_>>();
        assert_eq!(used("How many churned customers are there?"), ["churned customers"]);
        assert_eq!(used("a churned customer"), ["churned customers"]);
        assert_eq!(used("net-revenue by month"), ["net revenue"]);
        assert_eq!(used("revenue, net"), [""; 0]);
        assert_eq!(used(""), [""; 0]);
        assert!(
            k.means("last purchase", "Sales", "orders") && !k.means("orders", "sales", "Orders")
        );
    }

    #[test]
    fn a_terms_tables_are_those_that_it_names_and_those_in_its_sql() {
        let k = known();
        assert_eq!(k.called("sales", "Customers"), ["churned customers"]);
        assert_eq!(k.called("SALES", "trades"), ["net revenue"]);
        assert_eq!(k.called("sales", "Orders"), ["purchases"]);
        let there = |s: &str, n: &str| (s, n) != ("sales", "Trades");
        assert_eq!(k.unknown(there), ["sales.Trades"]);
    }
}
