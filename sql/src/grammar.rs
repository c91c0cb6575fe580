//! The grammar of T-SQL, read from the pages in `grammar/` into tables: for each place where there
//! is a choice, which alternative the next token's type chooses. There is no going back, so a
//! derivation takes time in proportion to its text.
//!
//! The notation is explained at the top of `grammar/batch.grammar`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::derive::{Role, Span};
use crate::lexer::{Token, TokenKind};

const PAGES: [(&str, &str); 8] = [
    ("batch", include_str!("grammar/batch.grammar")),
    ("query", include_str!("grammar/query.grammar")),
    ("expression", include_str!("grammar/expression.grammar")),
    ("change", include_str!("grammar/change.grammar")),
    ("session", include_str!("grammar/session.grammar")),
    ("execute", include_str!("grammar/execute.grammar")),
    ("define", include_str!("grammar/define.grammar")),
    ("server", include_str!("grammar/server.grammar")),
];

/// The grammar, read once.
pub(crate) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar::read(&PAGES));

/// What a token is to the grammar: one of the classes below, a symbol, or a word
/// that the grammar knows.
pub(crate) type Type = u16;

pub(crate) const END: Type = 0;
const WORD: Type = 1;
const QUOTED: Type = 2;
const TEXT: Type = 3;
const NUMBER: Type = 4;
const VARIABLE: Type = 5;
const SYSVAR: Type = 6;
const PSEUDO: Type = 7;
const FIRST_SYMBOL: Type = 8;
const SYMBOLS: [&str; 22] = [
    "!", "%", "&", "(", ")", "*", "+", ",", "-", ".", "/", ":", ";", "<", "=", ">", "^", "{", "|",
    "}", "~", "::",
];
const FIRST_WORD: Type = 32;

/// The types of the symbols of one character; END for what is none.
const SYMBOL_TYPES: [u8; 128] = {
    let mut types = [END as u8; 128];
    let mut n = 0;
    while n < SYMBOLS.len() {
        if let [one] = *SYMBOLS[n].as_bytes() {
            types[one as usize] = FIRST_SYMBOL as u8 + n as u8;
        }
        n += 1;
    }
    types
};

fn symbol(text: &str) -> Type {
    FIRST_SYMBOL
        + SYMBOLS.iter().position(|s| *s == text).unwrap_or_else(|| panic!("no symbol {text}"))
            as Type
}

/// A set of types.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Types(Vec<u64>);

pub(crate) type NodeId = u32;

/// A place in the grammar.
#[repr(align(64))] // One cache line each.
pub(crate) enum Node {
    /// One token of one type.
    One(Type, Role),
    /// One token of any of these types.
    Token(Types, Role),
    /// Alternatives of which none may be needed, and which may come again.
    Choice {
        alternatives: Vec<NodeId>,
        by_type: Vec<u8>,
        optional: bool,
        repeats: bool,
    },
    /// One after the other.
    Sequence(Vec<NodeId>),
    /// Holds if the next tokens are of these types, or if they are not.
    Peek(bool, Vec<Types>),
    Rule(NodeId),
    /// What the reader looks for.
    Mark(Span, NodeId),
}

/// An entry of `by_type`: look at what comes behind, too.
pub(crate) const LOOK: u8 = 255;

pub(crate) struct Grammar {
    pub(crate) nodes: Vec<Node>,
    pub(crate) start: NodeId,
    /// Which places may be empty.
    empty: Vec<bool>,
    words: Words,
    reserved: Types,
}

// === impl Types ===

impl Types {
    fn of(list: impl IntoIterator<Item = Type>) -> Self {
        let mut t = Self::default();
        list.into_iter().for_each(|l| t.add(l));
        t
    }

    fn add(&mut self, t: Type) {
        let at = usize::from(t) / 64;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (t % 64);
    }

    fn add_all(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn has(&self, t: Type) -> bool {
        self.0.get(usize::from(t) / 64).is_some_and(|w| w & (1 << (t % 64)) != 0)
    }

    fn iter(&self) -> impl Iterator<Item = Type> + '_ {
        (0..self.0.len() as Type * 64).filter(|t| self.has(*t))
    }
}

// === impl Words ===

