//! The grammar of T-SQL, read from the pages in `grammar/` into tables: for each place where there
//! is a choice, which alternative the next token's type chooses. There is no going back, so a
//! derivation takes time in proportion to its text.
//!
//! The notation is explained at the top of `grammar/batch.grammar`.

mod build;
mod page;
mod token_type;

use std::sync::LazyLock;

use self::token_type::*;
pub(crate) use self::token_type::{END, Type, Types};
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
}

#[cfg(test)]
mod tests {
    use super::page::PageReader;
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
