//! What a batch would do: the worse of two readings, for each of its statements.
//!
//! The text is the first line of defence, not the boundary: that is what the
//! login may do (`docs/security.md`).

use crate::account::{Charge, charge, is_dangerous};
use crate::characters::look_alike;
use crate::derive::{Derivation, Role, derive};
use crate::grammar::GRAMMAR;
use crate::lexer::{Token, TokenKind, Unreadable, position, tokens};
use crate::policy::Policy;
use crate::reader::Reader;

/// What a statement does, from harmless to unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Changes nothing, and reads what the login may read.
    Read,
    /// Touches nothing that outlives the call: variables, an allow-list of SET, `#temp` tables.
    Session,
    /// Changes rows of a table or view.
    Write,
    /// Creates, alters or drops an object, or rights on one.
    Schema,
    /// Runs a procedure or dynamic SQL.
    Execute,
    /// Leaves the database or its data: refused unless the operator names it.
    Refused,
    /// Ours alone: transactions, the batch separator, the database in use.
    Never,
    /// Could not be read for certain.
    Unknown,
}

/// One statement, as far as the text tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The worse of the two readings.
    pub class: Class,
    /// The same without what is refused, for an operator who allows that.
    pub(crate) base: Class,
    /// In the batch, from 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Its first words, for people: `UPDATE sales.Orders`.
    pub head: String,
    /// The table that it writes to, where that can be told.
    pub target: Option<Target>,
    /// What gave it its class, if that is beyond [`Class::Execute`].
    pub problem: Option<Problem>,
}

/// What a Write is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The table's name as it stands in the text; an alias is resolved.
    pub name: String,
}

/// Why a statement is refused at every access level.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The names by which the operator can allow it; none when nobody can.
    pub items: Vec<String>,
    /// What it counts as when allowed.
    pub counts_as: Class,
    /// In the batch, from 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What was found there.
    pub reason: String,
    /// What would be accepted.
    pub advice: String,
}

/// What a batch would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The maximum over the statements.
    pub class: Class,
    /// In the order of the text.
    pub statements: Vec<Statement>,
    /// Something in it may outlive the call on its connection, which then has to be reset.
    pub keeps_state: bool,
}

/// Which of the two readings are made; both, but for the tests that show what each is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readings {
    /// The worse of the two counts for each statement.
    Both,
    /// The grammar alone, without the accounting.
    Derivation,
    /// The accounting alone: the roles are taken to be as unknown as if nothing had been derived.
    Accounting,
}

// === impl Class ===

impl Class {
    /// For logs, `classify` and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Session => "session",
            Class::Write => "write",
            Class::Schema => "schema",
            Class::Execute => "execute",
            Class::Refused => "refused",
            Class::Never => "never",
            Class::Unknown => "unknown",
        }
    }

    /// The scope that a caller needs for it.
    pub fn scope(self) -> &'static str {
        match self {
            Class::Write => "mssql:write",
            Class::Schema => "mssql:schema",
            Class::Execute => "mssql:execute",
            _ => "mssql:read",
        }
    }

    /// Whether it can change something that stays.
    pub fn changes(self) -> bool {
        self >= Class::Write
    }
}

// === impl Verdict ===

/// Statements of one text.
const MOST: usize = 5_000;

impl Verdict {
    /// Reads a batch under the default policy.
    pub fn of(sql: &str) -> Self {
        Self::under(sql, &Policy::default())
    }

    /// Reads a batch. The policy tells which database it is in, and what its
    /// SET statements may widen.
    pub fn under(sql: &str, policy: &Policy) -> Self {
        Self::read(sql, policy, Readings::Both, 0)
    }

    /// With one reading taken away.
    pub fn with_readings(sql: &str, readings: Readings) -> Self {
        Self::read(sql, &Policy::default(), readings, 0)
    }

    pub(crate) fn read(sql: &str, policy: &Policy, readings: Readings, nesting: usize) -> Self {
        match tokens(sql) {
            Ok(list) => match list.iter().find(|t| deceives(t)) {
                Some(t) => {
                    let reason = format!("a word of look-alike characters: {}", t.text);
                    let advice =
                        "Write a keyword in plain letters, and a name like that in brackets.";
                    Self::unreadable(sql, Unreadable { at: t.at, reason, advice })
                }
                None => Self::of_tokens(sql, &list, policy, readings, nesting),
            },
            Err(e) => Self::unreadable(sql, e),
        }
    }