/// The words that the grammar knows, by their spelling in any case.
struct Words {
    slots: Vec<(&'static str, Type)>,
    mask: usize,
}

impl Words {
    fn new(all: &BTreeMap<&'static str, Type>) -> Self {
        let mask = (all.len() * 4).next_power_of_two() - 1;
        let mut slots = vec![("", 0); mask + 1];
        for (word, t) in all {
            let mut at = Self::hash(word) & mask;
            while !slots[at].0.is_empty() {
                at = (at + 1) & mask;
            }
            slots[at] = (word, *t);
        }
        Self { slots, mask }
    }

    /// For messages of tests.
    #[cfg(test)]
    fn name(&self, t: Type) -> &'static str {
        self.slots.iter().find(|s| s.1 == t).map_or("?", |s| s.0)
    }

    fn hash(word: &str) -> usize {
        word.bytes().fold(word.len(), |h, b| h.wrapping_mul(31).wrapping_add(usize::from(b & 0xdf)))
    }

    fn get(&self, word: &str) -> Option<Type> {
        let mut at = Self::hash(word) & self.mask;
        loop {
            let (known, t) = self.slots[at];
            if known.is_empty() {
                return None;
            }
            if known.len() == word.len() && known.eq_ignore_ascii_case(word) {
                return Some(t);
            }
            at = (at + 1) & self.mask;
        }
    }
}

// === impl Grammar ===

impl Grammar {
    /// What a token is to the grammar.
    pub(crate) fn type_of(&self, t: &Token<'_>) -> Type {
        match t.kind {
            TokenKind::Word => self.words.get(t.text).unwrap_or(WORD),
            TokenKind::Quoted => QUOTED,
            TokenKind::Text => TEXT,
            TokenKind::Number => NUMBER,
            TokenKind::Variable if t.text.starts_with("@@") => SYSVAR,
            TokenKind::Variable => VARIABLE,
            TokenKind::Pseudo => PSEUDO,
            TokenKind::Symbol if t.text == "::" => symbol("::"),
            TokenKind::Symbol => Type::from(SYMBOL_TYPES[usize::from(t.text.as_bytes()[0] & 0x7f)]),
        }
    }

    /// Whether a word can be no bare name.
    pub(crate) fn is_reserved(&self, word: &str) -> bool {
        self.words.get(word).is_some_and(|t| self.reserved.has(t))
    }

