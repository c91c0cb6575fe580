//! Many short lists of growing numbers in one buffer: each number is written as what it is more
//! than the one before, seven bits a byte.

/// A list while entries come, in their order.
#[derive(Default)]
pub(crate) struct Growing {
    bytes: Vec<u8>,
    /// One more than the last number; 0 before the first.
    next: u32,
}

impl Growing {
    /// Numbers come in order; one that is there already is not added again.
    pub(crate) fn push(&mut self, number: u32) {
        let Some(mut more) = number.checked_sub(self.next) else { return };
        while more >= 0x80 {
            self.bytes.push(more as u8 | 0x80);
            more >>= 7;
        }
        self.bytes.push(more as u8);
        self.next = number + 1;
    }
}

/// Lists by number, which are not changed any more.
#[derive(Default)]
pub(crate) struct Lists {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Lists {
    pub(crate) fn of(lists: impl Iterator<Item = Growing>) -> Self {
        let mut all = Self::default();
        for list in lists {
            all.bytes.extend_from_slice(&list.bytes);
            all.ends.push(all.bytes.len() as u32);
        }
        all.bytes.shrink_to_fit();
        all.ends.shrink_to_fit();
        all
    }

    /// The numbers of a list, from the smallest; nothing where there is no such list.
    pub(crate) fn get(&self, list: u32) -> impl Iterator<Item = u32> + '_ {
        let mut bytes = self.slice(list).iter();
        let mut next = 0_u32;
        std::iter::from_fn(move || {
            let (mut more, mut shift) = (0_u32, 0);
            loop {
                let byte = *bytes.next()?;
                more |= u32::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
                shift += 7;
            }
            let number = next + more;
            next = number + 1;
            Some(number)
        })
    }

    pub(crate) fn is_empty(&self, list: u32) -> bool {
        self.slice(list).is_empty()
    }

    fn slice(&self, list: u32) -> &[u8] {
        let list = list as usize;
        let Some(end) = self.ends.get(list) else { return &[] };
        let start = list.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..*end as usize]
    }

    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity() + 4 * self.ends.capacity()
    }
}

/// Many short texts in one.
#[derive(Default)]
pub(crate) struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len() as u32);
    }

    pub(crate) fn finish(&mut self) {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a number; empty where there is none.
    pub(crate) fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let Some(end) = self.ends.get(number) else { return "" };
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start as usize..*end as usize]
    }

    pub(crate) fn size(&self) -> usize {
        self.all.capacity() + 4 * self.ends.capacity()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_come_back(sets in proptest::collection::vec(
            proptest::collection::btree_set(0_u32..u32::MAX, 0..20), 0..10))
        {
            let lists = Lists::of(sets.iter().map(|set| {
                let mut list = Growing::default();
                for n in set {
                    list.push(*n);
                    list.push(*n);
                }
                list
            }));
            for (i, set) in sets.iter().enumerate() {
                prop_assert_eq!(lists.get(i as u32).collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(lists.is_empty(i as u32), set.is_empty());
            }
            prop_assert_eq!(lists.get(99).count(), 0);
        }
    }

    #[test]
    fn texts_come_back() {
        let mut texts = Texts::default();
        for t in ["a", "", "größe"] {
            texts.push(t);
        }
        texts.finish();
        assert_eq!(
            (texts.get(0), texts.get(1), texts.get(2), texts.get(3)),
            ("a", "", "größe", "")
        );
    }
}
