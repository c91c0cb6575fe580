//! Procedures and dynamic SQL: a procedure that is known only to read, one that is given a
//! text, and all others.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{NESTING, Reader, names};
use crate::derive::{Marked, Span};
use crate::fold;
use crate::hints;
use crate::lexer::TokenKind;
use crate::verdict::{Class, Readings, Verdict};

/// What is known of a procedure that comes with SQL Server.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Only as msdb.dbo.name or msdb..name.
    msdb: bool,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Reads,
    /// Keeps something for the session, and nothing longer.
    Keeps,
    /// Unless this argument is given, and is not that.
    ReadsUnless(Argument, &'static str),
    Describes(Argument),
    Runs(Argument),
}

/// An argument's name, and its place from 1.
#[derive(Debug, Clone, Copy)]
struct Argument(&'static str, usize);

static PROCEDURES: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let lines = include_str!("../lists/procedures.list").lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| {
            let mut fields = l.split(" | ");
            let (name, what) =
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let msdb = what.starts_with("msdb ");
            let mut words = what.trim_start_matches("msdb ").split(' ');
            let what = match (words.next(), words.next()) {
                (Some("read"), None) => What::Reads,
                (Some("session"), None) => What::Keeps,
                (Some("read"), Some("unless")) => {
                    What::ReadsUnless(argument(words.next()), words.nth(1).unwrap_or_default())
                }
                (Some("describes"), a) => What::Describes(argument(a)),
                (Some("runs"), a) => What::Runs(argument(a)),
                other => unreachable!("{other:?} in procedures.list"),
            };
            (name, Known { msdb, what })
        })
        .collect()
});

fn argument(text: Option<&'static str>) -> Argument {
    let (name, place) = text
        .and_then(|t| t.strip_suffix(')'))
        .and_then(|t| t.split_once('('))
        .unwrap_or(("@", "1"));
    Argument(name, place.parse().unwrap_or(1))
}

/// Databases in which nobody has procedures of their own, or should.
const SYSTEM: [&str; 4] = ["master", "model", "msdb", "tempdb"];

/// Functions that describe the text in their first argument.
const DESCRIBING: [&str; 1] = ["dm_exec_describe_first_result_set"];

/// A procedure of SQL Server's own, by a name of so many parts (up to three; empty ones are "").
fn known(parts: usize, database: &str, schema: &str, name: &str) -> Option<&'static Known> {
    PROCEDURES.get(name).filter(|k| match (k.msdb, parts) {
        (false, 1) => true,
        (false, 2) => ["sys", "dbo"].contains(&schema),
        (false, 3) => {
            ["sys", ""].contains(&schema) || schema == "dbo" && SYSTEM.contains(&database)
        }
        (true, 3) => database == "msdb" && ["dbo", ""].contains(&schema),
        _ => false,
    })
}

