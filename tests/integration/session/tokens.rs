//! Tokens of a server's answer, for what the sandbox itself would never say (MS-TDS 2.2.7).

/// The collation of Windows for Japanese, whose code page is 932.
pub(super) const JAPANESE: [u8; 5] = [0x11, 0x04, 0xD0, 0x00, 0x00];

pub(super) const DELETE: u16 = 0xC4;
pub(super) const SELECT: u16 = 0xC1;

fn units(text: &[u16]) -> Vec<u8> {
    text.iter().flat_map(|u| u.to_le_bytes()).collect()
}

pub(super) fn utf16(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

/// COLMETADATA of nullable columns: TYPE_INFO and name of each.
pub(super) fn columns(all: &[(&[u8], &[u16])]) -> Vec<u8> {
    let mut out = vec![0x81];
    out.extend((all.len() as u16).to_le_bytes());
    for (ty, name) in all {
        out.extend([0, 0, 0, 0, 1, 0]);
        out.extend_from_slice(ty);
        out.push(name.len() as u8);
        out.extend(units(name));
    }
    out
}

/// TYPE_INFO of nvarchar(40) in SQL_Latin1_General_CP1_CI_AS.
pub(super) const NVARCHAR: [u8; 8] = [0xE7, 80, 0, 0x09, 0x04, 0xD0, 0x00, 0x34];
/// TYPE_INFO of a nullable int.
pub(super) const INT: [u8; 2] = [0x26, 4];

/// TYPE_INFO of varchar(40) in a collation.
pub(super) fn varchar(collation: [u8; 5]) -> Vec<u8> {
    [&[0xA7, 40, 0][..], &collation].concat()
}

/// ROW of values as they are on the wire.
pub(super) fn row(values: &[Vec<u8>]) -> Vec<u8> {
    [&[0xD1][..], &values.concat()].concat()
}

/// A value behind its length in two bytes.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_le_bytes()[..], bytes].concat()
}

pub(super) fn sized_units(text: &[u16]) -> Vec<u8> {
    sized(&units(text))
}

pub(super) fn int(n: i32) -> Vec<u8> {
    [&[4][..], &n.to_le_bytes()].concat()
}

/// DONE; without a count its bit is not set, whatever stands in the field.
pub(super) fn done(command: u16, count: Option<u64>, more: bool) -> Vec<u8> {
    let status = u16::from(more) | if count.is_some() { 0x10 } else { 0 };
    let mut out = vec![0xFD];
    out.extend(status.to_le_bytes());
    out.extend(command.to_le_bytes());
    out.extend(count.unwrap_or(77).to_le_bytes());
    out
}

/// An ERROR or INFO token: number, state, severity, text, procedure and line.
pub(super) fn notice(
    error: bool,
    (number, state, severity): (i32, u8, u8),
    text: &[u16],
    procedure: &str,
    line: u32,
) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([state, severity]);
    body.extend(sized_text(text));
    for name in ["srv", procedure] {
        body.push(name.len() as u8);
        body.extend(units(&utf16(name)));
    }
    body.extend(line.to_le_bytes());
    [&[if error { 0xAA } else { 0xAB }][..], &sized(&body)].concat()
}

/// A text behind its length in characters.
fn sized_text(text: &[u16]) -> Vec<u8> {
    [(text.len() as u16).to_le_bytes().to_vec(), units(text)].concat()
}