    /// The alternative of a choice that the tokens from here on take: by the table where the next
    /// one decides it (`chosen`), else by a look ahead.
    pub(crate) fn alternative<'n>(
        &self,
        alternatives: &'n [NodeId],
        chosen: u8,
        types: &[Type],
        at: usize,
    ) -> Option<&'n NodeId> {
        match chosen {
            0 => None,
            LOOK => alternatives.iter().find(|a| self.can_begin(**a, types, at)),
            n => alternatives.get(usize::from(n) - 1),
        }
    }

    /// Whether a place in the grammar can begin with the tokens from here on.
    pub(crate) fn can_begin(&self, node: NodeId, types: &[Type], at: usize) -> bool {
        match &self.nodes[node as usize] {
            Node::One(t, _) => *t == types[at],
            Node::Token(set, _) => set.has(types[at]),
            Node::Choice { alternatives, .. } => {
                alternatives.iter().any(|a| self.can_begin(*a, types, at))
            }
            Node::Peek(..) => false,
            Node::Rule(body) | Node::Mark(_, body) => self.can_begin(*body, types, at),
            Node::Sequence(items) => {
                for i in items {
                    if let Node::Peek(..) = &self.nodes[*i as usize] {
                        if !self.holds(*i, types, at) {
                            return false;
                        }
                    } else if self.can_begin(*i, types, at) {
                        return true;
                    } else if !self.empty[*i as usize] {
                        return false;
                    }
                }
                false
            }
        }
    }

    /// Whether the conditions of a place that may be empty hold.
    pub(crate) fn may_be_empty(&self, node: NodeId, types: &[Type], at: usize) -> bool {
        match &self.nodes[node as usize] {
            Node::Sequence(items) => items.iter().all(|i| self.may_be_empty(*i, types, at)),
            Node::Peek(..) => self.holds(node, types, at),
            _ => self.empty[node as usize],
        }
    }

    /// Whether a condition holds.
    pub(crate) fn holds(&self, peek: NodeId, types: &[Type], at: usize) -> bool {
        let Node::Peek(wanted, sets) = &self.nodes[peek as usize] else { return true };
        let all =
            sets.iter().enumerate().all(|(n, s)| s.has(types.get(at + n).copied().unwrap_or(END)));
        all == *wanted
    }

    fn nullable(&self, node: NodeId) -> bool {
        match &self.nodes[node as usize] {
            Node::One(..) | Node::Token(..) => false,
            Node::Choice { alternatives, optional, .. } => {
                *optional || alternatives.iter().any(|a| self.nullable(*a))
            }
            Node::Sequence(items) => items.iter().all(|i| self.nullable(*i)),
            Node::Peek(..) => true,
            // A rule that may be empty is none that leads to itself first.
            Node::Rule(body) | Node::Mark(_, body) => self.nullable(*body),
        }
    }

    /// The types that a place can begin with; only those that need no look at what
    /// comes behind, if `sure`.
    fn first(&self, node: NodeId, sure: bool) -> Types {
        let mut out = Types::default();
        match &self.nodes[node as usize] {
            Node::One(t, _) => out.add(*t),
            Node::Token(set, _) => out.add_all(set),
            Node::Choice { alternatives, .. } => {
                alternatives.iter().for_each(|a| out.add_all(&self.first(*a, sure)));
            }
            Node::Peek(..) => {}
            Node::Rule(body) | Node::Mark(_, body) => out = self.first(*body, sure),
            Node::Sequence(items) => {
                // What the conditions leave of it; one that looks further than one token
                // leaves nothing for sure.
                let (mut only, mut not, mut further) = (Vec::new(), Vec::new(), false);
                for i in items {
                    if let Node::Peek(wanted, sets) = &self.nodes[*i as usize] {
                        further |= sets.len() > 1;
                        match (wanted, &sets[..]) {
                            (true, [first, ..]) => only.push(first),
                            (false, [one]) => not.push(one),
                            _ => {}
                        }
                        continue;
                    }
                    if sure && further {
                        break;
                    }
                    out.add_all(&self.first(*i, sure));
                    if !self.nullable(*i) {
                        break;
                    }
                }
                let left =
                    |t: &Type| only.iter().all(|o| o.has(*t)) && !not.iter().any(|n| n.has(*t));
                if !only.is_empty() || !not.is_empty() {
                    out = Types::of(out.iter().filter(left).collect::<Vec<_>>());
                }
            }
        }
        out
    }

    fn read(pages: &[(&'static str, &'static str)]) -> Self {
        let mut reader = PageReader::new(pages);
        let rules = reader.rules();
        let mut g = Grammar {
            nodes: reader.nodes,
            start: 0,
            empty: Vec::new(),
            words: Words::new(&reader.words),
            reserved: Types::default(),
        };
        let rule = |name: &str| *rules.get(name).unwrap_or_else(|| panic!("no rule {name}"));
        for (at, name) in &reader.references {
            g.nodes[*at as usize] = Node::Rule(rule(name));
        }
        let classes =
            Classes::new(&g, &reader.words, [rule("reserved"), rule("named"), rule("statement")]);
        for (at, class, role) in reader.classes {
            g.nodes[at as usize] = Node::Token(classes.named(class), role);
        }
        // A condition may name a rule: whatever that can begin with.
        for (at, wanted, items) in reader.peeks {
            let sets = items.iter().map(|i| {
                let mut s = Types::default();
                i.of.iter().for_each(|n| s.add_all(&g.first(*n, false)));
                if i.wanted { s } else { classes.without(&s) }
            });
            g.nodes[at as usize] = Node::Peek(wanted, sets.collect());
        }
        g.reserved = classes.reserved.clone();
        g.start = rule("batch");
        g.link();
        g.empty = (0..g.nodes.len()).map(|n| g.nullable(n as NodeId)).collect();
        g.choose(usize::from(FIRST_WORD) + reader.words.len());
        g.flatten();
        g
    }

    /// Puts the items of a sequence in a sequence in its place: fewer steps to the same derivation.
    /// A condition stays where it is, because it is one for all that stands beside it.
    fn flatten(&mut self) {
        fn flat(g: &Grammar, items: &[NodeId], out: &mut Vec<NodeId>) {
            for i in items {
                match &g.nodes[*i as usize] {
                    Node::Sequence(inner)
                        if !inner
                            .iter()
                            .any(|n| matches!(g.nodes[*n as usize], Node::Peek(..))) =>
                    {
                        flat(g, inner, out);
                    }
                    _ => out.push(*i),
                }
            }
        }
        for n in 0..self.nodes.len() {
            let Node::Sequence(items) = &self.nodes[n] else { continue };
            let mut out = Vec::new();
            flat(self, items, &mut out);
            self.nodes[n] = Node::Sequence(out);
        }
    }

    /// Puts what a rule's name stands for in the place of the name, so that a derivation
    /// need not follow it.
    fn link(&mut self) {
        for n in 0..self.nodes.len() {
            let linked = |g: &Self, mut to: NodeId| {
                while let Node::Rule(body) = g.nodes[to as usize] {
                    to = body;
                }
                to
            };
            match std::mem::replace(&mut self.nodes[n], Node::Sequence(Vec::new())) {
                Node::Sequence(items) => {
                    self.nodes[n] =
                        Node::Sequence(items.into_iter().map(|i| linked(self, i)).collect());
                }
                Node::Choice { alternatives, by_type, optional, repeats } => {
                    let alternatives = alternatives.into_iter().map(|a| linked(self, a)).collect();
                    self.nodes[n] = Node::Choice { alternatives, by_type, optional, repeats };
                }
                Node::Mark(span, body) => self.nodes[n] = Node::Mark(span, linked(self, body)),
                other => self.nodes[n] = other,
            }
        }
        while let Node::Rule(body) = self.nodes[self.start as usize] {
            self.start = body;
        }
    }

    /// Fills the tables of all choices.
    fn choose(&mut self, types: usize) {
        for n in 0..self.nodes.len() {
            let Node::Choice { alternatives, .. } = &self.nodes[n] else { continue };
            let firsts: Vec<_> = alternatives
                .iter()
                .map(|a| (self.first(*a, false), self.first(*a, true)))
                .collect();
            let table = (0..types as Type)
                .map(|t| match firsts.iter().position(|(any, _)| any.has(t)) {
                    None => 0,
                    Some(a) if firsts[a].1.has(t) => a as u8 + 1,
                    Some(_) => LOOK,
                })
                .collect();
            if let Node::Choice { by_type, .. } = &mut self.nodes[n] {
                *by_type = table;
            }
        }
    }
}

