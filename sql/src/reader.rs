//! Judges what the derivation found: which statements there are, what each does, and to what.

mod blame;
mod change;
mod define;
mod elsewhere;
mod execute;
mod finish;
mod names;
mod set;

use crate::derive::{Derivation, Marked, Role, Span};
use crate::hints;
use crate::lexer::Token;
use crate::policy::Policy;
use crate::verdict::{Class, Target};

/// Dynamic SQL inside dynamic SQL is followed so far.
const NESTING: usize = 4;

/// A statement as it grows.
struct Draft {
    start: usize,
    class: Class,
    base: Class,
    head: Option<String>,
    target: Option<Target>,
    /// It writes to more than one table, or to one that could not be told.
    several: bool,
    problem: Option<Found>,
}

/// A problem, and the token that has it.
struct Found {
    at: usize,
    items: Vec<String>,
    counts_as: Class,
    reason: String,
    advice: String,
}

/// Walks over the marks of a derivation once.
pub(crate) struct Reader<'a> {
    sql: &'a str,
    t: &'a [Token<'a>],
    derived: Derivation,
    policy: &'a Policy,
    nesting: usize,
    out: Vec<Draft>,
    keeps_state: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        sql: &'a str,
        t: &'a [Token<'a>],
        derived: Derivation,
        policy: &'a Policy,
        nesting: usize,
    ) -> Self {
        Self { sql, t, derived, policy, nesting, out: Vec::new(), keeps_state: false }
    }

    pub(crate) fn roles(&self) -> &[Role] {
        &self.derived.roles
    }

    /// Judges mark after mark, and then what could not be derived.
    pub(crate) fn read(&mut self) {
        for m in 0..self.derived.marks.len() {
            self.mark(m);
        }
        // Behind a separator there is another batch, which the grammar knows nothing of.
        let separator = self.separators();
        match self.derived.failed {
            Some(at) if separator.is_none_or(|s| at < s) => self.underived(at),
            None if self.out.is_empty() => self.underived(self.t.len()),
            _ => {}
        }
    }

    fn mark(&mut self, m: usize) {
        let Marked { span, start, .. } = self.derived.marks[m];
        match span {
            Span::Stmt => self.begin(start),
            Span::Session => self.raise(Class::Session),
            Span::Cursor => {
                // A cursor may be global, and then it stays open on the connection.
                self.keeps_state = true;
                self.raise(Class::Session);
            }
            Span::Next | Span::Textual => self.raise(Class::Write),
            Span::CursorUpdate => {
                let cursor = self.derived.marks[m].parent;
                let reach =
                    cursor.map_or(Class::Write, |c| self.reach_of_body(c, &mut Default::default()));
                self.raise(reach);
            }
            Span::Never if self.stored(start) => self.raise(Class::Schema),
            Span::Never => self.never(start),
            Span::Refused => self.refused(m),
            Span::Schema => self.raise(Class::Schema),
            Span::Other => self.other(m),
            Span::Rename => self.rename(m),
            Span::Server => self.refuse(start, "ALL SERVER", Class::Schema),
            Span::Table | Span::Index => self.define(m),
            Span::Insert | Span::Update | Span::Delete | Span::Merge | Span::Truncate => {
                self.change(m)
            }
            Span::Into => self.into(m),
            Span::IdentityInsert => self.identity_insert(m),
            Span::Object => self.object(m),
            Span::Set => self.set(m),
            Span::Use => self.use_database(m),
            Span::Raise => self.raiserror(m),
            Span::Execute => self.raise(Class::Execute),
            Span::Bare => self.bare(m),
            Span::Procedure => self.procedure(m),
            Span::Dynamic => self.dynamic(m),
            Span::Impersonate => self.refuse(start, "EXECUTE AS", Class::Execute),
            Span::At => self.refuse(start, "linked server", Class::Execute),
            Span::Read
            | Span::Query
            | Span::With
            | Span::Cte
            | Span::CteName
            | Span::Target
            | Span::Source
            | Span::Derived
            | Span::ChangeSource
            | Span::Owner
            | Span::Variable
            | Span::Alias
            | Span::Call
            | Span::Callee
            | Span::Type
            | Span::Options
            | Span::Value
            | Span::Argument
            | Span::Text
            | Span::Body
            | Span::Caller => {}
        }
    }

    // --- the statements

    fn begin(&mut self, start: usize) {
        self.out.push(Draft {
            start,
            class: Class::Read,
            base: Class::Read,
            head: None,
            target: None,
            several: false,
            problem: None,
        });
    }

    /// How many there are.
    pub(crate) fn statements(&self) -> usize {
        self.out.len()
    }

    /// The statement that is being read.
    fn current(&mut self) -> &mut Draft {
        if self.out.is_empty() {
            self.begin(0);
        }
        let last = self.out.len() - 1;
        &mut self.out[last]
    }

    /// The current statement is at least this.
    fn raise(&mut self, class: Class) {
        self.current().raise(class);
    }

    /// The statement around a token.
    fn around(&mut self, at: usize) -> &mut Draft {
        let after = self.out.partition_point(|d| d.start <= at);
        if after == 0 {
            return self.current();
        }
        &mut self.out[after - 1]
    }

    /// A word that nothing excuses.
    pub(crate) fn charge(&mut self, at: usize, class: Class) {
        self.around(at).raise(class);
    }

    // --- tokens

    fn is(&self, i: usize, word: &str) -> bool {
        self.t.get(i).is_some_and(|t| {
            matches!(t.kind, crate::lexer::TokenKind::Word | crate::lexer::TokenKind::Symbol)
                && t.text.eq_ignore_ascii_case(word)
        })
    }

    /// A mark's text, its tokens as they stand, and without what is between them.
    fn text_of(&self, m: usize) -> String {
        let Marked { start, end, .. } = self.derived.marks[m];
        self.t[start..end].iter().map(|t| t.text).collect()
    }

    /// The marks inside another, in order.
    fn inside(&self, m: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.derived.marks[m].end;
        (m + 1..self.derived.marks.len()).take_while(move |i| self.derived.marks[*i].start < end)
    }

    /// The marks directly inside another.
    fn children(&self, m: usize, span: Span) -> impl Iterator<Item = usize> + '_ {
        self.inside(m).filter(move |i| {
            self.derived.marks[*i].parent == Some(m) && self.derived.marks[*i].span == span
        })
    }

    /// Transactions in the body of a procedure or trigger are for when it runs, and are
    /// none of ours then.
    fn stored(&mut self, at: usize) -> bool {
        let body = self.derived.marks.iter().any(|m| m.span == Span::Body && m.start <= at);
        if body {
            self.derived.roles[at] = Role::Stored;
        }
        body
    }

    // --- small statements

    /// BACKUP and its kind are refused by the name of their verb.
    fn refused(&mut self, m: usize) {
        let at = self.derived.marks[m].start;
        let verb = self.t[at].text.to_ascii_uppercase();
        let (item, counts_as) = match verb.as_str() {
            "BEGIN" | "END" | "GET" | "MOVE" => ("CONVERSATION", Class::Execute),
            "OPEN" | "CLOSE" => ("SYMMETRIC KEY", Class::Execute),
            "REVERT" => ("EXECUTE AS", Class::Execute),
            "ADD" => ("ADD SIGNATURE", Class::Schema),
            "INSERT" => ("INSERT BULK", Class::Execute),
            "GRANT" | "DENY" | "REVOKE" => (verb.as_str(), Class::Schema),
            "WAITFOR" | "READTEXT" => (verb.as_str(), Class::Read),
            _ => (verb.as_str(), Class::Execute),
        };
        if let Some(instead) = hints::dbcc(self.t, at + 1).filter(|_| verb == "DBCC") {
            let advice = format!(
                "Write {instead}; the operator can allow DBCC as a whole with access.allow = \
                 [\"DBCC\"]."
            );
            return self.blame(
                at,
                Class::Refused,
                &[verb],
                counts_as,
                "DBCC is refused at every access level".into(),
                &advice,
            );
        }
        self.refuse(at, item, counts_as);
    }

    fn use_database(&mut self, m: usize) {
        let Marked { start, end, .. } = self.derived.marks[m];
        let name = names::unquoted(&self.t[end - 1]);
        // Bytes, because another database may differ in case alone.
        if self.policy.database.as_ref().is_some_and(|d| **d == *name) {
            self.raise(Class::Session);
        } else {
            self.never(start);
        }
    }

    fn raiserror(&mut self, m: usize) {
        self.raise(Class::Session);
        let Marked { start, end, .. } = self.derived.marks[m];
        // Options stand behind the last parenthesis.
        let options = (start..end).rev().take_while(|i| self.t[*i].text != ")");
        if let Some(log) = options.into_iter().find(|i| self.is(*i, "LOG")) {
            self.refuse(log, "RAISERROR WITH LOG", Class::Execute);
        }
    }

    fn rename(&mut self, m: usize) {
        let at = self.derived.marks[m].start;
        if self.is(at + 1, "DATABASE") {
            self.refuse(at, "RENAME DATABASE", Class::Schema);
        } else {
            self.raise(Class::Schema);
        }
    }
}

impl Draft {
    fn raise(&mut self, class: Class) {
        self.class = self.class.max(class);
        self.base = self.base.max(class);
    }
}

pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_some() {
        text.chars().take(most - 1).chain(['…']).collect()
    } else {
        text.to_owned()
    }
}
