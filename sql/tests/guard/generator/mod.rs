//! A generator of T-SQL batches whose class is known.
//!
//! The grammar is a data file (`tsql.grammar`) that follows Microsoft's reference pages, not
//! the guard: a fault of the guard's own grammar is then not repeated here. This file knows nothing
//! of T-SQL but how its tokens may touch and where a semicolon is needed.
//!
//! `Generator::new(seed).batch()` gives one batch, the same for the same seed and call.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

/// The classes, weakest first; a batch has the strongest of its statements.
pub const CLASSES: [&str; 7] =
    ["read", "session", "write", "schema", "execute", "refused", "never"];
const SESSION: u8 = 1;
const WRITE: u8 = 2;
const NEVER: u8 = 6;
/// A batch longer than this is thrown away and another one drawn.
const MAX_BYTES: usize = 3000;
/// A derivation deeper than this takes the shortest way out.
const MAX_DEPTH: u32 = 26;
const FAR: u32 = 1_000_000;

/// One batch and what is known of it.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The batch as it would be sent.
    pub text: String,
    /// The strongest class of its statements.
    pub class: &'static str,
}

// ---------------------------------------------------------------------------------------------
// The data file
// ---------------------------------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// Text that stands as written.
    Text(String),
    /// A keyword, whose case may vary.
    Word(String),
    Rule(usize),
    /// Derive a rule and keep its tokens under a name.
    Bind(String, usize),
    /// The kept tokens again; `true`: a plain name may come back in brackets.
    Again(String, bool),
    /// An optional part, taken so often in a hundred.
    Maybe(u32, usize),
    /// At most so many of a group, with or without commas.
    Repeat(usize, u32, bool),
    /// The statement's class is at least this.
    Raise(u8),
    /// Counts only as a statement's first thing: the statement before must be closed by `;`.
    Before,
    /// Counts only as a statement's last thing: the statement must be closed by `;`.
    After,
    /// The next token touches the one before.
    Glue,
    /// Only inside a loop.
    InLoop,
    /// A number never drawn before in this batch.
    Serial,
    /// One statement where only one may stand (after IF, ELSE, WHILE or a label).
    One,
    /// One to three statements, in a block.
    List,
}

#[derive(Debug, Default, Clone)]
struct Alternative {
    weight: u32,
    nodes: Vec<Node>,
    /// The weakest class a derivation of it can have.
    class: u8,
    /// How many rules deep its shortest derivation goes.
    depth: u32,
    in_loop: bool,
    id: usize,
}

#[derive(Debug, Default, Clone)]
struct Rule {
    name: String,
    alternatives: Vec<Alternative>,
    class: u8,
    /// The weakest class and the shortest depth over its alternatives.
    least_class: u8,
    depth: u32,
    /// A name that must not be drawn twice in one statement.
    distinct: bool,
    /// Nothing inside may be stronger than a write (the body of a module, which does not run now).
    quiet: bool,
    /// BREAK and CONTINUE may stand inside.
    is_loop: bool,
    /// A group within another rule.
    anonymous: bool,
}

#[derive(Debug, Default)]
struct Grammar {
    rules: Vec<Rule>,
    names: HashMap<String, usize>,
    /// What each alternative is called in the report of coverage.
    labels: Vec<String>,
}

fn grammar() -> &'static Grammar {
    static ONE: OnceLock<Grammar> = OnceLock::new();
    ONE.get_or_init(|| Grammar::parse(include_str!("tsql.grammar")))
}

fn class_of(name: &str) -> Option<u8> {
    CLASSES.iter().position(|c| *c == name).map(|at| at as u8)
}

