//! The second reading: accounts for every dangerous word of a batch, wherever it stands, by a table
//! of its own. A word that the derivation claims for something harmless is excused only by the
//! roles that its row names; otherwise it keeps the row's class. So a hole in the grammar, or a
//! place where it does not look, is not a hole in the guard.
//!
//! Sources: "Reserved keywords", the pages of the statements, and `lists/refused.list`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::derive::Role;
use crate::fold;
use crate::lexer::{Token, TokenKind};
use crate::verdict::Class;

/// What an unexcused word makes of its statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Charge {
    Class(Class),
    /// Refused unless the operator names it; then the class.
    Refused(String, Class),
    Never,
}

/// What a row says of its word.
enum Rule {
    /// Counts as this class.
    Is(Class),
    /// Is refused by its own name; counts as this class when allowed.
    Refused(Class),
    /// Is refused under another name.
    RefusedAs(&'static str, Class),
    Never,
}

use Class::{Execute, Read, Schema, Session, Write};
use Role::{
    Action, Alias, Clause, Event, Function, Hint, Into, Keyword, Label, Method, Name, Nested,
    Object, Option as Opt, Permission, Table, Type, Verb,
};
use Rule::{Is, Never, Refused, RefusedAs};

/// Roles in which a word that is not reserved is just a name.
const NAMED: &[Role] =
    &[Alias, Function, Keyword, Label, Method, Name, Nested, Role::Procedure, Table, Type, Verb];

/// Word, what it does where nothing excuses it, and the roles that do.
const WORDS: &[(&str, Rule, &[Role])] = &[
    ("ALTER", Is(Schema), &[Verb, Action, Opt, Permission]),
    ("BACKUP", Refused(Execute), &[Permission]),
    ("BEGIN", Never, &[Verb, Role::Stored]),
    ("BULK", Refused(Execute), &[Opt, Permission]),
    ("CHECKPOINT", Refused(Execute), &[Permission]),
    ("CLOSE", RefusedAs("SYMMETRIC KEY", Execute), &[Verb]),
    ("COMMIT", Never, &[Role::Stored]),
    ("CONVERSATION", Refused(Execute), NAMED),
    (
        "COPY",
        Refused(Execute),
        &[Alias, Function, Label, Method, Name, Nested, Role::Procedure, Table, Type],
    ),
    ("CREATE", Is(Schema), &[Verb, Permission]),
    ("DBCC", Refused(Execute), &[]),
    ("DELETE", Is(Write), &[Verb, Action, Event, Permission]),
    ("DENY", Refused(Schema), &[]),
    ("DISABLE", Is(Schema), NAMED),
    ("DROP", Is(Schema), &[Verb, Action]),
    ("ENABLE", Is(Schema), NAMED),
    ("EXEC", Is(Execute), &[Verb, Clause, Permission]),
    ("EXECUTE", Is(Execute), &[Verb, Clause, Permission]),
    ("GET", RefusedAs("CONVERSATION", Execute), NAMED),
    ("GRANT", Refused(Schema), &[Permission]),
    ("INSERT", Is(Write), &[Verb, Action, Clause, Event, Function, Permission]),
    ("INTO", Is(Write), &[Into]),
    ("KILL", Refused(Execute), &[Permission]),
    ("MERGE", Is(Write), &[Verb, Hint]),
    ("MOVE", RefusedAs("CONVERSATION", Execute), NAMED),
    ("NEXT", Is(Write), NAMED),
    ("OPEN", RefusedAs("SYMMETRIC KEY", Execute), &[Verb]),
    ("OPENDATASOURCE", Refused(Execute), &[]),
    ("OPENQUERY", Refused(Execute), &[]),
    ("OPENROWSET", Refused(Execute), &[]),
    ("READTEXT", Refused(Read), &[]),
    (
        "RECEIVE",
        Refused(Execute),
        &[Alias, Function, Label, Method, Name, Nested, Role::Procedure, Table, Type],
    ),
    ("RECONFIGURE", Refused(Execute), &[]),
    (
        "REMOTE_DATA_ARCHIVE",
        Refused(Schema),
        &[Alias, Function, Label, Method, Name, Role::Procedure, Table, Type],
    ),
    ("RENAME", Is(Schema), NAMED),
    ("RESTORE", Refused(Execute), &[]),
    ("REVERT", RefusedAs("EXECUTE AS", Execute), &[Opt]),
    ("REVOKE", Refused(Schema), &[]),
    ("ROLLBACK", Never, &[Opt, Role::Stored]),
    ("SAVE", Never, &[Role::Stored]),
    ("SEND", Refused(Execute), NAMED),
    ("SET", Refused(Session), &[Verb, Action, Clause]),
    ("SETUSER", Refused(Execute), &[]),
    ("SHUTDOWN", Refused(Execute), &[Opt, Permission]),
    ("TRIGGER", Is(Schema), &[Object, Permission]),
    ("TRUNCATE", Is(Write), &[Verb, Function]),
    ("UPDATE", Is(Write), &[Verb, Action, Clause, Event, Function, Hint, Permission]),
    ("UPDATETEXT", Is(Write), &[]),
    ("USE", Never, &[Verb, Hint]),
    ("WAITFOR", Refused(Read), &[]),
    ("WRITETEXT", Is(Write), &[]),
];

/// What a name of `lists/refused.list` is.
#[derive(Clone, Copy, PartialEq)]
enum Named {
    Procedure,
    Function,
    Builtin,
    View,
}

/// The longest name of the list, with room.
const LONGEST: usize = 64;

static NAMES: LazyLock<HashMap<&'static str, Named>> = LazyLock::new(|| {
    let lines = include_str!("lists/refused.list").lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| {
            let mut fields = l.split(" | ");
            let (name, kind) =
                (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let kind = match kind {
                "procedure" => Named::Procedure,
                "function" => Named::Function,
                "builtin" => Named::Builtin,
                "view" => Named::View,
                other => unreachable!("{other} in refused.list"),
            };
            (name, kind)
        })
        .collect()
});