    fn of_tokens(
        sql: &str,
        list: &[Token<'_>],
        policy: &Policy,
        readings: Readings,
        nesting: usize,
    ) -> Self {
        let mut reader = if readings == Readings::Accounting {
            let none = Derivation {
                roles: vec![Role::Unread; list.len()],
                marks: Vec::new(),
                failed: None,
            };
            Reader::new(sql, list, none, policy, nesting)
        } else {
            let mut r = Reader::new(sql, list, derive(list), policy, nesting);
            r.read();
            r.keep_here();
            r
        };
        if reader.statements() > MOST {
            let reason = format!("more than {MOST} statements");
            return Self::unreadable(
                sql,
                Unreadable { at: 0, reason, advice: "Send them in several calls." },
            );
        }
        if readings != Readings::Derivation {
            for i in 0..list.len() {
                match charge(list, reader.roles(), i) {
                    None => {}
                    Some(Charge::Class(class)) => reader.charge(i, class),
                    Some(Charge::Refused(item, counts_as)) => reader.refuse(i, &item, counts_as),
                    Some(Charge::Never) => reader.never(i),
                }
            }
        }
        reader.verdict()
    }

    fn unreadable(sql: &str, e: Unreadable) -> Self {
        let (line, column) = position(sql, e.at);
        let problem = Problem {
            items: Vec::new(),
            counts_as: Class::Unknown,
            line,
            column,
            reason: format!("the text has {}", e.reason),
            advice: e.advice.into(),
        };
        let s = Statement {
            class: Class::Unknown,
            base: Class::Unknown,
            line,
            column,
            head: String::new(),
            target: None,
            problem: Some(problem),
        };
        Self { class: Class::Unknown, statements: vec![s], keeps_state: false }
    }

    /// The scopes that a caller needs to run it.
    pub fn scopes(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = self.statements.iter().map(|s| s.class.scope()).collect();
        // What changes rows returns them too (OUTPUT, counts, errors that quote values).
        all.push(Class::Read.scope());
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A word that some reader might take for a keyword.
fn deceives(t: &Token<'_>) -> bool {
    let plain = t.kind != TokenKind::Word || t.text.is_ascii();
    !plain && look_alike(t.text).is_some_and(|l| GRAMMAR.is_reserved(&l) || is_dangerous(&l))
}

/// What each token of a batch is in its derivation, as far as that went: for those who
/// want to see why.
pub fn roles(sql: &str) -> Result<Vec<(&str, Role)>, Unreadable> {
    let list = tokens(sql)?;
    let derived = derive(&list);
    Ok(list.iter().map(|t| t.text).zip(derived.roles).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_problems_have_their_places() {
        let v = Verdict::of(
            "SELECT 1; SELECT 2\n  UPDATE t SET a = 1\nSELECT N'ö', xp_cmdshell \
             FROM t; EXEC\n xp_cmdshell 'x'",
        );
        let places: Vec<_> = v.statements.iter().map(|s| (s.class, s.line, s.column)).collect();
        let expected = [
            (Class::Read, 1, 1),
            (Class::Read, 1, 11),
            (Class::Write, 2, 3),
            (Class::Read, 3, 1),
            (Class::Refused, 3, 34),
        ];
        assert_eq!(places, expected);
        let problem = v.statements[4].problem.as_ref().map(|p| (p.line, p.column));
        assert_eq!(problem, Some((4, 2)));
    }

    #[test]
    fn what_may_leave_something_on_its_connection_says_so() {
        for (text, keeps) in [
            ("SELECT 1", false),
            ("UPDATE t SET a = 1", false),
            ("CREATE TABLE t (a int)", true),
            ("EXEC p", true),
            ("SET IDENTITY_INSERT t ON", true),
        ] {
            assert_eq!(Verdict::of(text).keeps_state, keeps, "{text}");
        }
    }
}