impl Grammar {
    fn parse(source: &str) -> Self {
        let mut grammar = Grammar::default();
        // (header, body, line), so that a rule may be used before it is written.
        let mut raw: Vec<(String, String, usize)> = Vec::new();
        for (number, line) in source.lines().enumerate() {
            // Remarks, and the titles of the pages: for whoever reads the file.
            if line.trim_start().starts_with('#')
                || line.starts_with("== ")
                || line.trim().is_empty()
            {
                continue;
            }
            if line.starts_with('<') && line.contains("::=") {
                let (head, body) = line.split_once("::=").expect("just seen");
                raw.push((head.trim().to_owned(), format!("{body}\n"), number + 1));
            } else {
                let last = raw
                    .last_mut()
                    .unwrap_or_else(|| panic!("line {}: text before any rule", number + 1));
                last.1.push_str(line);
                last.1.push('\n');
            }
        }
        for (head, _, number) in &raw {
            let mut words = head.split_whitespace();
            let name =
                words.next().expect("a name").trim_matches(|c| c == '<' || c == '>').to_owned();
            let mut rule = Rule { name: name.clone(), ..Rule::default() };
            for word in words {
                match word {
                    "distinct" => rule.distinct = true,
                    "quiet" => rule.quiet = true,
                    "loop" => rule.is_loop = true,
                    other => {
                        rule.class = class_of(other)
                            .unwrap_or_else(|| panic!("line {number}: what is {other}?"))
                    }
                }
            }
            let at = grammar.rules.len();
            assert!(
                grammar.names.insert(name, at).is_none(),
                "line {number}: {head} is written twice"
            );
            grammar.rules.push(rule);
        }
        for (at, (head, body, number)) in raw.iter().enumerate() {
            let mut reader = Reader {
                text: body.chars().collect(),
                at: 0,
                place: format!("line {number}, {head}"),
            };
            let name = grammar.rules[at].name.clone();
            let alternatives = reader.alternatives(&mut grammar, &name, None);
            grammar.rules[at].alternatives = alternatives;
        }
        grammar.settle();
        let mut reached = HashSet::new();
        let mut open: Vec<usize> = ["statement", "solo_batch", "first_statement"]
            .iter()
            .map(|n| grammar.names[*n])
            .collect();
        while let Some(rule) = open.pop() {
            if reached.insert(rule) {
                for node in grammar.rules[rule].alternatives.iter().flat_map(|a| &a.nodes) {
                    if let Node::Rule(r)
                    | Node::Bind(_, r)
                    | Node::Maybe(_, r)
                    | Node::Repeat(r, ..) = node
                    {
                        open.push(*r);
                    }
                }
            }
        }
        for (at, rule) in grammar.rules.iter().enumerate() {
            assert!(reached.contains(&at), "<{}> is never used", rule.name);
            assert!(rule.depth < FAR, "<{}> never ends", rule.name);
        }
        grammar
    }

    /// The least class and depth of every rule, to a fixed point.
    fn settle(&mut self) {
        let statement = self.names["statement"];
        for rule in &mut self.rules {
            (rule.least_class, rule.depth) = (NEVER, FAR);
        }
        loop {
            let mut changed = false;
            for at in 0..self.rules.len() {
                let (mut class, mut depth) = (NEVER, FAR);
                for a in 0..self.rules[at].alternatives.len() {
                    let alternative = &self.rules[at].alternatives[a];
                    let (mut c, mut d, mut in_loop) = (0, 0, false);
                    for node in &alternative.nodes {
                        let inner = match node {
                            Node::Rule(r) | Node::Bind(_, r) | Node::Repeat(r, ..) => *r,
                            Node::One | Node::List => statement,
                            Node::Raise(to) => {
                                c = c.max(*to);
                                continue;
                            }
                            Node::InLoop => {
                                in_loop = true;
                                continue;
                            }
                            _ => continue,
                        };
                        c = c.max(self.rules[inner].least_class);
                        d = d.max(self.rules[inner].depth);
                    }
                    let d = (d + 1).min(FAR);
                    let alternative = &mut self.rules[at].alternatives[a];
                    changed |= (alternative.class, alternative.depth) != (c, d);
                    (alternative.class, alternative.depth, alternative.in_loop) = (c, d, in_loop);
                    class = class.min(c);
                    // What only a loop may hold is no way out of a derivation that stands outside.
                    depth = depth.min(if in_loop { FAR } else { d });
                }
                let rule = &mut self.rules[at];
                (rule.least_class, rule.depth) = (class.max(rule.class), depth);
            }
            if !changed {
                return;
            }
        }
    }
}

