//! What a batch would do: the maximum over its unquoted keywords, so that nothing depends on where a statement ends (T-SQL
//! needs no `;` between them). Splitting into statements only tells positions. Anything that could be read in two ways is
//! [`Class::Unknown`], and refused.
//!
//! The text is the first line of defence, not the boundary: that is what the login may do (`docs/security.md`).

use super::Access;
use super::lexer::{Kind, Token, tokens};
use super::words::{self, Own, Rule, Starter, Upper};

/// What a statement does, from harmless to unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Reads.
    Read,
    /// Touches nothing that outlives the call: variables, an allow-list of SET, `#temp` tables.
    Session,
    /// Changes rows.
    Write,
    /// Changes the schema.
    Schema,
    /// Runs a procedure or dynamic SQL.
    Execute,
    /// Leaves the database or its data: refused unless the operator names it.
    Refused,
    /// Ours alone: transactions, the batch separator, the database in use.
    Never,
    /// Could not be read for certain.
    Unknown,
}

/// One statement, as far as the text tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The maximum over its words.
    pub class: Class,
    /// The same without what is refused, for an operator who allows that.
    base: Class,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Its first words, for people: `UPDATE sales.Orders`.
    pub head: String,
    /// The table that it writes to, where that can be told.
    pub target: Option<Target>,
    /// What gave it its class, if that is beyond [`Class::Execute`].
    pub problem: Option<Problem>,
}

/// What a Write is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// As it stands in the text: a table, or an alias of one.
    pub name: String,
}

/// Why a statement is refused at every access level.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The names by which the operator can allow it; none when nobody can.
    pub items: Vec<String>,
    /// What it counts as when allowed.
    pub counts_as: Class,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What was found.
    pub reason: String,
    /// What would be accepted.
    pub advice: String,
}

/// What a batch would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The maximum over the statements.
    pub class: Class,
    /// In order.
    pub statements: Vec<Statement>,
    /// Something in it may outlive the call on its connection, which then must not be used again.
    pub keeps_state: bool,
}

/// What may run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Up to here.
    pub access: Access,
    /// Refused things that the operator allows, by name in upper case.
    pub allow: Vec<String>,
}

/// A batch that must not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Stable: one of the codes of `docs/errors.md`.
    pub code: &'static str,
    /// The statement's class.
    pub class: Class,
    /// The statement's first words.
    pub statement: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What was found.
    pub reason: String,
    /// What would be accepted.
    pub advice: String,
}

/// Dynamic SQL inside dynamic SQL is followed so far.
const NESTING: usize = 4;
/// How far a rule looks ahead for what a statement is about.
const AHEAD: usize = 64;

// === impl Class ===

impl Class {
    /// For logs, `classify` and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Session => "session",
            Class::Write => "write",
            Class::Schema => "schema",
            Class::Execute => "execute",
            Class::Refused => "refused",
            Class::Never => "never",
            Class::Unknown => "unknown",
        }
    }
    /// The scope that a caller needs for it.
    pub fn scope(self) -> &'static str {
        match self {
            Class::Write => "mssql:write",
            Class::Schema => "mssql:schema",
            Class::Execute => "mssql:execute",
            _ => "mssql:read",
        }
    }
    /// Whether it can change something that stays.
    pub fn changes(self) -> bool {
        self >= Class::Write
    }
}

// === impl Verdict ===

impl Verdict {
    /// Reads a batch.
    pub fn of(sql: &str) -> Self {
        Self::nested(sql, 0)
    }

    fn nested(sql: &str, depth: usize) -> Self {
        match tokens(sql) {
            Ok(list) => Reader::new(sql, &list, depth).read(),
            Err(e) => {
                let problem = Problem {
                    items: Vec::new(),
                    counts_as: Class::Unknown,
                    line: e.line,
                    column: e.column,
                    reason: format!("the text has {}", e.reason),
                    advice: "Write it in plain characters, and close every quote and comment.".into(),
                };
                let s = Statement {
                    class: Class::Unknown,
                    base: Class::Unknown,
                    line: e.line,
                    column: e.column,
                    head: String::new(),
                    target: None,
                    problem: Some(problem),
                };
                Self { class: Class::Unknown, statements: vec![s], keeps_state: false }
            }
        }
    }