/// The classes of tokens that the notation names.
struct Classes {
    all: Types,
    reserved: Types,
    name: Types,
    inert: Types,
    loose: Types,
}

impl Classes {
    fn new(
        g: &Grammar,
        words: &BTreeMap<&str, Type>,
        [reserved, named, statement]: [NodeId; 3],
    ) -> Self {
        let named = g.first(named, false);
        let reserved = Types::of(g.first(reserved, false).iter().filter(|t| !named.has(*t)));
        let all =
            Types::of((1..FIRST_SYMBOL + SYMBOLS.len() as Type).chain(words.values().copied()));
        let separators = Types::of(["(", ")", "{", "}", ";"].map(symbol));
        // Words of which a statement can begin with one; names that open a label are not among
        // them, because no page names them there.
        let starters = Types::of(g.first(statement, false).iter().filter(|t| *t >= FIRST_WORD));
        let ends = Types::of(["END", "ELSE"].iter().filter_map(|w| words.get(w).copied()));
        let without =
            |out: &[&Types]| Types::of(all.iter().filter(|t| !out.iter().any(|o| o.has(*t))));
        let name = Types::of(
            [WORD, QUOTED].into_iter().chain(words.values().copied().filter(|w| !reserved.has(*w))),
        );
        let reserved_starters = Types::of(starters.iter().filter(|t| reserved.has(*t)));
        let inert = without(&[&separators, &starters, &ends]);
        let loose = without(&[&separators, &reserved_starters]);
        Self { all, reserved, name, inert, loose }
    }

    fn named(&self, class: &str) -> Types {
        match class {
            "name" => self.name.clone(),
            "inert" => self.inert.clone(),
            "loose" => self.loose.clone(),
            other => Types::of(CLASSES.iter().filter(|c| c.0 == other).map(|c| c.1)),
        }
    }

    fn without(&self, set: &Types) -> Types {
        Types::of(self.all.iter().chain([END]).filter(|t| !set.has(*t)))
    }
}

/// Classes of one type.
const CLASSES: [(&str, Type); 6] = [
    ("end", END),
    ("text", TEXT),
    ("number", NUMBER),
    ("variable", VARIABLE),
    ("sysvar", SYSVAR),
    ("pseudo", PSEUDO),
];

