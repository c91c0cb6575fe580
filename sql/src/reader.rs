//! Judges what the derivation found: which statements there are, what each does, and to what.

mod change;
mod define;
mod execute;
mod names;
mod set;

use crate::derive::{Derivation, Marked, Role, Span};
use crate::hints;
use crate::lexer::{Token, position};
use crate::policy::Policy;
use crate::verdict::{Class, Problem, Statement, Target, Verdict};

/// Dynamic SQL inside dynamic SQL is followed so far.
const NESTING: usize = 4;

/// A statement as it grows.
struct Draft {
    /// Its first token.
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

    /// The statement that is being read.
    /// How many there are.
    pub(crate) fn statements(&self) -> usize {
        self.out.len()
    }

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

    /// What is refused unless the operator names it.
    pub(crate) fn refuse(&mut self, at: usize, item: &str, counts_as: Class) {
        let reason = format!("{item} is refused at every access level");
        let advice = format!(
            "Leave it out. Where it is really needed, the operator can name it: access.allow = \
             [\"{item}\"]."
        );
        self.blame(at, Class::Refused, &[item.to_owned()], counts_as, reason, &advice);
    }

    /// What is ours alone: transactions, mostly.
    pub(crate) fn never(&mut self, at: usize) {
        let word = self.t[at].text.to_ascii_uppercase();
        let (what, advice) = match word.as_str() {
            "BEGIN" => (
                "BEGIN TRANSACTION",
                "Every call is one transaction already: it is committed when all succeeds and \
                 rolled back on any error.",
            ),
            "USE" => (
                "USE",
                "Name the database in the query (database.schema.table), or ask the operator for \
                 a connection to it.",
            ),
            "GO" => {
                ("GO", "Send one batch per call; GO is a command of sqlcmd, not of SQL Server.")
            }
            other => (
                other,
                "The server opens, commits and rolls back the transaction itself: a batch that \
                 succeeds is committed, one that fails is rolled back.",
            ),
        };
        self.never_so(at, what, advice);
    }

    fn never_so(&mut self, at: usize, what: &str, advice: &str) {
        self.blame(
            at,
            Class::Never,
            &[],
            Class::Never,
            format!("{what} is never accepted"),
            advice,
        );
    }

    fn unclear(&mut self, at: usize, reason: String, advice: &str) {
        self.blame(at, Class::Unknown, &[], Class::Unknown, reason, advice);
    }

    fn blame(
        &mut self,
        at: usize,
        class: Class,
        items: &[String],
        counts_as: Class,
        reason: String,
        advice: &str,
    ) {
        let d = self.around(at);
        match &mut d.problem {
            // Two things that are refused need both their names.
            Some(p) if class == Class::Refused && d.class == Class::Refused => {
                p.items.extend(
                    items.iter().filter(|i| !p.items.contains(i)).cloned().collect::<Vec<_>>(),
                );
                p.counts_as = p.counts_as.max(counts_as);
            }
            Some(_) if d.class >= class => {}
            p => {
                *p = Some(Found {
                    at,
                    items: items.to_vec(),
                    counts_as,
                    reason,
                    advice: advice.to_owned(),
                })
            }
        }
        d.class = d.class.max(class);
    }

    /// What the derivation could not place.
    fn underived(&mut self, at: usize) {
        // Behind the last statement that was whole, something begins that is none.
        let ended =
            self.derived.marks.iter().rev().find(|m| m.span == Span::Stmt).map_or(0, |m| m.end);
        let apart = ended == at && (at == 0 || self.t[at - 1].text == ";");
        if self.out.is_empty() || apart && at < self.t.len() {
            self.begin(at.min(self.t.len().saturating_sub(1)));
        }
        let start = self.current().start;
        let hint = hints::underived(self.t, start, at);
        let Some(t) = self.t.get(at) else {
            let (reason, advice) = match self.out.iter().any(|d| d.start < self.t.len())
                && self.derived.failed.is_some()
            {
                false => ("there is no statement", "Send a statement, such as SELECT 1."),
                true => ("the text ends too early", "Write the statement to its end."),
            };
            return self.unclear(
                self.t.len().saturating_sub(1),
                reason.into(),
                hint.unwrap_or(advice),
            );
        };
        let what = short(t.text, 40);
        let (reason, advice) = if start == at {
            (
                format!("{what} does not begin a statement"),
                "Begin with SELECT, WITH, DECLARE or another statement; a procedure is called \
                 with EXEC.",
            )
        } else {
            (
                format!("{what} cannot stand here"),
                "Write it as Microsoft's reference has it; a name that is a keyword is written \
                 [name].",
            )
        };
        self.unclear(at, reason, hint.unwrap_or(advice));
    }

