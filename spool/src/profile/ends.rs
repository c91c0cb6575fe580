//! The least and the greatest value of a column.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Short;
use crate::column::Kind;
use crate::key::{Key, compare_folded};

#[derive(Debug, Default)]
pub(super) struct Ends {
    min: Option<End>,
    max: Option<End>,
}

#[derive(Debug)]
struct End {
    /// None where the text is what is compared.
    key: Option<Key<'static>>,
    short: Short,
}

// === impl Ends ===

impl Ends {
    #[inline]
    pub(super) fn add(&mut self, kind: Kind, text: &str) {
        let Some(key) = Key::of(kind, Cow::Borrowed(text)) else { return };
        End::replace(&mut self.min, &key, text, Ordering::Less);
        End::replace(&mut self.max, &key, text, Ordering::Greater);
    }

    pub(super) fn finish(self) -> (Option<Short>, Option<Short>) {
        (self.min.map(|end| end.short), self.max.map(|end| end.short))
    }
}

// === impl End ===

impl End {
    #[inline]
    fn replace(end: &mut Option<Self>, key: &Key<'_>, text: &str, when: Ordering) {
        match end {
            Some(end) if end.order(key, text) != Some(when) => {}
            Some(end) => end.set(key, text),
            None => end.insert(Self { key: None, short: Short::default() }).set(key, text),
        }
    }

    fn order(&self, key: &Key<'_>, text: &str) -> Option<Ordering> {
        match (&self.key, key) {
            (Some(own), key) => key.compare(own),
            // A value that goes on is greater than its beginning.
            (None, _) => {
                let order = compare_folded(text, &self.short.text);
                Some(order.then_with(|| if self.short.cut { Ordering::Less } else { order }))
            }
        }
    }

    fn set(&mut self, key: &Key<'_>, text: &str) {
        self.key = match key {
            Key::Text(_) => None,
            key => Some(key.clone().into_owned()),
        };
        self.short.set(text);
    }
}