impl Reader<'_> {
    /// A name as the first thing of a batch: a call, or a word of another database.
    pub(super) fn bare(&mut self, m: usize) {
        let at = self.derived.marks[m].start;
        if let Some(advice) = hints::opening(self.t, at) {
            let what = self.t[at].text.to_ascii_uppercase();
            self.unclear(at, format!("{what} is no statement of T-SQL"), advice);
        }
    }

    /// A procedure that is called.
    pub(super) fn procedure(&mut self, m: usize) {
        let Marked { start, end, parent, .. } = self.derived.marks[m];
        // EXECUTE IMMEDIATE and the like.
        if let Some(advice) = start.checked_sub(1).and_then(|before| hints::opening(self.t, before))
        {
            let what =
                format!("{} {}", self.t[start - 1].text, self.t[start].text).to_ascii_uppercase();
            self.unclear(start, format!("{what} is no statement of T-SQL"), advice);
        }
        if self.linked(m) {
            // What it is there is not known here.
            return self.raise(Class::Execute);
        }
        let path = names::parts(&self.t[start..end]);
        let text = |p: Option<&crate::lexer::Token<'_>>| {
            p.map_or(String::new(), |t| t.bare().to_ascii_lowercase())
        };
        let name = text(path.last().copied().flatten());
        let name = name.trim_end().to_owned();
        let schema = if path.len() > 1 { text(path[path.len() - 2]) } else { String::new() };
        let database = if path.len() == 3 { text(path[0]) } else { String::new() };
        let call = parent.unwrap_or(m);
        let numbered = self.is(end, ";") && end < self.derived.marks[call].end;
        let known = known(path.len(), &database, &schema, &name).filter(|_| !numbered);
        let inserted =
            self.derived.marks[call].parent.filter(|p| self.derived.marks[*p].span == Span::Insert);
        // Whatever stands in front of the name of one that runs a text, and whatever its arguments
        // are called: it takes the text first.
        if known.is_none() {
            let runs = PROCEDURES.iter().filter(|(_, k)| matches!(k.what, What::Runs(_)));
            if runs.into_iter().any(|(n, _)| fold::may_be(&name, n)) {
                return self.runs_first(call);
            }
        }
        match known.map(|k| k.what) {
            Some(What::Reads) => self.reads(call, inserted),
            Some(What::Keeps) => {
                self.reads(call, inserted);
                self.raise(Class::Session);
                self.keeps_state = true;
            }
            Some(What::ReadsUnless(a, harmless)) => {
                let given = self.argument_of(call, a).map(|(s, e)| self.plain(s, e));
                let quiet =
                    given.is_none_or(|g| ["null", "default", harmless].contains(&g.as_str()));
                if quiet { self.reads(call, inserted) } else { self.raise(Class::Execute) }
            }
            Some(What::Describes(a)) => {
                match self
                    .argument_of(call, a)
                    .and_then(|(s, e)| self.literal(s, e).map(|l| (s, l)))
                {
                    Some((at, text)) => {
                        self.reads(call, inserted);
                        self.described(at, &text);
                    }
                    None => self.raise(Class::Execute),
                }
            }
            Some(What::Runs(a)) => {
                if let Some((at, text)) =
                    self.argument_of(call, a).and_then(|(s, e)| self.literal(s, e).map(|l| (s, l)))
                {
                    self.runs(at, &text);
                }
                self.runs_first(call);
            }
            None => self.raise(Class::Execute),
        }
    }

    /// A call that runs its first argument, where that is a literal.
    fn runs_first(&mut self, call: usize) {
        self.raise(Class::Execute);
        let value = self
            .children(call, Span::Argument)
            .next()
            .and_then(|a| self.children(a, Span::Value).next());
        let Some(Marked { start, end, .. }) = value.map(|v| self.derived.marks[v]) else { return };
        if let Some(text) = self.literal(start, end) {
            self.runs(start, &text);
        }
    }

    /// Nothing but the catalog is read: EXECUTE, which was taken for the worst, is a read, or what
    /// the INSERT around it is.
    fn reads(&mut self, call: usize, inserted: Option<usize>) {
        if self.derived.marks[call].span == Span::Bare {
            return;
        }
        let insert = inserted.and_then(|i| self.children(i, Span::Target).next());
        let class = insert.map_or(Class::Read, |t| self.worse_of_ctes(t, self.reach_of_name(t)));
        let d = self.current();
        if d.class == Class::Execute && d.problem.is_none() {
            (d.class, d.base) = (class, class);
        }
    }

    /// The value of an argument, in tokens: by its name, or by its place among those without one.
    fn argument_of(&self, call: usize, wanted: Argument) -> Option<(usize, usize)> {
        let mut place = 0;
        let mut by_place = None;
        for a in self.children(call, Span::Argument) {
            place += 1;
            let start = self.derived.marks[a].start;
            let value = self
                .children(a, Span::Value)
                .next()
                .map(|v| (self.derived.marks[v].start, self.derived.marks[v].end));
            if self.is(start + 1, "=") {
                // sp_executesql takes @statement for @stmt.
                let name = self.t[start].text.to_ascii_lowercase();
                if name == wanted.0 || wanted.0 == "@stmt" && name == "@statement" {
                    return value;
                }
            } else if place == wanted.1 {
                by_place = value;
            }
        }
        by_place
    }

    /// A constant in lower case, without quotes.
    fn plain(&self, start: usize, end: usize) -> String {
        match self.literal(start, end) {
            Some(text) => text.trim().to_lowercase(),
            None => self.t[start..end].iter().map(|t| t.text.to_lowercase()).collect(),
        }
    }

    pub(super) fn dynamic(&mut self, m: usize) {
        self.raise(Class::Execute);
        let Some(text) = self.children(m, Span::Text).next() else { return };
        let Marked { start, end, .. } = self.derived.marks[text];
        let Some(text) = self.literal(start, end) else { return };
        let execute = self.derived.marks[m].parent;
        if execute.is_some_and(|e| self.children(e, Span::At).next().is_some()) {
            // It may be no T-SQL there.
            let Some(inner) = self.judged(start, &text) else { return };
            return self.blame_as(start, &inner, "in dynamic SQL", &[Class::Refused, Class::Never]);
        }
        self.runs(start, &text);
    }

    fn judged(&mut self, at: usize, text: &str) -> Option<Verdict> {
        if self.nesting >= NESTING {
            self.unclear(
                at,
                "dynamic SQL is nested too deeply".into(),
                "Send the inner text itself.",
            );
            return None;
        }
        Some(Verdict::read(text, self.policy, Readings::Both, self.nesting + 1))
    }

    /// A text that runs is judged like the batch around it.
    fn runs(&mut self, at: usize, text: &str) {
        let Some(inner) = self.judged(at, text) else { return };
        self.raise(inner.class.min(Class::Execute));
        self.blame_as(
            at,
            &inner,
            "in dynamic SQL",
            &[Class::Refused, Class::Never, Class::Unknown],
        );
    }

    /// A text that is described is compiled, and does not run: what it would change does not
    /// matter, but what it reaches does.
    fn described(&mut self, at: usize, text: &str) {
        let Some(inner) = self.judged(at, text) else { return };
        self.blame_as(
            at,
            &inner,
            "in the text that is described",
            &[Class::Refused, Class::Unknown],
        );
    }

    /// Every problem of these classes is one of the text around; each thing that is refused
    /// has to be allowed.
    fn blame_as(&mut self, at: usize, inner: &Verdict, place: &str, classes: &[Class]) {
        for s in inner.statements.iter().filter(|s| classes.contains(&s.class)) {
            if let Some(p) = &s.problem {
                self.blame(
                    at,
                    s.class,
                    &p.items,
                    p.counts_as,
                    format!("{place}: {}", p.reason),
                    &p.advice,
                );
            }
        }
    }

    pub(super) fn described_by_function(&mut self, start: usize, end: usize) {
        let name = self.t[start..end]
            .last()
            .map(|t| t.bare().trim_end().to_ascii_lowercase())
            .unwrap_or_default();
        if !DESCRIBING.iter().any(|d| fold::may_be(&name, d)) {
            return;
        }
        // The literals up to the first comma or the closing parenthesis.
        let first = end + 1;
        let until =
            (first..self.t.len()).find(|i| matches!(self.t[*i].text, "," | ")")).unwrap_or(first);
        match self.literal(first, until) {
            Some(text) => self.described(first, &text),
            None => self.raise(Class::Execute),
        }
    }

    /// The text of dynamic SQL, where it is all there: literals, joined by +.
    pub(super) fn literal(&self, start: usize, end: usize) -> Option<String> {
        let mut out = String::new();
        for (n, t) in self.t[start..end].iter().enumerate() {
            match t.kind {
                TokenKind::Text if n % 2 == 0 => {
                    let body = t.text.trim_start_matches(['N', 'n']);
                    out += &body[1..body.len() - 1].replace("''", "'");
                }
                TokenKind::Symbol if n % 2 == 1 && t.text == "+" => {}
                _ => return None,
            }
        }
        ((end - start) % 2 == 1).then_some(out)
    }
}
