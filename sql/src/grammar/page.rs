//! Reads the pages of the notation, which `grammar/batch.grammar` explains, into nodes that still
//! name rules and classes.

use std::collections::BTreeMap;

use super::token_type::*;
use super::{Node, NodeId};
use crate::derive::{Role, Span};

/// Classes of one type.
pub(super) const CLASSES: [(&str, Type); 6] = [
    ("end", END),
    ("text", TEXT),
    ("number", NUMBER),
    ("variable", VARIABLE),
    ("sysvar", SYSVAR),
    ("pseudo", PSEUDO),
];

/// Part of a condition: the next token, or anything but that.
pub(super) struct PeekItem {
    pub(super) wanted: bool,
    pub(super) of: Vec<NodeId>,
}

pub(super) struct PageReader {
    pub(super) tokens: Vec<&'static str>,
    pub(super) at: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) words: BTreeMap<&'static str, Type>,
    pub(super) references: Vec<(NodeId, &'static str)>,
    pub(super) classes: Vec<(NodeId, &'static str, Role)>,
    pub(super) peeks: Vec<(NodeId, bool, Vec<PeekItem>)>,
}

impl PageReader {
    pub(super) fn new(pages: &[(&'static str, &'static str)]) -> Self {
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

    pub(super) fn peek(&self, ahead: usize) -> &'static str {
        self.tokens.get(self.at + ahead).copied().unwrap_or("")
    }

    pub(super) fn next(&mut self) -> &'static str {
        self.at += 1;
        self.tokens.get(self.at - 1).copied().unwrap_or("")
    }

    pub(super) fn expect(&mut self, what: &str) {
        let found = self.next();
        let near = &self.tokens[self.at.saturating_sub(8)..self.at];
        assert!(found == what, "the grammar has {found:?} instead of {what:?}, behind {near:?}");
    }

    pub(super) fn add(&mut self, n: Node) -> NodeId {
        self.nodes.push(n);
        self.nodes.len() as NodeId - 1
    }

    pub(super) fn rules(&mut self) -> BTreeMap<String, NodeId> {
        let mut rules = BTreeMap::new();
        while self.at < self.tokens.len() {
            let name = self.next();
            self.expect("=");
            let body = self.alternatives();
            assert!(rules.insert(name.to_owned(), body).is_none(), "two rules {name}");
        }
        rules
    }

    pub(super) fn alternatives(&mut self) -> NodeId {
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

    pub(super) fn choice(
        &mut self,
        alternatives: Vec<NodeId>,
        optional: bool,
        repeats: bool,
    ) -> NodeId {
        self.add(Node::Choice { alternatives, by_type: Vec::new(), optional, repeats })
    }

    pub(super) fn sequence(&mut self) -> NodeId {
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

    pub(super) fn item(&mut self) -> NodeId {
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

    pub(super) fn atom(&mut self) -> NodeId {
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

    pub(super) fn condition(&mut self, wanted: bool) -> NodeId {
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

    pub(super) fn single(&mut self) -> NodeId {
        let t = self.next();
        self.terminal(t)
    }

    pub(super) fn terminal(&mut self, t: &'static str) -> NodeId {
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
