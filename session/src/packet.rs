//! TDS packets: a header of eight bytes and a payload (MS-TDS 2.2.3.1).

/// Bytes of a packet's header.
pub(crate) const HEADER: usize = 8;

/// The types of packets (MS-TDS 2.2.3.1.1).
pub(crate) mod kind {
    pub(crate) const BATCH: u8 = 0x01;
    pub(crate) const RPC: u8 = 0x03;
    pub(crate) const REPLY: u8 = 0x04;
    pub(crate) const ATTENTION: u8 = 0x06;
    pub(crate) const LOGIN7: u8 = 0x10;
    pub(crate) const SSPI: u8 = 0x11;
    pub(crate) const PRELOGIN: u8 = 0x12;
}

/// The bits of a packet's status (MS-TDS 2.2.3.1.2).
pub(crate) mod status {
    pub(crate) const END_OF_MESSAGE: u8 = 0x01;
    pub(crate) const RESET_CONNECTION: u8 = 0x08;
}

/// What the header of a packet from the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) last: bool,
    /// Bytes behind the header.
    pub(crate) payload: usize,
}

impl Header {
    /// None where the length is shorter than the header itself.
    pub(crate) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        let payload = length.checked_sub(HEADER)?;
        Some(Self { kind: bytes[0], last: bytes[1] & status::END_OF_MESSAGE != 0, payload })
    }
}

/// Writes a header; `length` counts the payload alone, `id` counts packets and wraps.
pub(crate) fn header(kind: u8, status: u8, length: usize, id: u8) -> [u8; HEADER] {
    // Payloads are cut to packet sizes of at most 32,767 before they come here.
    let [high, low] = u16::try_from(length + HEADER).unwrap_or(u16::MAX).to_be_bytes();
    [kind, status, high, low, 0, 0, id, 0]
}

/// A whole message in packets of `size` bytes each, headers included.
pub(crate) fn packets(kind: u8, payload: &[u8], size: usize) -> Vec<u8> {
    let room = size.max(HEADER + 1) - HEADER;
    let count = payload.len().div_ceil(room).max(1);
    let mut out = Vec::with_capacity(payload.len() + count * HEADER);
    for n in 0..count {
        let piece = &payload[n * room..payload.len().min((n + 1) * room)];
        let status = if n + 1 == count { status::END_OF_MESSAGE } else { 0 };
        out.extend_from_slice(&header(kind, status, piece.len(), (n + 1) as u8));
        out.extend_from_slice(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_into_packets_and_the_last_one_says_so() {
        let out = packets(kind::BATCH, &[7; 20], 16);
        assert_eq!(out.len(), 20 + 3 * HEADER);
        assert_eq!(out[..8], [1, 0, 0, 16, 0, 0, 1, 0]);
        assert_eq!(out[32..40], [1, 1, 0, 12, 0, 0, 3, 0]);
        assert_eq!(packets(kind::ATTENTION, &[], 4096), [6, 1, 0, 8, 0, 0, 1, 0]);
    }

    #[test]
    fn a_length_below_the_header_is_none() {
        assert_eq!(Header::read(&[4, 1, 0, 7, 0, 0, 0, 0]), None);
        let read = Header::read(&[4, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(read, Some(Header { kind: 4, last: true, payload: 248 }));
    }
}
