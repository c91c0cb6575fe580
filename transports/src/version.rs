//! The revisions of the protocol.

/// A revision of the protocol, by its date. Their order is that of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// The first one: a handshake, over stdio or HTTP+SSE.
    V2024_11_05,
    /// Brought streamable HTTP with sessions, and batches.
    V2025_03_26,
    /// Brought structured results, titles and elicitation, and took batches away.
    V2025_06_18,
    /// Brought icons; the last one that begins with a handshake.
    V2025_11_25,
    /// Stateless: each request carries its version and the client's capabilities.
    V2026_07_28,
}

impl ProtocolVersion {
    /// All, newest first, as `server/discover` lists them.
    pub const ALL: [Self; 5] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];
    /// The latest that begins with a handshake.
    pub(crate) const LATEST_HANDSHAKE: Self = Self::V2025_11_25;

    /// The date, as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision of this date; none where it is not one of ours.
    pub fn parse(date: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == date)
    }

    /// Whether it is stateless, without handshake and sessions.
    pub fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// The dates of all, newest first.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|v| v.as_str()).collect()
    }
}
