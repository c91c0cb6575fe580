//! CREATE, ALTER and DROP: a matter of the schema, of a temporary table, or refused.

use super::{Reader, names};
use crate::derive::{Marked, Span};
use crate::hints;
use crate::verdict::Class;

impl Reader<'_> {
    /// Tables, indexes and statistics. A statement that names two objects is judged by the worse.
    pub(super) fn define(&mut self, m: usize) {
        let Marked { start, end, .. } = self.derived.marks[m];
        let mut class = Class::Session;
        for i in self.inside(m) {
            let Marked { span, parent, start, end } = self.derived.marks[i];
            if parent != Some(m) {
                continue;
            }
            match span {
                Span::Target => {
                    class = class.max(if self.reach_of_name(i) == Class::Session {
                        Class::Session
                    } else {
                        Class::Schema
                    })
                }
                // `#t.index`: the table is what stands before the last part.
                Span::Owner => {
                    let path = &self.t[start..end];
                    let table = path.iter().rposition(|t| t.text == ".").map(|p| &path[..p]);
                    if !table.is_some_and(names::is_temporary) {
                        class = Class::Schema;
                    }
                }
                _ => {}
            }
        }
        // The rows go to another table, now or as they change.
        if (start..end).any(|i| self.is(i, "SWITCH") || self.is(i, "HISTORY_TABLE")) {
            class = Class::Schema;
        }
        self.raise(class);
        if let Some((at, advice)) = hints::defining(self.t, start, end) {
            let what = self.t[at].text.to_ascii_uppercase();
            self.unclear(at, format!("{what} is no part of a definition in T-SQL"), advice);
        }
    }

    /// Every other kind of object is refused by its first word.
    pub(super) fn other(&mut self, m: usize) {
        let Marked { start, end, .. } = self.derived.marks[m];
        if let Some(advice) = hints::opening(self.t, start) {
            return self.unclear(start, "this is no statement of T-SQL".into(), advice);
        }
        let verb = self.t[start].text.to_ascii_uppercase();
        let mut at = start + 1;
        if self.is(at, "OR") && self.is(at + 1, "ALTER") {
            at += 2;
        }
        let what = if at < end { self.t[at].text.to_ascii_uppercase() } else { "?".into() };
        let item = if verb == "EXTERNAL" {
            "CREATE ASSEMBLY".to_owned()
        } else {
            format!("{verb} {}", super::short(&what, 40))
        };
        self.refuse(start, &item, Class::Schema);
    }
}
