//! From what was read to the verdict.

use super::{Draft, Reader, short};
use crate::lexer::position;
use crate::verdict::{Class, Problem, Statement, Verdict};

impl Reader<'_> {
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

/// Byte, line and column further on.
fn forward(sql: &str, (from, line, column): (usize, u32, u32), to: usize) -> (usize, u32, u32) {
    let (l, c) = position(&sql[from..], to.saturating_sub(from));
    (to, line + l - 1, if l == 1 { column + c - 1 } else { c })
}
