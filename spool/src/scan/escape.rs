//! Escapes within texts (RFC 8259 §7).

/// Bytes of the escape that begins here.
pub(super) fn escape(json: &[u8]) -> Option<usize> {
    match json.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => match unit(json)? {
            0xD800..=0xDBFF => {
                let low = unit(json.get(6..)?).filter(|u| (0xDC00..=0xDFFF).contains(u));
                low.map(|_| 12)
            }
            0xDC00..=0xDFFF => None,
            _ => Some(6),
        },
        _ => None,
    }
}

/// The number of `\uXXXX`.
fn unit(json: &[u8]) -> Option<u32> {
    let hex = json.strip_prefix(b"\\u")?.get(..4)?;
    hex.iter().try_fold(0, |n, b| Some(n * 16 + char::from(*b).to_digit(16)?))
}

/// What an escaped text stands for.
pub(super) fn unescape(json: &[u8]) -> String {
    let text = std::str::from_utf8(json).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let Some(length) = escape(&rest.as_bytes()[at..]) else { break };
        let escape = &rest[at..at + length];
        match escape.as_bytes()[1] {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let unit = |at: usize| escape.as_bytes().get(at..).and_then(unit);
                let code = match (unit(0), unit(6)) {
                    (Some(high), Some(low)) => 0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF),
                    (one, _) => one.unwrap_or(0xFFFD),
                };
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => out.push(char::from(other)),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}