    /// The scopes that a caller needs to run it.
    pub fn scopes(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = self.statements.iter().map(|s| s.class.scope()).collect();
        // What changes rows returns them too (OUTPUT, counts, errors that quote values).
        all.push(Class::Read.scope());
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether it may run. What the operator allows takes the class that it counts as.
    pub fn check(mut self, policy: &Policy) -> Result<Self, Refusal> {
        for s in &mut self.statements {
            if let Some(p) = &s.problem
                && s.class == Class::Refused
                && p.items.iter().all(|item| policy.allow.iter().any(|a| a.eq_ignore_ascii_case(item)))
            {
                s.class = p.counts_as.max(s.base);
                self.keeps_state = true;
            }
        }
        self.class = self.statements.iter().map(|s| s.class).max().unwrap_or(Class::Unknown);
        match self.statements.iter().find(|s| s.class > policy.access.up_to()) {
            None => Ok(self),
            Some(s) => Err(s.refusal(policy)),
        }
    }
}

impl Statement {
    fn refusal(&self, policy: &Policy) -> Refusal {
        let r = |code, line, column, reason: String, advice: String| Refusal {
            code,
            class: self.class,
            statement: self.head.clone(),
            line,
            column,
            reason,
            advice,
        };
        if let Some(p) = &self.problem
            && self.class >= Class::Refused
        {
            let code = match self.class {
                Class::Refused => "forbidden_sql",
                Class::Never => "transaction_control",
                _ => "unclear_sql",
            };
            return r(code, p.line, p.column, p.reason.clone(), p.advice.clone());
        }
        let needs = match self.class {
            Class::Write => Access::ReadWrite,
            _ => Access::Full,
        };
        let accepted = match policy.access {
            Access::ReadOnly => {
                "SELECT, WITH … SELECT, DECLARE, SET @variable, IF/WHILE, #temp tables and catalog procedures such as sp_help are accepted."
            }
            Access::ReadWrite => "SELECT, INSERT, UPDATE, DELETE, MERGE and TRUNCATE are accepted.",
            Access::Full => "",
        };
        r(
            "access_denied",
            self.line,
            self.column,
            format!(
                "{} is {}, and access is {}",
                if self.head.is_empty() { "this statement" } else { &self.head },
                match self.class {
                    Class::Write => "a change of rows",
                    Class::Schema => "a change of the schema",
                    _ => "a procedure call or dynamic SQL",
                },
                policy.access.as_str()
            ),
            format!("{accepted} The operator can set access.level = \"{}\".", needs.as_str()).trim_start().to_owned(),
        )
    }
}

/// Judges a batch under a policy.
pub fn judge(sql: &str, policy: &Policy) -> Result<Verdict, Refusal> {
    Verdict::of(sql).check(policy)
}

/// Walks over the tokens once.
struct Reader<'a> {
    sql: &'a str,
    t: &'a [Token<'a>],
    nesting: usize,
    out: Vec<Statement>,
    keeps_state: bool,
    /// The next word begins a statement: at the start, behind `;` and behind BEGIN.
    fresh: bool,
    depth: usize,
    /// Where the parentheses of OPTION and RAISERROR were opened.
    option: Option<usize>,
    raiserror: Option<usize>,
    /// An UPDATE whose SET has not come yet.
    update: bool,
    /// A MERGE was seen: THEN INSERT, UPDATE and DELETE belong to it.
    merge: bool,
    /// A WITH, INSERT or DECLARE whose SELECT (or other main word) has not come yet.
    awaits_main: bool,
    /// Points in the name that is being read: `a.b.c.d` has three.
    points: usize,
    /// Words with `#` that stand where an alias or a CTE's name stands.
    hashes: Vec<Upper>,
}

fn bare<'a>(t: &Token<'a>) -> &'a str {
    match t.kind {
        Kind::Quoted => &t.text[1..t.text.len() - 1],
        _ => t.text,
    }
}

