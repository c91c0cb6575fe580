//! Makes tables of what the pages say: which rule a name is, which types a class has, and which
//! alternative a type chooses.

use std::collections::BTreeMap;

use super::page::{CLASSES, PageReader};
use super::token_type::*;
use super::{Grammar, LOOK, Node, NodeId};

impl Grammar {
    pub(super) fn read(pages: &[(&'static str, &'static str)]) -> Self {
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
    pub(super) fn flatten(&mut self) {
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
    pub(super) fn link(&mut self) {
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
    pub(super) fn choose(&mut self, types: usize) {
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
