//! What a token is to the grammar, and sets of that.

use std::collections::BTreeMap;

/// What a token is to the grammar: one of the classes below, a symbol, or a word
/// that the grammar knows.
pub(crate) type Type = u16;

pub(crate) const END: Type = 0;
pub(super) const WORD: Type = 1;
pub(super) const QUOTED: Type = 2;
pub(super) const TEXT: Type = 3;
pub(super) const NUMBER: Type = 4;
pub(super) const VARIABLE: Type = 5;
pub(super) const SYSVAR: Type = 6;
pub(super) const PSEUDO: Type = 7;
pub(super) const FIRST_SYMBOL: Type = 8;
pub(super) const SYMBOLS: [&str; 22] = [
    "!", "%", "&", "(", ")", "*", "+", ",", "-", ".", "/", ":", ";", "<", "=", ">", "^", "{", "|",
    "}", "~", "::",
];
pub(super) const FIRST_WORD: Type = 32;

/// The types of the symbols of one character; END for what is none.
pub(super) const SYMBOL_TYPES: [u8; 128] = {
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

pub(super) fn symbol(text: &str) -> Type {
    FIRST_SYMBOL
        + SYMBOLS.iter().position(|s| *s == text).unwrap_or_else(|| panic!("no symbol {text}"))
            as Type
}

/// A set of types.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Types(Vec<u64>);

// === impl Types ===

impl Types {
    pub(super) fn of(list: impl IntoIterator<Item = Type>) -> Self {
        let mut t = Self::default();
        list.into_iter().for_each(|l| t.add(l));
        t
    }

    pub(super) fn add(&mut self, t: Type) {
        let at = usize::from(t) / 64;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] |= 1 << (t % 64);
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn has(&self, t: Type) -> bool {
        self.0.get(usize::from(t) / 64).is_some_and(|w| w & (1 << (t % 64)) != 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Type> + '_ {
        (0..self.0.len() as Type * 64).filter(|t| self.has(*t))
    }
}

// === impl Words ===

/// The words that the grammar knows, by their spelling in any case.
pub(super) struct Words {
    slots: Vec<(&'static str, Type)>,
    mask: usize,
}

impl Words {
    pub(super) fn new(all: &BTreeMap<&'static str, Type>) -> Self {
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
    pub(super) fn name(&self, t: Type) -> &'static str {
        self.slots.iter().find(|s| s.1 == t).map_or("?", |s| s.0)
    }

    pub(super) fn hash(word: &str) -> usize {
        word.bytes().fold(word.len(), |h, b| h.wrapping_mul(31).wrapping_add(usize::from(b & 0xdf)))
    }

    pub(super) fn get(&self, word: &str) -> Option<Type> {
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
