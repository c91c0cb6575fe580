//! What stands in front of every request (ALL_HEADERS, MS-TDS 2.2.5.3), and its text.

/// Which activity a request belongs to, for the server's traces (MS-TDS 2.2.5.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The activity: such as the trace id of W3C's traceparent.
    pub id: [u8; 16],
    /// Counts requests of the activity.
    pub sequence: u32,
}

/// The headers of a request in a transaction, or in none (0).
pub(crate) fn all_headers(descriptor: u64, trace: Option<Trace>) -> Vec<u8> {
    let mut out = Vec::with_capacity(2048);
    let total: u32 = if trace.is_some() { 48 } else { 22 };
    out.extend_from_slice(&total.to_le_bytes());
    // Transaction descriptor: length, type 2, descriptor, one request outstanding.
    out.extend_from_slice(&18u32.to_le_bytes());
    out.extend_from_slice(&2u16.to_le_bytes());
    out.extend_from_slice(&descriptor.to_le_bytes());
    out.extend_from_slice(&1u32.to_le_bytes());
    if let Some(t) = trace {
        // Trace activity: length, type 3, id, sequence.
        out.extend_from_slice(&26u32.to_le_bytes());
        out.extend_from_slice(&3u16.to_le_bytes());
        out.extend_from_slice(&t.id);
        out.extend_from_slice(&t.sequence.to_le_bytes());
    }
    out
}

/// A text in little-endian UTF-16.
pub(crate) fn utf16(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        // Room first: byte by byte, the end of the buffer would be looked at each time.
        let from = out.len();
        out.resize(from + text.len() * 2, 0);
        out[from..].chunks_exact_mut(2).zip(text.bytes()).for_each(|(unit, b)| unit[0] = b);
    } else {
        out.reserve(text.len() * 2);
        out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_shape_of_the_specification() {
        // MS-TDS 4.4, SQLBatch: 22 bytes of ALL_HEADERS.
        let plain = all_headers(0, None);
        let expected = [0x16, 0, 0, 0, 0x12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(plain, expected);
        let traced = all_headers(7, Some(Trace { id: [9; 16], sequence: 3 }));
        assert_eq!(traced.len(), 48);
        assert_eq!(traced[..5], [48, 0, 0, 0, 18]);
        assert_eq!(traced[10], 7);
        assert_eq!(traced[22..28], [26, 0, 0, 0, 3, 0]);
        assert_eq!(traced[28..], [&[9; 16][..], &[3, 0, 0, 0]].concat());
    }
}