/// Part of a condition: the next token, or anything but that.
struct PeekItem {
    wanted: bool,
    of: Vec<NodeId>,
}

struct PageReader {
    tokens: Vec<&'static str>,
    at: usize,
    nodes: Vec<Node>,
    words: BTreeMap<&'static str, Type>,
    references: Vec<(NodeId, &'static str)>,
    classes: Vec<(NodeId, &'static str, Role)>,
    peeks: Vec<(NodeId, bool, Vec<PeekItem>)>,
}

impl PageReader {
    fn new(pages: &[(&'static str, &'static str)]) -> Self {
        let mut tokens = Vec::new();
        for (_, page) in pages {
            for line in page.lines().filter(|l| !l.starts_with('#')) {
                let mut rest = line.trim();
                while let Some(c) = rest.chars().next() {
                    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    let len = match c {
                        '\'' => rest[1..].find('\'').map_or(1, |n| n + 2),
                        c if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
                        _ => 1,
                    };
                    tokens.push(&rest[..len]);
                    rest = rest[len..].trim_start();
                }
            }
        }
        let words = BTreeMap::new();
        Self {
            tokens,
            at: 0,
            nodes: Vec::new(),
            words,
            references: Vec::new(),
            classes: Vec::new(),
            peeks: Vec::new(),
        }
    }

    fn peek(&self, ahead: usize) -> &'static str {
        self.tokens.get(self.at + ahead).copied().unwrap_or("")
    }

    fn next(&mut self) -> &'static str {
        self.at += 1;
        self.tokens.get(self.at - 1).copied().unwrap_or("")
    }

    fn expect(&mut self, what: &str) {
        let found = self.next();
        let near = &self.tokens[self.at.saturating_sub(8)..self.at];
        assert!(found == what, "the grammar has {found:?} instead of {what:?}, behind {near:?}");
    }

    fn add(&mut self, n: Node) -> NodeId {
        self.nodes.push(n);
        self.nodes.len() as NodeId - 1
    }

    fn rules(&mut self) -> BTreeMap<String, NodeId> {
        let mut rules = BTreeMap::new();
        while self.at < self.tokens.len() {
            let name = self.next();
            self.expect("=");
            let body = self.alternatives();
            assert!(rules.insert(name.to_owned(), body).is_none(), "two rules {name}");
        }
        rules
    }

    fn alternatives(&mut self) -> NodeId {
        let mut all = vec![self.sequence()];
        while self.peek(0) == "|" {
            self.at += 1;
            all.push(self.sequence());
        }
        match all[..] {
            [one] => one,
            _ => self.choice(all, false, false),
        }
    }

    fn choice(&mut self, alternatives: Vec<NodeId>, optional: bool, repeats: bool) -> NodeId {
        self.add(Node::Choice { alternatives, by_type: Vec::new(), optional, repeats })
    }

    fn sequence(&mut self) -> NodeId {
        let mut items = Vec::new();
        // A name before `=` begins the next rule.
        while !matches!(self.peek(0), "" | "|" | ")" | "}") && self.peek(1) != "=" {
            let item = self.item();
            items.push(item);
        }
        match items[..] {
            [one] => one,
            _ => self.add(Node::Sequence(items)),
        }
    }

    fn item(&mut self) -> NodeId {
        let mut item = self.atom();
        loop {
            // One table for the alternatives and for whether there is one.
            let inner = match &self.nodes[item as usize] {
                Node::Choice { alternatives, optional: false, .. } => alternatives.clone(),
                _ => vec![item],
            };
            item = match self.peek(0) {
                "?" => self.choice(inner, true, false),
                "*" => self.choice(inner, true, true),
                "+" => {
                    let more = self.choice(inner, true, true);
                    self.add(Node::Sequence(vec![item, more]))
                }
                _ => return item,
            };
            self.at += 1;
        }
    }

    fn atom(&mut self) -> NodeId {
        match self.next() {
            "(" => {
                let inner = self.alternatives();
                self.expect(")");
                inner
            }
            "{" => {
                let name = self.next();
                let kind = Span::named(name).unwrap_or_else(|| panic!("no span {name}"));
                self.expect(":");
                let inner = self.alternatives();
                self.expect("}");
                self.add(Node::Mark(kind, inner))
            }
            "&" => self.condition(true),
            "!" => self.condition(false),
            t => self.terminal(t),
        }
    }

