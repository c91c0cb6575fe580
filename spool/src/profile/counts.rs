//! How often values occur, by their hashes: exactly while they are few, and the frequent ones
//! nearly so when they are many.

/// Values that are counted at a time.
pub(super) const MOST: usize = 4096;
/// Places for them at most, so that a place is found in few steps.
const PLACES: usize = 2 * MOST;

/// Counts of up to 4,096 hashes, in 80 KB. Two values whose hashes are the same count as one, which
/// happens once in 10^12 such columns.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// 0, or one more than the place of an entry.
    places: Vec<u16>,
    entries: Vec<(u64, u64)>,
    /// What a hash that is new is assumed to have been counted already: as much as those had that
    /// made room for others. So no count is too low, and none is more than this too high.
    off_by: u64,
}

// === impl Counts ===

impl Counts {
    /// Counts a hash; its count, or none where there is no room for it.
    #[inline]
    pub(super) fn add(&mut self, hash: u64) -> Option<u64> {
        if self.places.is_empty() {
            self.places = vec![0; 16];
        }
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.places[at] {
                0 => break,
                entry => {
                    let (known, count) = &mut self.entries[usize::from(entry) - 1];
                    if *known == hash {
                        *count += 1;
                        return Some(*count);
                    }
                }
            }
            at = (at + 1) & mask;
        }
        if self.entries.len() == MOST {
            return None;
        }
        let count = self.off_by + 1;
        self.entries.push((hash, count));
        self.places[at] = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        if self.entries.len() * 2 > self.places.len() && self.places.len() < PLACES {
            let longer = self.places.len() * 2;
            self.place(longer);
        }
        Some(count)
    }

    fn place(&mut self, places: usize) {
        self.places.clear();
        self.places.resize(places, 0);
        for (n, (hash, _)) in self.entries.iter().enumerate() {
            let mut at = *hash as usize & (places - 1);
            while self.places[at] != 0 {
                at = (at + 1) & (places - 1);
            }
            self.places[at] = u16::try_from(n + 1).unwrap_or(u16::MAX);
        }
    }

    /// Makes room: the half with the lower counts goes.
    pub(super) fn purge(&mut self) {
        let mut counts: Vec<u64> = self.entries.iter().map(|(_, count)| *count).collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        self.off_by = *median;
        self.entries.retain(|(_, count)| *count > self.off_by);
        self.place(self.places.len());
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.entries.iter().map(|(hash, _)| *hash)
    }

    /// How many hashes are counted.
    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// By how much a count may be too high; 0 while there was room for all.
    pub(super) fn off_by(&self) -> u64 {
        self.off_by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_values_are_found_among_very_many() {
        let mut counts = Counts::default();
        let mut truth = 0;
        for n in 0..200_000u64 {
            // One in ten is the same.
            let hash = if n % 10 == 0 { 7 } else { n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 8 };
            truth += u64::from(hash == 7);
            let count = counts.add(hash).or_else(|| {
                counts.purge();
                counts.add(hash)
            });
            if hash == 7 {
                let count = count.expect("counted");
                assert!(count >= truth && count <= truth + counts.off_by());
            }
        }
        assert!(counts.off_by() > 0 && counts.off_by() < 200, "{}", counts.off_by());
    }
}
