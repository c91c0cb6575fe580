//! What of a T-SQL text goes into a record: a fingerprint, the text without its literals, and the
//! objects that it names.

use aws_lc_rs::digest;

use mssql_mcp_sql::derive::Role;
use mssql_mcp_sql::lexer::{Token, TokenKind, tokens};
use mssql_mcp_sql::quote;
use mssql_mcp_sql::verdict::roles;

/// Objects of one text that are listed.
const MOST: usize = 50;
/// Characters of a text that are kept.
const MAX_TEXT: usize = 4000;

/// A text, for the record.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Statement {
    /// The same for texts that differ in literals, blanks, comments and the case
    /// of bare words only.
    pub(crate) fingerprint: String,
    /// With `?` for each literal and `"?"` for each word in double quotes, cut at 4,000
    /// characters: by what a caller meant it may be a value, which SQL Server then knows no name
    /// for (errors 207 and 208).
    pub(crate) redacted: String,
    /// The same with the words in double quotes, where there are some: for when SQL Server
    /// took them for names.
    pub(crate) named: Option<String>,
    /// `schema.name` as written, in order, each once.
    pub(crate) objects: Vec<String>,
    /// Those of them that stand in double quotes.
    pub(crate) doubtful: Vec<String>,
}

impl Statement {
    /// Of a text. One that cannot be read has a fingerprint of its bytes and no more: nothing is
    /// known to be a literal in it.
    pub(crate) fn of(sql: &str) -> Self {
        match (tokens(sql), roles(sql)) {
            (Ok(all), Ok(roles)) if all.len() == roles.len() => {
                let roles: Vec<Role> = roles.into_iter().map(|(_, r)| r).collect();
                let named = redacted(&all, &roles, false);
                let fingerprint = digest_of(&named.to_lowercase());
                let (objects, doubtful) = objects(&all, &roles);
                match all.iter().any(in_double_quotes) {
                    false => Self {
                        fingerprint,
                        redacted: bounded_text(&named),
                        named: None,
                        objects,
                        doubtful,
                    },
                    true => {
                        let redacted = bounded_text(&redacted(&all, &roles, true));
                        Self {
                            fingerprint,
                            redacted,
                            named: Some(bounded_text(&named)),
                            objects,
                            doubtful,
                        }
                    }
                }
            }
            _ => Self { fingerprint: digest_of(sql), ..Self::default() },
        }
    }
}

impl Statement {
    /// What it does to what (`SELECT sales.Orders`): the name of a span, so without anything that
    /// differs from call to call.
    pub(crate) fn summary(&self) -> String {
        let verb =
            self.redacted.split([' ', ';', '(']).next().unwrap_or_default().to_ascii_uppercase();
        let verb = if verb == "WITH" { "SELECT".to_owned() } else { verb };
        let mut out = verb;
        for o in self.objects.iter().filter(|o| !self.doubtful.contains(o)).take(4) {
            out.push(' ');
            out.push_str(o);
        }
        out.chars().filter(|c| !c.is_control()).take(255).collect()
    }
}

fn digest_of(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..12]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn bounded_text(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn in_double_quotes(t: &Token<'_>) -> bool {
    t.kind == TokenKind::Quoted && t.text.starts_with('"')
}

fn redacted(all: &[Token<'_>], roles: &[Role], doubtful: bool) -> String {
    let mut out = String::new();
    let mut last = "";
    // Behind a procedure's name a bare or quoted word is a text: EXEC p word.
    let mut arguments = false;
    for (t, role) in all.iter().zip(roles) {
        let tight = matches!(t.text, "." | "," | ")" | ";") || matches!(last, "." | "(" | "");
        if !tight {
            out.push(' ');
        }
        match role {
            Role::Procedure => arguments = true,
            Role::Verb | Role::Clause => arguments = false,
            _ => {}
        }
        let called =
            word(t).is_some_and(|w| ["EXEC", "EXECUTE"].iter().any(|e| w.eq_ignore_ascii_case(e)));
        arguments |= *role == Role::Unread && called;
        let bare = matches!(t.kind, TokenKind::Word | TokenKind::Quoted)
            && matches!(role, Role::Name | Role::Unread);
        let text = arguments
            && bare
            && !called
            && last != "."
            && !KEYWORDS.iter().any(|k| t.text.eq_ignore_ascii_case(k));
        out.push_str(match t.kind {
            TokenKind::Text | TokenKind::Number => "?",
            _ if text => "?",
            _ if doubtful && in_double_quotes(t) => "\"?\"",
            _ => t.text,
        });
        last = t.text;
    }
    out
}

/// What stands among a procedure's arguments and is no value of somebody's.
const KEYWORDS: [&str; 5] = ["DEFAULT", "NULL", "OUT", "OUTPUT", "RECOMPILE"];

fn word<'a>(t: &Token<'a>) -> Option<&'a str> {
    (t.kind == TokenKind::Word).then_some(t.text)
}