impl<'a> Reader<'a> {
    fn new(sql: &'a str, t: &'a [Token<'a>], nesting: usize) -> Self {
        Self {
            sql,
            t,
            nesting,
            out: Vec::new(),
            keeps_state: false,
            fresh: true,
            depth: 0,
            option: None,
            raiserror: None,
            update: false,
            merge: false,
            awaits_main: false,
            points: 0,
            hashes: Vec::new(),
        }
    }

    fn read(mut self) -> Verdict {
        self.find_hash_names();
        for i in 0..self.t.len() {
            let t = &self.t[i];
            self.count_points(i);
            match t.kind {
                Kind::Symbol => self.symbol(i),
                Kind::Word => self.word(i),
                Kind::Quoted => {
                    if std::mem::take(&mut self.fresh) {
                        self.opening_name(i);
                    }
                    self.name(i);
                }
                Kind::Text | Kind::Number | Kind::Variable => {
                    if std::mem::take(&mut self.fresh) {
                        self.begin(i, Class::Unknown);
                        self.unclear(
                            i,
                            format!("{} does not begin a statement", short(t.text, 40)),
                            "Begin with SELECT, WITH, DECLARE or another statement.",
                        );
                    }
                }
            }
        }
        if self.out.is_empty() {
            let at = Problem {
                items: Vec::new(),
                counts_as: Class::Unknown,
                line: 1,
                column: 1,
                reason: "there is no statement".into(),
                advice: "Send a statement, such as SELECT 1.".into(),
            };
            self.out.push(Statement {
                class: Class::Unknown,
                base: Class::Unknown,
                line: 1,
                column: 1,
                head: String::new(),
                target: None,
                problem: Some(at),
            });
        }
        let class = self.out.iter().map(|s| s.class).max().unwrap_or(Class::Unknown);
        // What runs elsewhere, or makes objects, may leave something behind on its connection.
        let keeps_state = self.keeps_state || class >= Class::Schema;
        Verdict { class, statements: self.out, keeps_state }
    }

    // --- tokens around

    fn at(&self, i: usize) -> Option<&'a Token<'a>> {
        self.t.get(i)
    }
    fn is(&self, i: usize, word: &str) -> bool {
        self.at(i).is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Symbol) && t.text.eq_ignore_ascii_case(word))
    }
    fn before(&self, i: usize, word: &str) -> bool {
        i > 0 && self.is(i - 1, word)
    }
    fn any(&self, i: usize, list: &[&str]) -> bool {
        list.iter().any(|w| self.is(i, w))
    }
    fn upper(&self, i: usize) -> Upper {
        Upper::of(self.at(i).filter(|t| t.kind == Kind::Word).map_or("", |t| t.text))
    }

    // --- statements

    /// A statement begins here.
    fn begin(&mut self, i: usize, class: Class) {
        let t = &self.t[i];
        self.fresh = false;
        self.update = false;
        self.awaits_main = false;
        let end = self.t[i..].iter().take(6).take_while(|t| t.text != ";").last().unwrap_or(t);
        let text = &self.sql[t.at..end.at + end.text.len()];
        let text = text.char_indices().nth(120).map_or(text, |(cut, _)| &text[..cut]);
        let head = short(&text.split_whitespace().collect::<Vec<_>>().join(" "), 60);
        self.out.push(Statement {
            class,
            base: class,
            line: t.line,
            column: t.column,
            head,
            target: None,
            problem: None,
        });
    }
    /// The current statement is at least this.
    fn raise(&mut self, i: usize, class: Class) {
        if self.out.is_empty() {
            self.begin(i, class);
        }
        if let Some(s) = self.out.last_mut() {
            s.class = s.class.max(class);
            s.base = s.base.max(class);
        }
    }
    fn unclear(&mut self, i: usize, reason: String, advice: &str) {
        self.blame(i, Class::Unknown, &[], Class::Unknown, reason, advice);
    }
    fn blame(&mut self, i: usize, class: Class, items: &[String], counts_as: Class, reason: String, advice: &str) {
        self.raise(i, Class::Read);
        let (line, column) = self.at(i).map_or((1, 1), |t| (t.line, t.column));
        let Some(s) = self.out.last_mut() else { return };
        match &mut s.problem {
            // Two things that are refused need both their names.
            Some(p) if class == Class::Refused && s.class == Class::Refused => {
                p.items.extend(items.iter().filter(|i| !p.items.contains(i)).cloned().collect::<Vec<_>>());
                p.counts_as = p.counts_as.max(counts_as);
            }
            Some(_) if s.class >= class => {}
            p => {
                *p =
                    Some(Problem { items: items.to_vec(), counts_as, line, column, reason, advice: advice.to_owned() });
            }
        }
        s.class = s.class.max(class);
    }
    fn refuse(&mut self, i: usize, item: &str, counts_as: Class) {
        self.blame(
            i,
            Class::Refused,
            &[item.to_owned()],
            counts_as,
            format!("{item} is refused at every access level"),
            &format!("Leave it out. Where it is really needed, the operator can name it: access.allow = [\"{item}\"]."),
        );
    }
    fn never(&mut self, i: usize, what: &str, advice: &str) {
        self.blame(i, Class::Never, &[], Class::Never, format!("{what} is never accepted"), advice);
    }

    // --- symbols

    fn symbol(&mut self, i: usize) {
        match self.t[i].text {
            "(" => {
                self.depth += 1;
                if self.before(i, "OPTION") {
                    self.option.get_or_insert(self.depth);
                }
                if self.before(i, "RAISERROR") {
                    self.raiserror = Some(self.depth);
                }
                // `(SELECT 1) UNION (SELECT 2)`
                if self.fresh && !self.any(i + 1, &["(", "SELECT", "VALUES"]) {
                    self.begin(i, Class::Unknown);
                    self.unclear(i, "a statement begins with (".into(), "Only a SELECT can stand in parentheses.");
                }
            }
            ")" => {
                if self.raiserror.take_if(|d| *d == self.depth).is_some() && self.is(i + 1, "WITH") {
                    let log = (i + 2..self.t.len().min(i + 2 + AHEAD))
                        .take_while(|j| self.at(*j).is_some_and(|t| t.kind == Kind::Word || t.text == ","))
                        .find(|j| self.is(*j, "LOG"));
                    if let Some(j) = log {
                        self.refuse(j, "RAISERROR WITH LOG", Class::Execute);
                    }
                }
                if self.option == Some(self.depth) {
                    self.option = None;
                }
                self.depth = self.depth.saturating_sub(1);
            }
            ";" => {
                self.fresh = true;
                self.update = false;
                self.awaits_main = false;
            }
            // ODBC's literal and function escapes, which SQL Server reads itself.
            "{" if !self.any(i + 1, &["d", "t", "ts", "fn", "guid", "oj"]) => {
                self.unclear(i, "{ begins something that is no ODBC literal".into(), "Leave the braces out.");
            }
            "." | "," | "*" if self.fresh => {
                self.begin(i, Class::Unknown);
                self.unclear(
                    i,
                    format!("{} does not begin a statement", self.t[i].text),
                    "Begin with SELECT, WITH, DECLARE or another statement.",
                );
            }
            _ => {}
        }
    }

    /// A name of four parts is on a linked server.
    fn count_points(&mut self, i: usize) {
        let t = &self.t[i];
        let after_point = self.before(i, ".");
        if t.text == "." {
            self.points += 1;
            if self.points == 3 {
                self.refuse(i, "linked server", Class::Execute);
            }
        } else if !after_point {
            self.points = 0;
        }
    }

    // --- names

    /// A name, quoted or not, that is refused wherever it stands.
    fn name(&mut self, i: usize) {
        let name = bare(&self.t[i]);
        if let Some(counts_as) = words::refused_name(name) {
            self.refuse(i, &name.to_ascii_lowercase(), counts_as);
        }
    }

    /// The first word of a statement is a name: a procedure's, if it is also the first of the batch.
    fn opening_name(&mut self, i: usize) {
        if self.t[i].kind == Kind::Word && self.is(i + 1, ":") && !self.is(i + 2, ":") {
            // A label.
            self.begin(i, Class::Session);
            self.fresh = true;
        } else if i == 0 {
            self.begin(i, Class::Read);
            self.procedure(i);
        } else {
            self.begin(i, Class::Unknown);
            self.unclear(
                i,
                format!("{} does not begin a statement", short(self.t[i].text, 40)),
                "Write EXEC before the name of a procedure.",
            );
        }
    }

    /// A call, its name beginning here.
    fn procedure(&mut self, i: usize) {
        let mut last = i;
        while self.is(last + 1, ".") {
            let mut next = last + 2;
            while self.is(next, ".") {
                next += 1;
            }
            if !self.at(next).is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted)) {
                break;
            }
            last = next;
        }
        let word = Upper::of(bare(&self.t[last]));
        let schema = match last - i {
            0 => true,
            2 => ["SYS", "DBO"].contains(&Upper::of(bare(&self.t[i])).as_str()),
            _ => false,
        };
        let name = word.as_str();
        if name.starts_with("XP_") || name.starts_with("SP_CURSOR") || words::has(words::PROCEDURES, word.as_str()) {
            let item = name.to_ascii_lowercase();
            self.refuse(last, &item, Class::Execute);
        } else if name == "SP_EXECUTESQL" {
            self.raise(i, Class::Execute);
            // Its text is the first argument, or the one called @stmt or @statement.
            let named = self.at(last + 1).is_some_and(|t| t.kind == Kind::Variable) && self.is(last + 2, "=");
            self.dynamic(if named { last + 3 } else { last + 1 });
        } else if name == "SP_SPACEUSED" && schema {
            // Its second argument makes it correct the catalog.
            let one = !(last..self.t.len().min(last + 4)).any(|j| self.is(j, ","));
            self.raise(i, if one { Class::Read } else { Class::Execute });
        } else if !(schema && words::has(words::CATALOG_PROCEDURES, word.as_str())) {
            self.raise(i, Class::Execute);
        }
    }

    /// Dynamic SQL whose text is a literal, or literals joined by +, is judged too.
    fn dynamic(&mut self, from: usize) {
        let mut text = String::new();
        let mut i = from;
        while let Some(t) = self.at(i).filter(|t| t.kind == Kind::Text) {
            let body = t.text.trim_start_matches(['N', 'n']);
            text += &body[1..body.len() - 1].replace("''", "'");
            if !self.is(i + 1, "+") {
                i += 1;
                break;
            }
            i += 2;
        }
        // A variable in the text hides the rest of it.
        let whole = i > from && !self.before(i, "+");
        if !whole {
            return;
        }
        if self.nesting >= NESTING {
            self.unclear(from, "dynamic SQL is nested too deeply".into(), "Send the inner text itself.");
            return;
        }
        let inner = Verdict::nested(&text, self.nesting + 1);
        self.raise(from, inner.class.min(Class::Execute));
        if let Some(p) = inner.statements.iter().filter(|s| s.class >= Class::Refused).max_by_key(|s| s.class)
            && let Some(q) = &p.problem
        {
            let reason = format!("in dynamic SQL: {}", q.reason);
            self.blame(from, p.class, &q.items, q.counts_as, reason, &q.advice);
        }
    }

    // --- words

    fn word(&mut self, i: usize) {
        let text = self.t[i].text;
        let Some(rule) = words::reserved(text) else {
            return self.free_word(i);
        };
        let fresh = std::mem::take(&mut self.fresh);
        match rule {
            Rule::Plain => {
                // A trigger on the whole server.
                if self.is(i, "ALL") && self.before(i, "ON") && self.is(i + 1, "SERVER") {
                    self.refuse(i, "ALL SERVER", Class::Schema);
                }
                self.awaits_main &= self.depth > 0 || !self.is(i, "VALUES");
                // SAVE, COMMIT and so on have rules; what else opens a statement is none.
                if fresh {
                    let harmless = self.any(i, &["FETCH", "ELSE", "VALUES", "LINENO"]);
                    self.begin(i, if harmless { Class::Session } else { Class::Unknown });
                    if !harmless {
                        self.unclear(
                            i,
                            format!("{} does not begin a statement", text.to_ascii_uppercase()),
                            "Begin with SELECT, WITH, DECLARE or another statement.",
                        );
                    }
                }
            }
            Rule::Control => self.starts(i, fresh, Class::Session),
            Rule::Write => self.starts(i, fresh, Class::Write),
            Rule::Schema => self.raise(i, Class::Schema),
            Rule::Refused(counts_as) => {
                self.starts(i, fresh, Class::Read);
                self.refuse(i, &text.to_ascii_uppercase(), counts_as);
            }
            Rule::Never => {
                self.starts(i, fresh, Class::Read);
                self.never(i, &text.to_ascii_uppercase(), "The server opens, commits and rolls back the transaction itself: a batch that succeeds is committed, one that fails is rolled back.");
            }
            Rule::Own(own) => self.own(i, own, fresh),
        }
    }

    /// A statement's first word; inside parentheses it belongs to the statement around it.
    fn starts(&mut self, i: usize, fresh: bool, class: Class) {
        if fresh || self.depth == 0 || self.out.is_empty() {
            self.begin(i, class);
        } else {
            self.raise(i, class);
        }
    }

    /// A word that is not reserved: a name, but for a few that begin statements.
    fn free_word(&mut self, i: usize) {
        let fresh = std::mem::take(&mut self.fresh);
        let t = &self.t[i];
        match words::starter(t.text) {
            None => {}
            Some(Starter::Go) if self.alone_on_its_line(i) => {
                self.begin(i, Class::Read);
                return self.never(i, "GO", "Send one batch per call; GO is a command of sqlcmd, not of SQL Server.");
            }
            Some(Starter::Throw) if fresh => return self.begin(i, Class::Session),
            Some(Starter::Next) if self.is(i + 1, "VALUE") => self.raise(i, Class::Write),
            Some(Starter::Able) if fresh && self.is(i + 1, "TRIGGER") => return self.begin(i, Class::Schema),
            Some(Starter::Send) if self.is(i + 1, "ON") && self.is(i + 2, "CONVERSATION") => {
                return self.broker(i, fresh, "SEND");
            }
            Some(Starter::Get) if self.is(i + 1, "CONVERSATION") => return self.broker(i, fresh, "CONVERSATION"),
            Some(Starter::Receive) if fresh || self.receives(i) => return self.broker(i, fresh, "RECEIVE"),
            Some(_) => {}
        }
        if fresh {
            self.opening_name(i);
        }
        self.name(i);
        if t.text.starts_with('#') && self.hashes.binary_search(&Upper::of(t.text)).is_ok() {
            self.raise(i, Class::Write);
        }
    }

    fn broker(&mut self, i: usize, fresh: bool, item: &str) {
        self.starts(i, fresh, Class::Read);
        self.refuse(i, item, Class::Execute);
    }

    /// RECEIVE as a column's name is followed by a comma, an operator or a clause; as a statement by what it receives.
    fn receives(&self, i: usize) -> bool {
        if self.before(i, ".") || self.before(i, "AS") {
            return false;
        }
        let Some(n) = self.at(i + 1) else { return false };
        match n.kind {
            Kind::Symbol => matches!(n.text, "*" | "("),
            Kind::Word => words::reserved(n.text).is_none() || self.is(i + 1, "TOP"),
            Kind::Quoted | Kind::Variable => true,
            _ => false,
        }
    }

    fn alone_on_its_line(&self, i: usize) -> bool {
        let t = &self.t[i];
        let first = i == 0 || self.t[i - 1].line < t.line;
        let last = match self.at(i + 1) {
            None => true,
            Some(n) if n.line > t.line => true,
            Some(n) => n.kind == Kind::Number && self.at(i + 2).is_none_or(|m| m.line > t.line),
        };
        first && last
    }

    fn own(&mut self, i: usize, own: Own, fresh: bool) {
        match own {
            Own::Select => {
                let continues = self.awaits_main
                    || self.depth > 0
                    || i > 0 && (self.any(i - 1, &["UNION", "ALL", "EXCEPT", "INTERSECT", "AS", "FOR", "("]));
                if fresh || !continues || self.out.is_empty() {
                    self.begin(i, Class::Read);
                }
                self.awaits_main &= self.depth > 0;
            }
            Own::With => {
                if fresh {
                    self.begin(i, Class::Read);
                    self.awaits_main = true;
                }
            }
            Own::Option => {}
            Own::Declare => self.starts(i, fresh, Class::Session),
            Own::Cursor => {
                // A cursor may be global, and then it stays open on the connection.
                self.keeps_state = true;
                self.raise(i, Class::Session);
            }
            Own::Insert | Own::Update | Own::Delete | Own::Merge | Own::Truncate => self.change(i, own, fresh),
            Own::Into => {
                let class = if self.session_target(i + 1) { Class::Session } else { Class::Write };
                self.raise(i, class);
            }
            Own::Set => self.set(i, fresh),
            Own::Create | Own::Alter | Own::Drop => self.define(i, own, fresh),
            Own::Exec => self.exec(i, fresh),
            Own::Use => {
                if self.option.is_some() && self.any(i + 1, &["HINT", "PLAN"]) {
                    return;
                }
                self.starts(i, fresh, Class::Read);
                self.never(i, "USE", "Name the database in the query (database.schema.table), or ask the operator for a connection to it.");
            }
            Own::Begin => {
                if self.any(i + 1, &["TRAN", "TRANSACTION", "DISTRIBUTED"]) {
                    self.starts(i, fresh, Class::Read);
                    return self.never(i, "BEGIN TRANSACTION", "Every call is one transaction already: it is committed when all succeeds and rolled back on any error.");
                }
                if self.any(i + 1, &["DIALOG", "CONVERSATION"]) {
                    return self.broker(i, fresh, "CONVERSATION");
                }
                self.starts(i, fresh, Class::Session);
                // BEGIN TRY and BEGIN CATCH: the word behind is no name.
                self.fresh = !self.any(i + 1, &["TRY", "CATCH", "ATOMIC"]);
            }
            Own::End => {
                if self.is(i + 1, "CONVERSATION") && self.at(i + 2).is_some_and(|t| t.kind == Kind::Variable) {
                    self.broker(i, fresh, "CONVERSATION");
                } else {
                    // Of a block, a TRY or a CASE.
                    self.raise(i, Class::Read);
                }
            }
            Own::Open | Own::Close => {
                self.starts(i, fresh, Class::Session);
                if self.any(i + 1, &["SYMMETRIC", "MASTER", "ALL"]) {
                    self.refuse(i, "SYMMETRIC KEY", Class::Execute);
                }
            }
            Own::Raiserror => self.starts(i, fresh, Class::Session),
            Own::Add => {
                if self.any(i + 1, &["SIGNATURE", "COUNTER", "SENSITIVITY"]) {
                    self.starts(i, fresh, Class::Read);
                    self.refuse(i, "ADD SIGNATURE", Class::Schema);
                } else if fresh {
                    self.begin(i, Class::Unknown);
                    self.unclear(i, "ADD does not begin a statement".into(), "Write ALTER TABLE … ADD.");
                }
            }
        }
    }

    /// INSERT, UPDATE, DELETE, MERGE and TRUNCATE.
    fn change(&mut self, i: usize, own: Own, fresh: bool) {
        // Join and query hints.
        if own == Own::Merge && self.any(i + 1, &["JOIN", "UNION"]) {
            return;
        }
        if own == Own::Update && self.is(i + 1, "STATISTICS") {
            return self.starts(i, fresh, Class::Schema);
        }
        // ON DELETE CASCADE and its kind; only a table's definition has them.
        if self.before(i, "ON") && self.any(i + 1, &["CASCADE", "NO", "SET"]) {
            self.update = self.is(i + 1, "SET");
            return self.raise(i, Class::Read);
        }
        // An action of MERGE, which has no target of its own.
        let action = match own {
            Own::Update => self.is(i + 1, "SET"),
            Own::Insert => self.any(i + 1, &["(", "VALUES", "DEFAULT"]),
            Own::Delete => self.at(i + 1).is_none() || self.any(i + 1, &[";", ")", "WHEN", "OUTPUT", "OPTION"]),
            _ => false,
        };
        if self.merge && action && self.before(i, "THEN") {
            self.update = own == Own::Update;
            return;
        }
        let continues = self.awaits_main || self.depth > 0;
        if fresh || !continues || self.out.is_empty() {
            self.begin(i, Class::Read);
        }
        self.awaits_main = own == Own::Insert;
        self.update = own == Own::Update;
        self.merge |= own == Own::Merge;
        let at = self.target_at(i + 1, own);
        let session = at.is_some_and(|at| self.session_target(at));
        self.raise(i, if session { Class::Session } else { Class::Write });
        if let (false, Some(at)) = (session, at)
            && let Some(name) = self.name_text(at)
            && let Some(s) = self.out.last_mut()
        {
            s.head = format!("{} {name}", self.t[i].text.to_ascii_uppercase());
            s.target.get_or_insert(Target { name });
        }
    }

    /// Where the name stands that a change is about; none when it is too far to look.
    fn target_at(&self, mut i: usize, own: Own) -> Option<usize> {
        if self.is(i, "TOP") {
            i += 1;
            if self.is(i, "(") {
                let mut depth = 0;
                let end = self.t.len().min(i + AHEAD);
                loop {
                    if i >= end {
                        return None;
                    }
                    depth += i32::from(self.is(i, "(")) - i32::from(self.is(i, ")"));
                    i += 1;
                    if depth == 0 {
                        break;
                    }
                }
            } else {
                i += 1;
            }
            i += usize::from(self.is(i, "PERCENT"));
        }
        let skip = match own {
            Own::Insert | Own::Merge => "INTO",
            Own::Delete => "FROM",
            Own::Truncate => "TABLE",
            _ => "",
        };
        Some(i + usize::from(!skip.is_empty() && self.is(i, skip)))
    }

    /// `@t`, or `#t` that is no alias; one part, so that it is in nobody else's schema.
    fn session_target(&self, i: usize) -> bool {
        let Some(t) = self.at(i) else { return false };
        if self.is(i + 1, ".") {
            return false;
        }
        match t.kind {
            Kind::Variable => !t.text.starts_with("@@"),
            Kind::Word | Kind::Quoted => {
                let name = bare(t);
                name.starts_with('#')
                    && !name.starts_with("##")
                    && name.len() <= 40
                    && self.hashes.binary_search(&Upper::of(name)).is_err()
            }
            _ => false,
        }
    }

    /// `UPDATE #a … FROM orders AS #a` and `WITH #a AS (…) DELETE #a` write to something else than `#a`: a `#name` that stands
    /// where an alias or the name of a CTE stands is found before anything is judged.
    fn find_hash_names(&mut self) {
        const BEFORE_TABLE: [&str; 16] = [
            "FROM",
            "JOIN",
            "INTO",
            "UPDATE",
            "TABLE",
            "DELETE",
            "INSERT",
            "MERGE",
            "USING",
            "APPLY",
            "ON",
            "EXISTS",
            "STATISTICS",
            "IN",
            "SELECT",
            "EXEC",
        ];
        for i in 0..self.t.len() {
            let t = &self.t[i];
            if !matches!(t.kind, Kind::Word | Kind::Quoted) || !bare(t).starts_with('#') || self.is(i + 1, ".") {
                continue;
            }
            let cte = self.is(i + 1, "AS") && self.is(i + 2, "(") || self.before(i, ",") && self.is(i + 1, "(");
            let place = i > 0
                && (self.any(i - 1, &BEFORE_TABLE)
                    || matches!(
                        self.t[i - 1].text,
                        "," | "(" | ";" | "." | "=" | "<" | ">" | "+" | "-" | "*" | "/" | "%"
                    )
                    || self.any(
                        i - 1,
                        &[
                            "AND", "OR", "NOT", "WHERE", "BY", "WHEN", "THEN", "ELSE", "CASE", "LIKE", "BETWEEN",
                            "DISTINCT", "HAVING", "INDEX",
                        ],
                    ));
            // `TOP (1) #t`
            let top = i > 0 && self.t[i - 1].text == ")" && self.is(i + 1, "SET");
            if cte || !(place || top || i == 0) {
                self.hashes.push(Upper::of(bare(t)));
            }
        }
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }

    /// A name of up to three parts, as it stands.
    fn name_text(&self, i: usize) -> Option<String> {
        let named = |i: usize| {
            self.at(i).filter(|t| t.kind == Kind::Quoted || t.kind == Kind::Word && words::reserved(t.text).is_none())
        };
        let mut name = named(i)?.text.to_owned();
        let mut i = i;
        while self.is(i + 1, ".") && name.len() < 400 {
            let Some(next) = named(i + 2) else { break };
            name = format!("{name}.{}", next.text);
            i += 2;
        }
        Some(name)
    }

    fn set(&mut self, i: usize, fresh: bool) {
        // The clause of UPDATE, or of a foreign key's action, or a table's (SET (…)).
        if std::mem::take(&mut self.update) || self.any(i + 1, &["NULL", "DEFAULT", "("]) {
            return;
        }
        self.starts(i, fresh, Class::Session);
        let mut j = i + 1;
        loop {
            let Some(t) = self.at(j) else { return };
            if t.kind == Kind::Variable {
                return;
            }
            let option = self.upper(j);
            match option.as_str() {
                "STATISTICS" => {
                    // SET STATISTICS IO, TIME ON
                    j += 1;
                    if !self.any(j, &["IO", "TIME"]) {
                        return self.refuse(i, "SET STATISTICS", Class::Session);
                    }
                    while self.is(j + 1, ",") && self.any(j + 2, &["IO", "TIME"]) {
                        j += 2;
                    }
                }
                "TRANSACTION" if self.is(j + 1, "ISOLATION") && self.is(j + 2, "LEVEL") => return,
                "QUOTED_IDENTIFIER" | "ANSI_NULLS" | "ANSI_DEFAULTS" => {
                    let value = (j + 1..self.t.len().min(j + 20)).find(|k| self.any(*k, &["ON", "OFF"]));
                    if !value.is_some_and(|k| self.is(k, "ON")) || option.as_str() == "ANSI_DEFAULTS" {
                        let item = format!("SET {}", option.as_str());
                        return self.refuse(i, &item, Class::Session);
                    }
                }
                "IMPLICIT_TRANSACTIONS" | "XACT_ABORT" => {
                    let what = format!("SET {}", option.as_str());
                    return self.never(i, &what, "The server keeps the transaction itself.");
                }
                "IDENTITY_INSERT" => {
                    self.keeps_state = true;
                    return self.raise(i, Class::Write);
                }
                _ if words::has(words::SET_OPTIONS, option.as_str()) => {}
                other => {
                    let item = format!("SET {}", if other.is_empty() { "?" } else { other });
                    return self.refuse(i, &item, Class::Session);
                }
            }
            if !self.is(j + 1, ",") {
                return;
            }
            j += 2;
        }
    }

    fn define(&mut self, i: usize, own: Own, fresh: bool) {
        self.starts(i, fresh, Class::Read);
        let mut j = i + 1;
        while j < i + 8
            && self.any(
                j,
                &[
                    "OR",
                    "ALTER",
                    "UNIQUE",
                    "CLUSTERED",
                    "NONCLUSTERED",
                    "COLUMNSTORE",
                    "PRIMARY",
                    "SPATIAL",
                    "SELECTIVE",
                ],
            )
        {
            j += 1;
        }
        let object = self.upper(j);
        let session = match (own, object.as_str()) {
            (Own::Create, "TABLE") => self.session_target(j + 1),
            (Own::Create | Own::Drop, "INDEX") => self.is(j + 2, "ON") && self.session_target(j + 3),
            (Own::Drop, "TABLE") => {
                let mut k = j + 1;
                if self.is(k, "IF") && self.is(k + 1, "EXISTS") {
                    k += 2;
                }
                loop {
                    if !self.session_target(k) {
                        break false;
                    }
                    if !self.is(k + 1, ",") {
                        break true;
                    }
                    k += 2;
                }
            }
            _ => false,
        };
        if session {
            self.raise(i, Class::Session);
        } else if words::has(words::SCHEMA_OBJECTS, object.as_str()) {
            self.raise(i, Class::Schema);
        } else {
            let verb = self.t[i].text.to_ascii_uppercase();
            let what = if object.as_str().is_empty() { "?" } else { object.as_str() };
            let item = format!("{verb} {what}");
            self.refuse(i, &item, Class::Schema);
        }
    }

    fn exec(&mut self, i: usize, fresh: bool) {
        // The source of an INSERT, and CREATE PROCEDURE … WITH EXECUTE AS.
        if fresh || !(self.awaits_main || self.depth > 0) || self.out.is_empty() {
            self.begin(i, Class::Read);
        }
        self.awaits_main = false;
        if self.is(i + 1, "AS") {
            return self.refuse(i, "EXECUTE AS", Class::Execute);
        }
        if self.is(i + 1, "(") {
            self.raise(i, Class::Execute);
            self.dynamic(i + 2);
            // Behind the parenthesis: on another server, or as somebody else.
            for j in i + 2..self.t.len().min(i + 2 + AHEAD) {
                if !self.before(j, ")") {
                    continue;
                }
                if self.is(j, "AT") {
                    self.refuse(j, "linked server", Class::Execute);
                } else if self.is(j, "AS") && self.any(j + 1, &["USER", "LOGIN"]) {
                    self.refuse(j, "EXECUTE AS", Class::Execute);
                }
            }
            return;
        }
        let mut j = i + 1;
        if self.at(j).is_some_and(|t| t.kind == Kind::Variable) && self.is(j + 1, "=") {
            j += 2;
        }
        match self.at(j) {
            Some(t) if t.kind == Kind::Quoted || t.kind == Kind::Word => self.procedure(j),
            // A procedure whose name is in a variable, or something else that we cannot see into.
            _ => self.raise(i, Class::Execute),
        }
    }
}

fn short(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_some() {
        text.chars().take(most - 1).chain(['…']).collect()
    } else {
        text.to_owned()
    }
}

/// The table that an alias stands for: `UPDATE o … FROM sales.Orders AS o` is about `sales.Orders`.
pub fn unalias(sql: &str, alias: &str) -> Option<String> {
    let list = tokens(sql).ok()?;
    let reader = Reader::new(sql, &list, 0);
    for (i, t) in list.iter().enumerate().filter(|(i, t)| *i > 0 && t.text.eq_ignore_ascii_case(alias)) {
        let mut last = i - 1;
        if reader.is(last, "AS") && last > 0 {
            last -= 1;
        }
        let mut first = last;
        while first > 1 && reader.is(first - 1, ".") {
            first -= 2;
        }
        let Some(name) = reader.name_text(first) else { continue };
        let introduced = first > 0 && reader.any(first - 1, &["FROM", "JOIN", ",", "USING", "INTO", "UPDATE", "MERGE"]);
        if introduced && !name.eq_ignore_ascii_case(t.text) {
            return Some(name);
        }
    }
    None
}