    /// GO alone on a line is the client's separator, whatever else it could be.
    fn separators(&mut self) -> Option<usize> {
        let mut first = None;
        for i in 0..self.t.len() {
            let t = &self.t[i];
            if t.text.len() == 2 && t.text.eq_ignore_ascii_case("GO") && self.alone_on_its_line(i) {
                self.never(i);
                first = first.or(Some(i));
            }
        }
        first
    }

    fn alone_on_its_line(&self, i: usize) -> bool {
        let apart = |a: usize, b: usize| self.sql[self.t[a].end()..self.t[b].at].contains('\n');
        let last = i + usize::from(
            self.t.get(i + 1).is_some_and(|n| n.text.bytes().all(|b| b.is_ascii_digit())),
        );
        (i == 0 || apart(i - 1, i)) && (last + 1 >= self.t.len() || apart(last, last + 1))
    }

    // --- tokens

    fn is(&self, i: usize, word: &str) -> bool {
        self.t.get(i).is_some_and(|t| {
            matches!(t.kind, crate::lexer::Kind::Word | crate::lexer::Kind::Symbol)
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

    // --- the end

    pub(crate) fn verdict(mut self) -> Verdict {
        self.current();
        let mut here = (0, 1, 1);
        let statements: Vec<Statement> = std::mem::take(&mut self.out)
            .into_iter()
            .map(|d| self.finished(d, &mut here))
            .collect();
        let class = statements.iter().map(|s| s.class).max().unwrap_or(Class::Unknown);
        // What runs elsewhere, or makes objects, may leave something behind on its connection.
        let keeps_state = self.keeps_state || class >= Class::Schema;
        Verdict { class, statements, keeps_state }
    }

    /// Positions are counted on from the statement before, so that a long batch is read once.
    fn finished(&self, d: Draft, here: &mut (usize, u32, u32)) -> Statement {
        let at = self.t.get(d.start).map_or(0, |t| t.at);
        *here = forward(self.sql, *here, at);
        let (line, column) = (here.1, here.2);
        let problem = d.problem.map(|p| {
            let place = self.t.get(p.at).map_or(0, |t| t.at);
            let (line, column) = if place >= at {
                let (_, l, c) = forward(self.sql, *here, place);
                (l, c)
            } else {
                position(self.sql, place)
            };
            Problem {
                items: p.items,
                counts_as: p.counts_as,
                line,
                column,
                reason: p.reason,
                advice: p.advice,
            }
        });
        let head = d.head.unwrap_or_else(|| self.head(d.start));
        let target = d.target.filter(|_| !d.several);
        Statement { class: d.class, base: d.base, line, column, head, target, problem }
    }

    /// The first words of a statement.
    fn head(&self, start: usize) -> String {
        let Some(t) = self.t.get(start) else { return String::new() };
        let end = self.t[start..].iter().take(6).take_while(|t| t.text != ";").last().unwrap_or(t);
        let text = &self.sql[t.at..end.end()];
        let text = text.char_indices().nth(120).map_or(text, |(cut, _)| &text[..cut]);
        if !text.bytes().any(|b| b.is_ascii_control()) && !text.contains("  ") {
            return short(text, 60);
        }
        short(&text.split_whitespace().collect::<Vec<_>>().join(" "), 60)
    }
}

impl Draft {
    fn raise(&mut self, class: Class) {
        self.class = self.class.max(class);
        self.base = self.base.max(class);
    }
}

/// Byte, line and column further on.
fn forward(sql: &str, (from, line, column): (usize, u32, u32), to: usize) -> (usize, u32, u32) {
    let (l, c) = position(&sql[from..], to.saturating_sub(from));
    (to, line + l - 1, if l == 1 { column + c - 1 } else { c })
}

pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_some() {
        text.chars().take(most - 1).chain(['…']).collect()
    } else {
        text.to_owned()
    }
}