    fn condition(&mut self, wanted: bool) -> NodeId {
        self.expect("(");
        let mut items = Vec::new();
        loop {
            let positive = self.peek(0) != "!";
            if !positive {
                self.at += 1;
            }
            let of = if self.peek(0) == "(" {
                self.at += 1;
                let mut of = vec![self.single()];
                while self.peek(0) == "|" {
                    self.at += 1;
                    of.push(self.single());
                }
                self.expect(")");
                of
            } else {
                vec![self.single()]
            };
            items.push(PeekItem { wanted: positive, of });
            if self.next() == ")" {
                break;
            }
        }
        let at = self.add(Node::Peek(wanted, Vec::new()));
        self.peeks.push((at, wanted, items));
        at
    }

    fn single(&mut self) -> NodeId {
        let t = self.next();
        self.terminal(t)
    }

    fn terminal(&mut self, t: &'static str) -> NodeId {
        let role = if self.peek(0) == ":" {
            self.at += 1;
            let name = self.next();
            Some(Role::named(name).unwrap_or_else(|| panic!("no role {name}")))
        } else {
            None
        };
        if let Some(symbol) = t.strip_prefix('\'') {
            let symbol = symbol.trim_end_matches('\'');
            let at = SYMBOLS
                .iter()
                .position(|s| *s == symbol)
                .unwrap_or_else(|| panic!("no symbol {symbol}"));
            return self.add(Node::One(FIRST_SYMBOL + at as Type, role.unwrap_or(Role::Plain)));
        }
        if t.starts_with(|c: char| c.is_ascii_uppercase()) {
            let next = FIRST_WORD + self.words.len() as Type;
            let word = *self.words.entry(t).or_insert(next);
            return self.add(Node::One(word, role.unwrap_or(Role::Keyword)));
        }
        let at = self.add(Node::Sequence(Vec::new()));
        let by_class = match t {
            "name" => Some(Role::Name),
            "inert" => Some(Role::Opaque),
            "loose" => Some(Role::Nested),
            _ if CLASSES.iter().any(|c| c.0 == t) => Some(Role::Plain),
            _ => None,
        };
        match by_class {
            Some(plain) => self.classes.push((at, t, role.unwrap_or(plain))),
            None => self.references.push((at, t)),
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules that a page has and no other rule leads to.
    #[test]
    fn every_rule_is_used() {
        let mut reader = PageReader::new(&PAGES);
        let rules = reader.rules();
        let named: Vec<&str> = reader.references.iter().map(|r| r.1).collect();
        let unused: Vec<_> = rules
            .keys()
            .filter(|r| {
                !["batch", "reserved", "named"].contains(&r.as_str())
                    && !named.contains(&r.as_str())
            })
            .collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    /// SQL Server's own list has 185; WITHIN GROUP stands there as WITHIN.
    #[test]
    fn every_reserved_word_is_there() {
        let mut reader = PageReader::new(&PAGES);
        let rules = reader.rules();
        assert_eq!(GRAMMAR.first(rules["reserved"], false).iter().count(), 185);
    }

    /// Every page of the grammar says, for each family, which pages of the reference it is from.
    #[test]
    fn every_family_names_its_pages() {
        for line in PAGES.iter().flat_map(|p| p.1.lines()).filter(|l| l.starts_with("## ")) {
            assert!(line.contains(" — ") && line.contains('/'), "{line}");
        }
    }

    /// An alternative that another one before it always takes is never reached.
    #[test]
    fn no_alternative_is_hidden_by_one_before_it() {
        let g = &*GRAMMAR;
        let mut hidden = Vec::new();
        for node in &g.nodes {
            let Node::Choice { alternatives, .. } = node else { continue };
            let mut taken = Types::default();
            for a in alternatives {
                let any = g.first(*a, false);
                if any.iter().count() > 0 && any.iter().all(|t| taken.has(t)) {
                    let words = |n: NodeId| {
                        g.first(n, false)
                            .iter()
                            .take(6)
                            .map(|t| g.words.name(t))
                            .collect::<Vec<_>>()
                            .join(" ")
                    };
                    hidden.push(format!(
                        "{} in {:?}",
                        words(*a),
                        alternatives.iter().map(|a| words(*a)).collect::<Vec<_>>()
                    ));
                }
                taken.add_all(&g.first(*a, true));
            }
        }
        assert!(hidden.is_empty(), "{hidden:#?}");
    }
}
