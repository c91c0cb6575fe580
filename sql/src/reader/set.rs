//! SET: which option a caller may give which value. They end with the call, because it runs inside
//! `sp_executesql`; what our own wrapper sets may only be narrowed.
//!
//! Source: "SET statements", and each option's page.

use super::Reader;
use crate::derive::{Marked, Span};
use crate::verdict::Class;

/// What an option's value may be.
enum Value {
    Any,
    /// ON alone: OFF would loosen what we do, or how the text is read.
    On,
    /// A constant from 0 to what the wrapper sets.
    LockTimeout,
    /// A constant from 0 up.
    Constant,
    /// LOW, or a constant that is no higher.
    DeadlockPriority,
    /// OFF alone: it says what is so anyway.
    Off,
    /// Ours: never, unless it says what we do anyway.
    Ours,
    /// Shows no plan here, because each batch runs inside of another.
    Showplan,
}

const OPTIONS: &[(&str, Value)] = &[
    ("ANSI_NULLS", Value::On),
    ("ANSI_NULL_DFLT_OFF", Value::Any),
    ("ANSI_NULL_DFLT_ON", Value::Any),
    ("ANSI_PADDING", Value::Any),
    ("ANSI_WARNINGS", Value::Any),
    ("ARITHABORT", Value::Any),
    ("ARITHIGNORE", Value::Any),
    ("CONCAT_NULL_YIELDS_NULL", Value::Any),
    ("CURSOR_CLOSE_ON_COMMIT", Value::Off),
    ("DATEFIRST", Value::Any),
    ("DATEFORMAT", Value::Any),
    ("DEADLOCK_PRIORITY", Value::DeadlockPriority),
    ("FMTONLY", Value::Off),
    ("FORCEPLAN", Value::Off),
    ("IMPLICIT_TRANSACTIONS", Value::Ours),
    ("LANGUAGE", Value::Any),
    ("LOCK_TIMEOUT", Value::LockTimeout),
    ("NOCOUNT", Value::Any),
    ("NOEXEC", Value::Off),
    ("NUMERIC_ROUNDABORT", Value::Any),
    ("PARSEONLY", Value::Off),
    ("QUOTED_IDENTIFIER", Value::On),
    ("REMOTE_PROC_TRANSACTIONS", Value::Off),
    ("ROWCOUNT", Value::Constant),
    ("SHOWPLAN_ALL", Value::Showplan),
    ("SHOWPLAN_TEXT", Value::Showplan),
    ("SHOWPLAN_XML", Value::Showplan),
    ("STATISTICS IO", Value::Any),
    ("STATISTICS PROFILE", Value::Any),
    ("STATISTICS TIME", Value::Any),
    ("STATISTICS XML", Value::Any),
    ("TEXTSIZE", Value::Constant),
    ("TRANSACTION", Value::Any),
    ("XACT_ABORT", Value::Ours),
];

/// Options that are refused whatever their value, unless the operator names them.
const REFUSED: [&str; 12] = [
    "ANSI_DEFAULTS",
    "CONTEXT_INFO",
    "DISABLE_DEF_CNST_CHK",
    "FIPS_FLAGGER",
    "IDENTITY_INSERT",
    "NO_BROWSETABLE",
    "OFFSETS",
    "QUERY_GOVERNOR_COST_LIMIT",
    "RESULT_SET_CACHING",
    "ROWVERSION",
    "STATISTICS",
    "USER",
];

impl Reader<'_> {
    pub(super) fn set(&mut self, m: usize) {
        self.raise(Class::Session);
        let set = self.derived.marks[m].start;
        let parts: Vec<usize> =
            self.inside(m).filter(|i| self.derived.marks[*i].parent == Some(m)).collect();
        // Options wait for the value that goes for all of them.
        let mut waiting: Vec<(usize, String)> = Vec::new();
        let mut statistics = false;
        for p in parts {
            let Marked { span, start, end, .. } = self.derived.marks[p];
            if span == Span::Value {
                let value = self.text_of(p).to_ascii_uppercase();
                for (at, name) in waiting.drain(..) {
                    self.option(set, at, &name, &value);
                }
                statistics = false;
                continue;
            }
            let word = self.t[start].text.to_ascii_uppercase();
            let name = match word.as_str() {
                // SET STATISTICS IO, TIME ON: the first word goes for all.
                "STATISTICS" => {
                    statistics = true;
                    format!("STATISTICS {}", self.t[end - 1].text.to_ascii_uppercase())
                }
                "TRAN" => "TRANSACTION".into(),
                _ if statistics => format!("STATISTICS {word}"),
                _ => word,
            };
            waiting.push((start, name));
        }
        if let Some((at, name)) = waiting.first() {
            self.unclear(
                *at,
                format!("SET {} has no value", super::short(name, 40)),
                "Write ON, OFF or its value behind it; a variable's name begins with @.",
            );
        }
    }

    fn option(&mut self, set: usize, at: usize, name: &str, value: &str) {
        let item = format!("SET {}", super::short(name.split(' ').next().unwrap_or_default(), 40));
        let Some((_, allowed)) = OPTIONS.iter().find(|o| o.0 == name) else {
            // What T-SQL does not know, nobody can allow.
            if REFUSED.contains(&name) {
                return self.refuse(set, &item, Class::Session);
            }
            let advice = "Leave it out; a variable's name begins with @.";
            return self.unclear(at, format!("{item} is no option of T-SQL"), advice);
        };
        let constant = value.parse::<i64>().ok();
        let on = value == "ON";
        match allowed {
            Value::Any => {}
            Value::On if on => {}
            Value::Constant if constant.is_some_and(|n| n >= 0) => {}
            Value::LockTimeout
                if constant
                    .and_then(|n| u64::try_from(n).ok())
                    .is_some_and(|n| n <= self.policy.lock_timeout) => {}
            Value::DeadlockPriority
                if value == "LOW" || constant.is_some_and(|n| (-10..=-5).contains(&n)) => {}
            Value::Ours if value == if name == "XACT_ABORT" { "ON" } else { "OFF" } => {}
            Value::Off if value == "OFF" => {}
            Value::Ours => self.never_so(at, &item, "The server keeps the transaction itself."),
            Value::Showplan if value == "OFF" => {}
            Value::Showplan => self.refuse_value(
                set,
                &item,
                "is refused: it has to be the only statement of its batch, and yields no plan here",
                "SET STATISTICS XML ON before the query returns the plan with the rows.",
            ),
            Value::LockTimeout => {
                let most = self.policy.lock_timeout;
                let what = format!("may only be lowered, to a constant from 0 to {most} ms");
                self.refuse_value(set, &item, &what, "Leave it out, or set a lower one.");
            }
            Value::Constant => {
                let advice =
                    "Leave it out: max_rows and the server's limits bound what comes back.";
                self.refuse_value(set, &item, "takes a constant from 0 up", advice);
            }
            Value::DeadlockPriority => {
                let advice = "Leave it out: it is LOW already.";
                self.refuse_value(set, &item, "may only be LOW, or from -10 to -5", advice);
            }
            Value::On | Value::Off => self.refuse(set, &item, Class::Session),
        }
    }

    fn refuse_value(&mut self, set: usize, item: &str, what: &str, advice: &str) {
        let items = [item.to_owned()];
        self.blame(set, Class::Refused, &items, Class::Session, format!("{item} {what}"), advice);
    }
}