/// Families of procedures of which none is harmless.
const FAMILIES: [&str; 6] = ["xp_", "sp_cursor", "sp_oa", "sp_trace_", "sp_repl", "sp_ih"];

/// Where the words of a letter begin in the table.
static LETTERS: LazyLock<[u8; 27]> = LazyLock::new(|| {
    std::array::from_fn(|l| {
        WORDS.iter().position(|w| usize::from(w.0.as_bytes()[0] - b'A') >= l).unwrap_or(WORDS.len())
            as u8
    })
});

/// Whether a word has a row of its own.
pub(crate) fn is_dangerous(word: &str) -> bool {
    WORDS.iter().any(|w| w.0.eq_ignore_ascii_case(word))
}

/// What is charged to the token at `i`, given the roles that the derivation claims.
pub(crate) fn charge(tokens: &[Token<'_>], roles: &[Role], i: usize) -> Option<Charge> {
    let t = &tokens[i];
    match t.kind {
        TokenKind::Word => word(tokens, roles, i).or_else(|| name(tokens, roles, i)),
        TokenKind::Quoted => name(tokens, roles, i),
        _ => None,
    }
}

fn word(tokens: &[Token<'_>], roles: &[Role], i: usize) -> Option<Charge> {
    let text = tokens[i].text;
    let letter = usize::from(
        text.as_bytes().first()?.to_ascii_uppercase().checked_sub(b'A').filter(|l| *l < 26)?,
    );
    let of = &WORDS[usize::from(LETTERS[letter])..usize::from(LETTERS[letter + 1])];
    let (word, rule, excuses) =
        of.iter().find(|w| w.0.len() == text.len() && w.0.eq_ignore_ascii_case(text))?;
    if excuses.contains(&roles[i]) {
        return None;
    }
    // Cursors and pages have a NEXT, too; a number is taken from a sequence by NEXT VALUE.
    if *word == "NEXT" && !tokens.get(i + 1).is_some_and(|n| n.text.eq_ignore_ascii_case("VALUE")) {
        return None;
    }
    Some(match rule {
        Is(class) => Charge::Class(*class),
        Refused(counts_as) => Charge::Refused((*word).to_owned(), *counts_as),
        RefusedAs(item, counts_as) => Charge::Refused((*item).to_owned(), *counts_as),
        Never => Charge::Never,
    })
}

fn name(tokens: &[Token<'_>], roles: &[Role], i: usize) -> Option<Charge> {
    // What is only named leaves nothing.
    if matches!(
        roles[i],
        Role::Name
            | Role::Alias
            | Role::Label
            | Role::Method
            | Role::Type
            | Role::Keyword
            | Role::Verb
    ) {
        return None;
    }
    let mut buffer = [0; LONGEST];
    let bare = tokens[i].bare();
    let plain = bare.bytes().all(|b| (0x20..0x7f).contains(&b));
    let lower = if plain { lower(bare, &mut buffer)? } else { listed(bare)? };
    let unknown = matches!(roles[i], Role::Opaque | Role::Nested | Role::Unread);
    let family = FAMILIES.iter().any(|f| lower.starts_with(f)) && lower != "sp_cursor_list";
    // A synonym of a procedure stands where a table stands.
    let procedure = matches!(roles[i], Role::Procedure | Role::Table);
    if procedure && family {
        return Some(Charge::Refused(lower.to_owned(), Execute));
    }
    let kind = *NAMES.get(lower)?;
    let qualified = i > 0 && matches!(tokens[i - 1].text, "." | "::");
    let called = match kind {
        Named::Procedure => procedure,
        Named::Function => matches!(roles[i], Role::Function | Role::Table),
        Named::Builtin => roles[i] == Role::Function && !qualified,
        Named::View => matches!(roles[i], Role::Table | Role::Function),
    };
    let counts_as = if matches!(kind, Named::Procedure | Named::Builtin) { Execute } else { Read };
    (called || unknown).then(|| Charge::Refused(lower.to_owned(), counts_as))
}

/// Whether a word or a name is refused by this table, somewhere.
pub(crate) fn refuses(lower: &str) -> bool {
    let word = |(w, rule, _): &(&str, _, _)| match rule {
        Refused(_) => w.eq_ignore_ascii_case(lower),
        RefusedAs(item, _) => item.eq_ignore_ascii_case(lower),
        _ => false,
    };
    let family = FAMILIES.iter().any(|f| lower.len() > f.len() && lower.starts_with(f));
    WORDS.iter().any(word) || family || NAMES.contains_key(lower)
}

/// In lower case, and without blanks at its end, which SQL Server does not count; none if it is
/// longer than any name that matters.
fn lower<'b>(text: &str, buffer: &'b mut [u8; LONGEST]) -> Option<&'b str> {
    let text = text.trim_end_matches(' ');
    let out = buffer.get_mut(..text.len())?;
    out.copy_from_slice(text.as_bytes());
    out.make_ascii_lowercase();
    std::str::from_utf8(out).ok()
}

/// The name of the list that a collation may take this one for: equality makes the verdict stricter
/// here, so it is taken loosely.
fn listed(name: &str) -> Option<&'static str> {
    NAMES.keys().copied().chain(FAMILIES).find(|n| {
        fold::may_be(name, n)
            || FAMILIES.contains(n)
                && name.char_indices().any(|(at, _)| fold::may_be(&name[..at], n))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_their_names_short_enough() {
        assert!(WORDS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.len() > 800);
        for n in NAMES.keys() {
            let mut buffer = [0; LONGEST];
            assert_eq!(lower(&n.to_uppercase(), &mut buffer), Some(*n));
        }
        assert!(
            include_str!("lists/refused.list")
                .lines()
                .all(|l| l.starts_with('#') || l.split(" | ").count() == 3)
        );
    }
}