struct Reader {
    text: Vec<char>,
    at: usize,
    place: String,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, good: impl Fn(char) -> bool) -> String {
        let from = self.at;
        while self.peek().is_some_and(&good) {
            self.at += 1;
        }
        self.text[from..self.at].iter().collect()
    }

    fn number_then(&mut self, mark: char) -> Option<u32> {
        self.blanks();
        let from = self.at;
        let digits = self.take(|c| c.is_ascii_digit());
        if !digits.is_empty() && self.peek() == Some(mark) {
            self.at += 1;
            return digits.parse().ok();
        }
        self.at = from;
        None
    }

    fn alternatives(
        &mut self,
        grammar: &mut Grammar,
        name: &str,
        until: Option<char>,
    ) -> Vec<Alternative> {
        let mut all = Vec::new();
        loop {
            let weight = self.number_then(':').unwrap_or(1);
            let from = self.at;
            let mut nodes = Vec::new();
            let end = loop {
                self.blanks();
                match self.peek() {
                    None => break None,
                    Some(c @ ('|' | ']' | '}')) => {
                        self.at += 1;
                        break Some(c);
                    }
                    Some(_) => self.node(grammar, name, &mut nodes),
                }
            };
            assert!(!nodes.is_empty(), "{}: an empty alternative", self.place);
            let written: String = self.text[from..self.at].iter().collect();
            let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
            let id = grammar.labels.len();
            grammar
                .labels
                .push(format!("<{name}> {}", written.trim_end_matches(['|', ']', '}']).trim()));
            all.push(Alternative { weight, nodes, id, ..Alternative::default() });
            if end == Some('|') {
                continue;
            }
            assert_eq!(end, until, "{}: unbalanced", self.place);
            return all;
        }
    }

    fn group(&mut self, grammar: &mut Grammar, name: &str, until: char) -> usize {
        let at = grammar.rules.len();
        grammar.rules.push(Rule { name: name.to_owned(), anonymous: true, ..Rule::default() });
        let alternatives = self.alternatives(grammar, name, Some(until));
        grammar.rules[at].alternatives = alternatives;
        at
    }

    fn reference(&mut self, grammar: &Grammar) -> Node {
        self.at += 1;
        let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        assert_eq!(self.peek(), Some('>'), "{}: <{name} is not closed", self.place);
        self.at += 1;
        match name.as_str() {
            "one_statement" => Node::One,
            "statement_list" => Node::List,
            "serial" => Node::Serial,
            _ => Node::Rule(
                *grammar.names.get(&name).unwrap_or_else(|| panic!("{}: no <{name}>", self.place)),
            ),
        }
    }

    fn node(&mut self, grammar: &mut Grammar, name: &str, nodes: &mut Vec<Node>) {
        let c = self.peek().expect("not at the end");
        match c {
            '<' => nodes.push(self.reference(grammar)),
            '[' => {
                self.at += 1;
                let often = self.number_then('%').unwrap_or(40);
                let inner = self.group(grammar, name, ']');
                nodes.push(Node::Maybe(often, inner));
            }
            '{' => {
                self.at += 1;
                let inner = self.group(grammar, name, '}');
                let mut commas = false;
                let rest: String =
                    self.text[self.at..(self.at + 6).min(self.text.len())].iter().collect();
                if rest.trim_start().starts_with(",...") {
                    commas = true;
                    self.blanks();
                    self.at += 4;
                } else if rest.trim_start().starts_with("...") {
                    self.blanks();
                    self.at += 3;
                } else {
                    nodes.push(Node::Rule(inner));
                    return;
                }
                let most = self.take(|c| c.is_ascii_digit()).parse().unwrap_or(3);
                nodes.push(Node::Repeat(inner, most, commas));
            }
            '$' => {
                self.at += 1;
                let kept = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
                match self.peek() {
                    Some('=') => {
                        self.at += 1;
                        let Node::Rule(rule) = self.reference(grammar) else {
                            panic!("{}: ${kept}", self.place)
                        };
                        nodes.push(Node::Bind(kept, rule));
                    }
                    Some('?') => {
                        self.at += 1;
                        nodes.push(Node::Again(kept, true));
                    }
                    _ => nodes.push(Node::Again(kept, false)),
                }
            }
            '!' => {
                self.at += 1;
                let class = self.take(|c| c.is_ascii_lowercase());
                nodes.push(Node::Raise(
                    class_of(&class).unwrap_or_else(|| panic!("{}: !{class}", self.place)),
                ));
            }
            '%' => {
                self.at += 1;
                nodes.push(match self.take(|c| c.is_ascii_lowercase()).as_str() {
                    "before" => Node::Before,
                    "after" => Node::After,
                    "loop" => Node::InLoop,
                    other => panic!("{}: what is %{other}?", self.place),
                });
            }
            '\\' => {
                self.at += 1;
                nodes.push(Node::Glue);
            }
            '`' => {
                self.at += 1;
                nodes.push(Node::Text(self.take(|c| c != '`')));
                self.at += 1;
            }
            '\'' => nodes.push(Node::Text(self.string())),
            _ if c.is_alphanumeric() || c == '_' || c == '@' || c == '#' => {
                let mut word =
                    self.take(|c| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$'));
                if c.is_ascii_digit()
                    && self.peek() == Some('.')
                    && self.text[self.at + 1].is_ascii_digit()
                {
                    self.at += 1;
                    word = format!("{word}.{}", self.take(|c| c.is_ascii_digit()));
                }
                if word == "N" && self.peek() == Some('\'') {
                    let rest = self.string();
                    nodes.push(Node::Text(format!("N{rest}")));
                } else if word.chars().any(|c| c.is_lowercase() || !c.is_ascii())
                    || word.starts_with(|c: char| c.is_ascii_digit())
                {
                    nodes.push(Node::Text(word));
                } else {
                    nodes.push(Node::Word(word));
                }
            }
            '(' | ')' | ',' | '.' | '=' | ';' | '*' | '+' | '-' | '/' | ':' => {
                self.at += 1;
                nodes.push(Node::Text(c.to_string()));
            }
            _ => panic!("{}: what is {c}?", self.place),
        }
    }

    /// A T-SQL string constant, quotes and all.
    fn string(&mut self) -> String {
        let from = self.at;
        self.at += 1;
        loop {
            self.take(|c| c != '\'');
            assert!(self.peek().is_some(), "{}: an open string", self.place);
            self.at += 1;
            if self.peek() != Some('\'') {
                return self.text[from..self.at].iter().collect();
            }
            self.at += 1;
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Derivation
// ---------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
struct Token {
    text: String,
    keyword: bool,
    glued: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    before: bool,
    after: bool,
}

/// How the tokens of a batch are set apart.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spacing {
    Tidy,
    Loose,
    Tight,
}

/// Draws batches; the same seed gives the same row of them.
pub struct Generator {
    state: u64,
    used: Vec<u64>,
    // Of the batch being derived:
    tokens: Vec<Token>,
    taken: Vec<usize>,
    bindings: Vec<HashMap<String, Vec<Token>>>,
    names: HashSet<String>,
    glue: bool,
    class: u8,
    limit: u8,
    loops: u32,
    serial: u32,
    soft_end: usize,
    before_at: Option<usize>,
    after_at: Option<usize>,
}

impl Generator {
    /// A generator that is wholly decided by `seed`.
    pub fn new(seed: u64) -> Self {
        // Near seeds must not give near rows, and xorshift may not start at nought.
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self {
            state: (mixed ^ (mixed >> 31)) | 1,
            used: vec![0; grammar().labels.len()],
            tokens: Vec::new(),
            taken: Vec::new(),
            bindings: Vec::new(),
            names: HashSet::new(),
            glue: false,
            class: 0,
            limit: NEVER,
            loops: 0,
            serial: 0,
            soft_end: 0,
            before_at: None,
            after_at: None,
        }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u32) -> u32 {
        ((self.next() >> 32) % u64::from(n.max(1))) as u32
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// The next batch.
    pub fn batch(&mut self) -> Generated {
        loop {
            let made = self.attempt();
            if made.text.len() <= MAX_BYTES {
                for id in std::mem::take(&mut self.taken) {
                    self.used[id] += 1;
                }
                return made;
            }
        }
    }

    /// How often each alternative of each rule stood in a batch that was given out.
    pub fn coverage(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (label, used) in grammar().labels.iter().zip(&self.used) {
            *all.entry(label.clone()).or_insert(0) += used;
        }
        all
    }

    fn attempt(&mut self) -> Generated {
        let grammar = grammar();
        self.tokens.clear();
        self.taken.clear();
        self.bindings.clear();
        (self.glue, self.loops, self.serial) = (false, 0, 0);
        // Half of the batches are such as a read-only server lets through, whole; the limit keeps
        // whatever is stronger out of them, however deep.
        let calm = self.chance(38);
        self.limit = if calm { SESSION } else { NEVER };
        let mut strongest = 0;
        if !calm && self.chance(9) {
            self.soft_end = 130;
            strongest = self.statement_of(grammar.names["solo_batch"], 0).0;
        } else {
            let count = [1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6][self.below(12) as usize];
            let mut open = false;
            for at in 0..count {
                let rule = if at == 0 && !calm && self.chance(6) {
                    "first_statement"
                } else {
                    "statement"
                };
                let from = self.tokens.len();
                self.soft_end = from + 90;
                let (class, ends) = self.statement_of(grammar.names[rule], 0);
                strongest = strongest.max(class);
                if at == 0 {
                    if ends.before && self.chance(15) {
                        self.insert_semicolon(0);
                    }
                } else if self.tokens[from - 1].text != ";"
                    && (open || ends.before || self.chance(12))
                {
                    self.insert_semicolon(from);
                }
                open = ends.after;
            }
            if open || self.chance(15) {
                self.push(";", false);
            }
        }
        Generated { text: self.render(), class: CLASSES[strongest as usize] }
    }

    fn insert_semicolon(&mut self, at: usize) {
        self.tokens.insert(at, Token { text: ";".to_owned(), keyword: false, glued: false });
    }

    fn push(&mut self, text: &str, keyword: bool) {
        if text == ";" && self.tokens.last().is_some_and(|t| t.text == ";") {
            return;
        }
        let glued = std::mem::take(&mut self.glue);
        self.tokens.push(Token { text: text.to_owned(), keyword, glued });
    }

    /// Derives a statement; gives its class and whether its ends need a semicolon.
    fn statement_of(&mut self, rule: usize, depth: u32) -> (u8, Ends) {
        let outer_class = std::mem::replace(&mut self.class, 0);
        let outer_before = self.before_at.take();
        let outer_after = self.after_at.take();
        let outer_names = std::mem::take(&mut self.names);
        let from = self.tokens.len();
        self.derive(rule, depth);
        let ends = Ends {
            // A statement that begins with a parenthesis would be read as the one before going on.
            before: self.before_at == Some(from) || self.tokens[from].text == "(",
            after: self.after_at == Some(self.tokens.len()),
        };
        self.names = outer_names;
        self.before_at = outer_before;
        self.after_at = outer_after;
        let class = std::mem::replace(&mut self.class, outer_class);
        (class, ends)
    }

    fn derive(&mut self, rule: usize, depth: u32) {
        if grammar().rules[rule].anonymous {
            return self.derive_inline(rule, depth);
        }
        let rule = &grammar().rules[rule];
        self.class = self.class.max(rule.class);
        let outer = self.limit;
        if rule.quiet {
            self.limit = self.limit.min(WRITE);
        }
        self.loops += u32::from(rule.is_loop);
        for tries in 0.. {
            let (from, taken) = (self.tokens.len(), self.taken.len());
            self.bindings.push(HashMap::new());
            self.alternative(rule, depth);
            self.bindings.pop();
            if !rule.distinct {
                break;
            }
            let name: String = self.tokens[from..].iter().map(|t| t.text.as_str()).collect();
            let name = name.trim_matches(['[', ']', '"']).to_lowercase();
            if self.names.insert(name) || tries == 12 {
                break;
            }
            self.tokens.truncate(from);
            self.taken.truncate(taken);
        }
        self.loops -= u32::from(rule.is_loop);
        self.limit = outer;
    }

    fn alternative(&mut self, rule: &'static Rule, depth: u32) {
        let tired = depth > MAX_DEPTH || self.tokens.len() > self.soft_end;
        let open = |a: &&Alternative| a.class <= self.limit && (!a.in_loop || self.loops > 0);
        let shortest = rule.alternatives.iter().filter(open).map(|a| a.depth).min().unwrap_or(FAR);
        let fits = |a: &&Alternative| open(a) && (!tired || a.depth <= shortest);
        let total: u32 = rule.alternatives.iter().filter(fits).map(|a| a.weight).sum();
        assert!(total > 0, "<{}> has nothing under its limit", rule.name);
        let (limit, loops) = (self.limit, self.loops);
        let mut left = self.below(total);
        let chosen = rule
            .alternatives
            .iter()
            .filter(|a| {
                a.class <= limit && (!a.in_loop || loops > 0) && (!tired || a.depth <= shortest)
            })
            .find(|a| match left.checked_sub(a.weight) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })
            .expect("the weights add up");
        self.taken.push(chosen.id);
        for node in &chosen.nodes {
            match node {
                Node::Text(text) => self.push(text, false),
                Node::Word(word) => self.push(word, true),
                Node::Rule(rule) => self.derive(*rule, depth + 1),
                Node::Bind(name, rule) => {
                    let from = self.tokens.len();
                    self.derive(*rule, depth + 1);
                    let kept = self.tokens[from..].to_vec();
                    self.bindings.last_mut().expect("a frame").insert(name.clone(), kept);
                }
                Node::Again(name, vary) => {
                    let kept = self.bindings.iter().rev().find_map(|f| f.get(name)).cloned();
                    let mut kept =
                        kept.unwrap_or_else(|| panic!("${name} is not bound in <{}>", rule.name));
                    let plain = kept.len() == 1 && !kept[0].text.starts_with(['[', '"', '@']);
                    if *vary && plain && self.chance(20) {
                        kept[0].text = format!("[{}]", kept[0].text);
                    }
                    kept[0].glued = std::mem::take(&mut self.glue);
                    self.tokens.extend(kept);
                }
                Node::Maybe(percent, inner) => {
                    // Short ways past the soft end: nothing that may be left out is put in.
                    let group = &grammar().rules[*inner];
                    let possible = group
                        .alternatives
                        .iter()
                        .any(|a| a.class <= self.limit && (!a.in_loop || self.loops > 0));
                    let tired = tired || self.tokens.len() > self.soft_end;
                    if possible && !tired && self.chance(*percent) {
                        self.derive_inline(*inner, depth + 1);
                    }
                }
                Node::Repeat(inner, most, commas) => {
                    let count =
                        if tired { 1 } else { 1 + self.below(*most).min(self.below(*most)) };
                    for at in 0..count {
                        if at > 0 && *commas {
                            self.push(",", false);
                        }
                        self.derive_inline(*inner, depth + 1);
                    }
                }
                Node::Raise(class) => self.class = self.class.max(*class),
                Node::Before => self.before_at = Some(self.tokens.len()),
                Node::After => self.after_at = Some(self.tokens.len()),
                Node::Glue => self.glue = true,
                Node::InLoop => {}
                Node::Serial => {
                    self.serial += 1;
                    let text = self.serial.to_string();
                    self.push(&text, false);
                }
                Node::One => self.one(depth),
                Node::List => self.list(depth),
            }
        }
    }

    /// A group within an alternative binds names for that alternative, not for itself.
    fn derive_inline(&mut self, rule: usize, depth: u32) {
        self.alternative(&grammar().rules[rule], depth);
    }

    /// One statement after a condition, an ELSE or a label: what needs a `;` before it goes into a
    /// block, for `IF … ;` is an error.
    fn one(&mut self, depth: u32) {
        let from = self.tokens.len();
        let (class, ends) = self.statement_of(grammar().names["statement"], depth + 1);
        self.class = self.class.max(class);
        if ends.before {
            self.tokens
                .insert(from, Token { text: "BEGIN".to_owned(), keyword: true, glued: false });
        }
        if ends.after {
            self.push(";", false);
        }
        if ends.before {
            self.push("END", true);
        }
    }

    fn list(&mut self, depth: u32) {
        let count =
            if depth > 6 || self.tokens.len() > self.soft_end { 1 } else { 1 + self.below(3) };
        let mut open = false;
        for at in 0..count {
            let from = self.tokens.len();
            let (class, ends) = self.statement_of(grammar().names["statement"], depth + 1);
            self.class = self.class.max(class);
            let closed = from > 0 && self.tokens[from - 1].text == ";";
            if !closed
                && ((at > 0 && (open || ends.before || self.chance(15)))
                    || (at == 0 && ends.before && self.chance(20)))
            {
                self.insert_semicolon(from);
            }
            open = ends.after;
        }
        if open || self.chance(15) {
            self.push(";", false);
        }
    }
}

// ---------------------------------------------------------------------------------------------
// Text
// ---------------------------------------------------------------------------------------------

/// What a comment says does not count, however it looks.
const REMARKS: [&str; 14] = [
    "x",
    "note",
    "; DROP TABLE dbo.Items;",
    "it's",
    "EXEC xp_cmdshell 'dir'",
    "\"",
    "[",
    "'",
    "COMMIT",
    "INTO dbo.Items",
    "größer als 名前",
    "SELECT 1 INTO t",
    "1=1 --",
    "BEGIN TRAN",
];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

fn is_operator(c: char) -> bool {
    matches!(c, '+' | '-' | '*' | '/' | '%' | '=' | '<' | '>' | '!' | '&' | '|' | '^' | '~' | ':')
}

/// Whether two tokens would read otherwise without something between them.
fn must_part(a: &str, b: &str) -> bool {
    let (Some(left), Some(right)) = (a.chars().last(), b.chars().next()) else { return false };
    (is_word(left) && is_word(right))
        || (is_operator(left) && is_operator(right))
        // A doubled quote is a quote within.
        || (left == right && matches!(left, '\'' | '"'))
        // `N 'x'` and `N'x'` are not the same.
        || (matches!(a, "N" | "n") && matches!(right, '\'' | '"'))
        // A number and a dot would be another number.
        || (left.is_ascii_digit() && right == '.' && a.chars().all(|c| c.is_ascii_digit()))
}

impl Generator {
    fn keyword(&mut self, word: &str, case: u32) -> String {
        match case {
            0..=3 => word.to_owned(),
            4..=6 => word.to_lowercase(),
            7 => {
                let mut title = word.to_lowercase();
                title[..1].make_ascii_uppercase();
                title
            }
            _ => word
                .chars()
                .map(|c| if self.below(2) == 0 { c.to_ascii_lowercase() } else { c })
                .collect(),
        }
    }

    fn comment(&mut self, deep: u32) -> String {
        let remark = REMARKS[self.below(REMARKS.len() as u32) as usize];
        if deep == 0 && self.chance(40) {
            let lead = ["--", "-- ", "--- ", "-- /* "][self.below(4) as usize];
            let end = if self.chance(50) { "\r\n" } else { "\n" };
            return format!("{lead}{remark}{end}");
        }
        let inner =
            if deep < 2 && self.chance(25) { self.comment(deep + 1) } else { String::new() };
        match self.below(4) {
            0 => "/**/".to_owned(),
            1 => format!("/*{remark}*/"),
            2 => format!("/* {remark} {inner} {remark} */"),
            _ => format!("/* -- {remark}\r\n{inner} */"),
        }
    }

    fn gap(&mut self, a: &Token, b: &Token, spacing: Spacing) -> String {
        if b.glued {
            return String::new();
        }
        let part = must_part(&a.text, &b.text);
        let remark = match spacing {
            Spacing::Tidy => self.below(400) == 0,
            Spacing::Loose => self.chance(4),
            Spacing::Tight => self.chance(2),
        };
        if remark {
            let comment = self.comment(0);
            // `-` and `--` would be `---`: the operator would be lost in the remark.
            let lead = if a.text.ends_with(is_operator) || self.chance(50) { " " } else { "" };
            let tail = if self.chance(50) { " " } else { "" };
            return format!("{lead}{comment}{tail}");
        }
        match spacing {
            Spacing::Tidy => {
                let none = !part
                    && (matches!(b.text.as_str(), "," | ")" | ";" | "." | "(")
                        || matches!(a.text.as_str(), "(" | "."));
                if none && (b.text != "(" || !a.keyword) {
                    String::new()
                } else if self.below(14) == 0 {
                    "\n    ".to_owned()
                } else {
                    " ".to_owned()
                }
            }
            Spacing::Loose => {
                let some = [" ", " ", " ", "\t", "  ", "\r\n", "\n", "\r\n\t", " \t "];
                if !part && self.chance(40) {
                    String::new()
                } else {
                    some[self.below(9) as usize].to_owned()
                }
            }
            Spacing::Tight => {
                // A whole number ends where a letter begins; `1e` and `0x` would be another number.
                let digits = a.text.chars().all(|c| c.is_ascii_digit());
                let letter = b.keyword && !b.text.starts_with(['E', 'X', '@', '_']);
                if !part || (digits && letter && self.chance(40)) {
                    String::new()
                } else {
                    " ".to_owned()
                }
            }
        }
    }

    fn render(&mut self) -> String {
        let spacing =
            [Spacing::Tidy, Spacing::Tidy, Spacing::Loose, Spacing::Loose, Spacing::Tight]
                [self.below(5) as usize];
        let case = self.below(10);
        let tokens = std::mem::take(&mut self.tokens);
        let mut text = String::new();
        if self.chance(4) {
            text.push_str(&self.comment(0));
        } else if self.chance(6) {
            text.push_str(["\n", " ", "\t", "\r\n"][self.below(4) as usize]);
        }
        for (at, token) in tokens.iter().enumerate() {
            if at > 0 {
                text.push_str(&self.gap(&tokens[at - 1], token, spacing));
            }
            if token.keyword {
                let case = if case == 9 { self.below(9) } else { case };
                text.push_str(&self.keyword(&token.text, case));
            } else {
                text.push_str(&token.text);
            }
        }
        if self.chance(3) {
            text.push(' ');
            text.push_str(&self.comment(0));
        } else if self.chance(10) {
            text.push_str(["\n", " ", "\r\n"][self.below(3) as usize]);
        }
        text
    }
}
