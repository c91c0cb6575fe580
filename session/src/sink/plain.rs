//! Texts in which no byte has a meaning of its own, which is most of them.

/// Bytes that are looked at together.
const AT_ONCE: usize = 16;

/// Whether no byte is special. There is no branch for each byte, so that many are compared in one
/// instruction.
#[inline]
pub(super) fn plain(bytes: &[u8], special: impl Fn(u8) -> bool) -> bool {
    let none = |piece: &[u8]| !piece.iter().fold(false, |found, b| found | special(*b));
    match bytes.last_chunk::<AT_ONCE>() {
        None => none(bytes),
        // What is left behind the last whole piece is looked at with some bytes before it.
        Some(last) => none(last) && bytes.as_chunks::<AT_ONCE>().0.iter().all(|p| none(p)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_wherever_it_stands() {
        for length in 0..70 {
            let mut bytes = vec![b'a'; length];
            assert!(plain(&bytes, |b| b == b','));
            for at in 0..length {
                bytes[at] = b',';
                assert!(!plain(&bytes, |b| b == b','), "{at} of {length}");
                bytes[at] = b'a';
            }
        }
    }
}