/// The objects that a text names, by what the guard's derivation takes each name for: tables,
/// views, sequences, procedures, functions with a schema, and what CREATE, ALTER and DROP are
/// about. What a view or procedure reads below is not in the text. Beside them those that
/// stand in double quotes.
fn objects(all: &[Token<'_>], roles: &[Role]) -> (Vec<String>, Vec<String>) {
    const MODULES: [&str; 8] =
        ["VIEW", "PROC", "PROCEDURE", "FUNCTION", "TRIGGER", "SYNONYM", "SEQUENCE", "TABLE"];
    // Aliases and common table expressions are names that the text gives by itself.
    let own: Vec<String> = all
        .iter()
        .zip(roles)
        .filter(|(_, r)| **r == Role::Alias)
        .map(|(t, _)| plain(t).to_lowercase())
        .collect();
    let mut found: Vec<String> = Vec::new();
    let mut doubtful: Vec<String> = Vec::new();
    // Behind CREATE VIEW and the like a name is that of the object.
    let (mut verb, mut named) = (false, false);
    let mut at = 0;
    while at < all.len() {
        let t = &all[at];
        if let Some(w) = word(t) {
            let is = |l: &[&str]| l.iter().any(|x| w.eq_ignore_ascii_case(x));
            if is(&["CREATE", "ALTER", "DROP"]) {
                (verb, named) = (true, false);
            } else if verb && is(&MODULES) {
                (verb, named) = (false, true);
            } else if !is(&["OR", "IF", "EXISTS", "EXTERNAL", "NOT"]) {
                verb = false;
            }
        }
        let is_object = |r: Role| matches!(r, Role::Table | Role::Procedure);
        if !matches!(t.kind, TokenKind::Word | TokenKind::Quoted)
            || !(is_object(roles[at]) || roles[at] == Role::Function || roles[at] == Role::Name)
        {
            at += 1;
            continue;
        }
        // a.b.c, also with parts left out between.
        let (mut parts, mut last) = (vec![plain(t)], roles[at]);
        let mut end = at + 1;
        while all.get(end).is_some_and(|d| d.text == ".") {
            let next = (end..all.len()).find(|i| all[*i].text != ".");
            let Some(next) =
                next.filter(|i| matches!(all[*i].kind, TokenKind::Word | TokenKind::Quoted))
            else {
                break;
            };
            parts.push(plain(&all[next]));
            last = roles[next];
            end = next + 1;
        }
        let called = last == Role::Function && parts.len() > 1 && roles[at] != Role::Alias;
        let wanted = is_object(last) || called || named && last == Role::Name;
        named = false;
        let (alone, temporary) =
            (parts.len() == 1, parts.last().is_some_and(|p| p.starts_with('#')));
        // A method of a column is called like a function of a schema; its qualifier
        // is an alias then.
        let given = own.contains(&parts[0].to_lowercase()) && (alone || called);
        let name = parts.iter().map(|p| quote::part(p)).collect::<Vec<_>>().join(".");
        if wanted && !given && !temporary && !found.contains(&name) && found.len() < MOST {
            if all[at..end].iter().any(in_double_quotes) {
                doubtful.push(name.clone());
            }
            found.push(name);
        }
        at = end;
    }
    (found, doubtful)
}

/// A name without its brackets or quotation marks.
fn plain(t: &Token<'_>) -> String {
    match t.kind {
        TokenKind::Quoted => {
            let inner = &t.text[1..t.text.len().saturating_sub(1).max(1)];
            inner.replace("]]", "]").replace("\"\"", "\"")
        }
        _ => t.text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_blanks_and_comments_do_not_change_a_fingerprint() {
        let a = Statement::of("SELECT * FROM sales.Orders WHERE Id = 5 AND Name = 'ada'");
        let b = Statement::of("select  *\nfrom sales.Orders -- why\nwhere id=77 and name=N'bo''b'");
        assert_eq!(a.fingerprint, b.fingerprint);
        assert_ne!(
            a.fingerprint,
            Statement::of("SELECT * FROM sales.Trades WHERE Id = 5 AND Name = 'ada'").fingerprint
        );
        assert_eq!(a.redacted, "SELECT * FROM sales.Orders WHERE Id = ? AND Name = ?");
        assert_eq!(a.fingerprint.len(), 24);
        let broken = Statement::of("SELECT 'never closed");
        assert!(broken.redacted.is_empty() && !broken.fingerprint.is_empty());
        assert!(Statement::of(&"SELECT 1 ".repeat(1000)).redacted.chars().count() <= MAX_TEXT + 1);
    }

    #[test]
    fn a_word_in_double_quotes_may_be_a_value() {
        let s = Statement::of("SELECT a FROM dbo.T WHERE Name = \"ada@example.com\"");
        assert_eq!(s.redacted, "SELECT a FROM dbo.T WHERE Name = \"?\"");
        assert_eq!(
            s.named.as_deref(),
            Some("SELECT a FROM dbo.T WHERE Name = \"ada@example.com\"")
        );
        assert_eq!((s.objects.as_slice(), s.doubtful.len()), (&["dbo.T".to_owned()][..], 0));
        let s = Statement::of("SELECT [a] FROM \"sales\".\"Orders\", [b]");
        assert_eq!(s.redacted, "SELECT [a] FROM \"?\".\"?\", [b]");
        assert_eq!(
            (s.objects.join(" "), s.doubtful.join(" ")),
            ("sales.Orders b".into(), "sales.Orders".into())
        );
        assert_eq!(s.summary(), "SELECT b");
        assert_eq!(Statement::of("SELECT 'a \"b\"'").named, None);
    }

    #[test]
    fn a_bare_word_among_a_procedures_arguments_is_a_text() {
        let of = |q| Statement::of(q).redacted;
        assert_eq!(of("EXEC dbo.echo SECRET"), "EXEC dbo.echo ?");
        assert_eq!(
            of("EXEC dbo.echo @a = \"SECRET\", @b = DEFAULT, @c = @d OUTPUT"),
            "EXEC dbo.echo @a = ?, @b = DEFAULT, @c = @d OUTPUT"
        );
        assert_eq!(of("EXEC p SECRET; SELECT Name FROM t"), "EXEC p ?; SELECT Name FROM t");
    }

    #[test]
    fn a_summary_is_the_verb_and_the_objects() {
        let of = |q| Statement::of(q).summary();
        assert_eq!(
            of("select * from sales.Orders o join dbo.X on 1=1 where a = 'b'"),
            "SELECT sales.Orders dbo.X"
        );
        assert_eq!(of("WITH c AS (SELECT 1 AS n) SELECT * FROM c JOIN d ON 1 = 1"), "SELECT d");
        assert_eq!(of("EXEC sales.OrderSummary @CustomerId = 1"), "EXEC sales.OrderSummary");
        assert_eq!(of("'never closed"), "");
    }

    #[test]
    fn objects_are_the_names_that_stand_where_one_stands() {
        for (sql, want) in [
            (
                "SELECT * FROM sales.Orders o JOIN [dbo].[Notes.Archive] AS n ON 1 = 1",
                &["sales.Orders", "dbo.[Notes.Archive]"][..],
            ),
            ("SELECT 1 FROM a AS x, b y, c", &["a", "b", "c"]),
            ("UPDATE dbo.T SET A = (SELECT MAX(B) FROM U)", &["dbo.T", "U"]),
            ("INSERT INTO t (a) SELECT b FROM #tmp", &["t"]),
            ("DELETE FROM x WHERE EXISTS (SELECT 1 FROM y)", &["x", "y"]),
            ("DELETE TOP (5) FROM x", &["x"]),
            ("WITH c AS (SELECT 1 AS n) SELECT * FROM c JOIN d ON 1 = 1", &["d"]),
            ("EXEC sales.OrderSummary @CustomerId = 1", &["sales.OrderSummary"]),
            ("TRUNCATE TABLE a.b", &["a.b"]),
            ("UPDATE Trades SET a = 1 FROM sales.Orders AS Trades", &["sales.Orders"]),
            ("UPDATE TOP (2) sales.Orders SET a = 1", &["sales.Orders"]),
            ("EXEC @r = sales.OrderSummary 1", &["sales.OrderSummary"]),
            ("sales.OrderSummary 1", &["sales.OrderSummary"]),
            ("DROP VIEW dbo.v", &["dbo.v"]),
            ("DROP PROCEDURE IF EXISTS dbo.p", &["dbo.p"]),
            ("ALTER VIEW dbo.v AS SELECT a FROM dbo.t", &["dbo.v", "dbo.t"]),
            ("CREATE INDEX i ON dbo.t (a)", &["dbo.t"]),
            ("SELECT dbo.fn(1), LEN(a), c.value('x', 'int') FROM t AS c", &["dbo.fn", "t"]),
            ("SELECT NEXT VALUE FOR sales.Seq", &["sales.Seq"]),
            ("SELECT * FROM a AS o WITH (NOLOCK), b", &["a", "b"]),
            ("SELECT * FROM (a JOIN b ON 1 = 1)", &["a", "b"]),
            ("SELECT * FROM a CROSS APPLY dbo.fn(1) AS f", &["a", "dbo.fn"]),
            ("WITH x (a, b) AS (SELECT 1, 2) SELECT * FROM x", &[]),
            ("SELECT 1", &[]),
            ("SELECT 'FROM x'", &[]),
        ] {
            assert_eq!(Statement::of(sql).objects, want, "{sql}");
        }
    }
}
