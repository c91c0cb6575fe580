//! What of a T-SQL text goes into a record: a fingerprint, the text without its literals, and the objects that it names.

use aws_lc_rs::digest;

use mssql_mcp_sql::lexer::{Kind, Token, tokens};

/// Objects of one text that are listed.
const MOST: usize = 50;
/// Characters of a text that are kept.
const MAX_TEXT: usize = 4000;

/// A text, for the record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The same for texts that differ in literals, blanks, comments and the case of bare words only.
    pub fingerprint: String,
    /// With `?` for each literal, cut at 4,000 characters.
    pub redacted: String,
    /// `schema.name` as written, in order, each once.
    pub objects: Vec<String>,
}

impl Statement {
    /// Of a text. One that cannot be read has a fingerprint of its bytes and no more: nothing is known to be a literal in it.
    pub fn of(sql: &str) -> Self {
        match tokens(sql) {
            Ok(all) => {
                let redacted = redacted(&all);
                Self { fingerprint: short(&redacted.to_lowercase()), objects: objects(&all), redacted: cut(&redacted) }
            }
            Err(_) => Self { fingerprint: short(sql), redacted: String::new(), objects: Vec::new() },
        }
    }
}

impl Statement {
    /// What it does to what (`SELECT sales.Orders`): the name of a span, so without anything that differs from call to call.
    pub fn summary(&self) -> String {
        let verb = self.redacted.split([' ', ';', '(']).next().unwrap_or_default().to_ascii_uppercase();
        let verb = if verb == "WITH" { "SELECT".to_owned() } else { verb };
        let mut out = verb;
        for o in self.objects.iter().take(4) {
            out.push(' ');
            out.push_str(o);
        }
        out.chars().filter(|c| !c.is_control()).take(255).collect()
    }
}

fn short(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..12].iter().map(|b| format!("{b:02x}")).collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn redacted(all: &[Token<'_>]) -> String {
    let mut out = String::new();
    let mut last = "";
    for t in all {
        let tight = matches!(t.text, "." | "," | ")" | ";") || matches!(last, "." | "(" | "");
        if !tight {
            out.push(' ');
        }
        out.push_str(if matches!(t.kind, Kind::Text | Kind::Number) { "?" } else { t.text });
        last = t.text;
    }
    out
}

fn word<'a>(t: Option<&Token<'a>>) -> &'a str {
    t.filter(|t| t.kind == Kind::Word).map_or("", |t| t.text)
}

/// The names that stand where an object stands. What a view or procedure reads below is not in the text.
fn objects(all: &[Token<'_>]) -> Vec<String> {
    const BEFORE: [&str; 11] =
        ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "MERGE", "USING", "EXEC", "EXECUTE", "DELETE", "INSERT"];
    const NOT_A_NAME: [&str; 13] =
        ["FROM", "INTO", "TOP", "SET", "SELECT", "STATISTICS", "AS", "WITH", "VALUES", "IF", "WHERE", "ON", "DEFAULT"];
    // Names of common table expressions are not objects: `name AS (` and `name (a, b) AS (` after WITH.
    let mut own: Vec<String> = Vec::new();
    for w in all.windows(3) {
        if w[1].text.eq_ignore_ascii_case("AS") && w[2].text == "(" {
            own.push(w[0].text.to_lowercase());
        }
    }
    let mut found: Vec<String> = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let here = word(all.get(at));
        at += 1;
        if !BEFORE.iter().any(|b| here.eq_ignore_ascii_case(b)) {
            continue;
        }
        let listed = here.eq_ignore_ascii_case("FROM");
        loop {
            let (name, next) = name_at(all, at);
            let Some(name) = name else { break };
            let bare = name.to_lowercase();
            if NOT_A_NAME.iter().any(|n| name.eq_ignore_ascii_case(n)) {
                break;
            }
            if !own.contains(&bare) && !found.contains(&name) && found.len() < MOST {
                found.push(name);
            }
            at = next;
            // FROM a AS x, b
            if !listed {
                break;
            }
            if word(all.get(at)).eq_ignore_ascii_case("AS") {
                at += 1;
            }
            if all.get(at).is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted))
                && all.get(at + 1).is_some_and(|t| t.text == ",")
            {
                at += 1;
            }
            if all.get(at).is_none_or(|t| t.text != ",") {
                break;
            }
            at += 1;
        }
    }
    found
}

/// `a.b.c`, bracketed or not, from a place on; temporary tables, variables and functions' brackets are none.
fn name_at(all: &[Token<'_>], mut at: usize) -> (Option<String>, usize) {
    let mut parts: Vec<String> = Vec::new();
    loop {
        let Some(t) = all.get(at).filter(|t| matches!(t.kind, Kind::Word | Kind::Quoted)) else {
            return (None, at);
        };
        let plain = match t.kind {
            Kind::Quoted => {
                let inner = &t.text[1..t.text.len().saturating_sub(1).max(1)];
                inner.replace("]]", "]").replace("\"\"", "\"")
            }
            _ => t.text.to_owned(),
        };
        if plain.starts_with('#') {
            return (None, at);
        }
        parts.push(plain);
        at += 1;
        if all.get(at).is_some_and(|t| t.text == ".") {
            at += 1;
            // db..table
            while all.get(at).is_some_and(|t| t.text == ".") {
                at += 1;
            }
        } else {
            return (Some(parts.join(".")), at);
        }
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
    fn a_summary_is_the_verb_and_the_objects() {
        let of = |q| Statement::of(q).summary();
        assert_eq!(of("select * from sales.Orders o join dbo.X on 1=1 where a = 'b'"), "SELECT sales.Orders dbo.X");
        assert_eq!(of("WITH c AS (SELECT 1 AS n) SELECT * FROM c JOIN d ON 1 = 1"), "SELECT d");
        assert_eq!(of("EXEC sales.OrderSummary @CustomerId = 1"), "EXEC sales.OrderSummary");
        assert_eq!(of("'never closed"), "");
    }

    #[test]
    fn objects_are_the_names_that_stand_where_one_stands() {
        for (sql, want) in [
            (
                "SELECT * FROM sales.Orders o JOIN [dbo].[Notes.Archive] AS n ON 1 = 1",
                &["sales.Orders", "dbo.Notes.Archive"][..],
            ),
            ("SELECT 1 FROM a AS x, b y, c", &["a", "b", "c"]),
            ("UPDATE dbo.T SET A = (SELECT MAX(B) FROM U)", &["dbo.T", "U"]),
            ("INSERT INTO t (a) SELECT b FROM #tmp", &["t"]),
            ("DELETE FROM x WHERE EXISTS (SELECT 1 FROM y)", &["x", "y"]),
            ("DELETE TOP (5) FROM x", &["x"]),
            ("WITH c AS (SELECT 1 AS n) SELECT * FROM c JOIN d ON 1 = 1", &["d"]),
            ("EXEC sales.OrderSummary @CustomerId = 1", &["sales.OrderSummary"]),
            ("TRUNCATE TABLE a.b", &["a.b"]),
            ("SELECT 1", &[]),
            ("SELECT 'FROM x'", &[]),
        ] {
            assert_eq!(Statement::of(sql).objects, want, "{sql}");
        }
    }
}
