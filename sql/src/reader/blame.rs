//! What is wrong with a statement, in words: refused things, words that are ours alone, and texts
//! that could not be placed.

use super::{Found, Reader, short};
use crate::derive::Span;
use crate::hints;
use crate::verdict::Class;

impl Reader<'_> {
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
                "Name the database in the argument database, where the tool has it; else in the \
                 query (database.schema.table), or ask the operator for a connection to it.",
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

    pub(super) fn never_so(&mut self, at: usize, what: &str, advice: &str) {
        self.blame(
            at,
            Class::Never,
            &[],
            Class::Never,
            format!("{what} is never accepted"),
            advice,
        );
    }

    pub(super) fn unclear(&mut self, at: usize, reason: String, advice: &str) {
        self.blame(at, Class::Unknown, &[], Class::Unknown, reason, advice);
    }

    pub(super) fn blame(
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
    pub(super) fn underived(&mut self, at: usize) {
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
    pub(super) fn separators(&mut self) -> Option<usize> {
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

    pub(super) fn alone_on_its_line(&self, i: usize) -> bool {
        let apart = |a: usize, b: usize| self.sql[self.t[a].end()..self.t[b].at].contains('\n');
        let last = i + usize::from(
            self.t.get(i + 1).is_some_and(|n| n.text.bytes().all(|b| b.is_ascii_digit())),
        );
        (i == 0 || apart(i - 1, i)) && (last + 1 >= self.t.len() || apart(last, last + 1))
    }
}
