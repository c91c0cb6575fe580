//! What a value of each type looks like to a client: not told, but read from the bytes that a
//! server sends (MS-TDS 2.2.5.4, 2.2.5.5), as any answer is.

use crate::decode::{Bounds, Decoder, pieces};
use crate::event::Event;
use crate::request;
use crate::sink::{Csv, Json};

/// A type with a value of it.
#[derive(Debug)]
pub struct TypeForm {
    /// As T-SQL declares it.
    pub declared: String,
    /// The value in JSON.
    pub json: String,
    /// The value as a field of CSV.
    pub csv: String,
    /// The number is a string, because a double would lose digits of it.
    pub exact: bool,
    /// It is kept up to a limit.
    pub cut: bool,
    /// It has what cannot be decoded.
    pub replaced: bool,
}

/// SQL_Latin1_General_CP1_CI_AS.
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
/// Characters that are kept of a long value, so that the mark behind it can be seen.
const KEPT: u64 = 12;

/// A value of every type.
pub fn forms() -> Vec<TypeForm> {
    let all = [numbers(), moments(), characters(), bytes(), others()];
    all.into_iter().flatten().map(|(ty, value)| form(&ty, &value)).collect()
}

/// TYPE_INFO and a value, as they are on the wire.
type Sample = (Vec<u8>, Vec<u8>);

fn form(ty: &[u8], value: &[u8]) -> TypeForm {
    // COLMETADATA of one column that may be NULL.
    let mut answer = vec![0x81, 1, 0, 0, 0, 0, 0, 1, 0];
    answer.extend_from_slice(ty);
    if matches!(ty[0], 0x22 | 0x23 | 0x63) {
        // text, ntext and image come with the name of their table: of one part, and empty.
        answer.extend_from_slice(&[1, 0, 0]);
    }
    // No name; and a ROW.
    answer.extend_from_slice(&[0, 0xD1]);
    answer.extend_from_slice(value);
    let mut decoder = Decoder::new(0);
    decoder.begin(Bounds { max_cell: KEPT, ..Bounds::default() });
    let (mut sink, mut declared) = ((Json::new(), Csv::new()), String::new());
    // A sample that cannot be read has no form, which the test would see.
    let _ = pieces::read(&mut decoder, [answer.as_slice()], &mut sink, |event| {
        if let Event::Columns(columns) = event {
            declared = columns.first().map(|c| c.declared().to_owned()).unwrap_or_default();
        }
    });
    let (json, csv) = sink;
    let note = json.note(0);
    let text = |row: &[u8]| String::from_utf8_lossy(row).into_owned();
    let row = text(json.last_row());
    let cell = row.strip_prefix('[').and_then(|r| r.strip_suffix(']')).unwrap_or(&row);
    TypeForm {
        declared,
        json: cell.to_owned(),
        csv: text(csv.last_row()).trim_end_matches('\n').to_owned(),
        exact: note.exact,
        cut: note.cut > 0,
        replaced: note.replaced > 0,
    }
}

fn sample(ty: &[u8], value: &[u8]) -> Sample {
    (ty.to_vec(), value.to_vec())
}

fn numbers() -> Vec<Sample> {
    vec![
        sample(&[0x68, 1], &[1, 1]),
        sample(&[0x26, 1], &[1, 255]),
        sample(&[0x26, 2], &[2, 0x18, 0xFC]),
        sample(&[0x26, 4], &[4, 0x15, 0xCD, 0x5B, 0x07]),
        // 2^53, and one more.
        sample(&[0x26, 8], &[8, 0, 0, 0, 0, 0, 0, 0x20, 0]),
        sample(&[0x26, 8], &[8, 1, 0, 0, 0, 0, 0, 0x20, 0]),
        sample(&[0x6A, 9, 10, 2], &[9, 1, 0xE2, 0x04, 0, 0, 0, 0, 0, 0]),
        sample(&[0x6C, 9, 18, 4], &[9, 0, 0xB1, 0x7F, 0x39, 0x05, 0xC4, 0x11, 0x62, 0x01]),
        sample(&[0x6E, 4], &[4, 0x68, 0xC5, 0x01, 0]),
        // The half with the sign comes first.
        sample(&[0x6E, 8], &[8, 0x27, 0x21, 0x0A, 0, 0, 0x51, 0x24, 0xCF]),
        sample(&[0x6D, 4], &[4, 0xCD, 0xCC, 0xCC, 0x3D]),
        sample(&[0x6D, 8], &[8, 0x34, 0x33, 0x33, 0x33, 0x33, 0x33, 0xD3, 0x3F]),
    ]
}

fn moments() -> Vec<Sample> {
    // 2024-02-29: days from year 1 on, and from 1900 on.
    let (day, since_1900) = ([0x80, 0x46, 0x0B], [0x25, 0xB1]);
    // 12:34:56.7890123 in units of 100 ns.
    let time = 452_967_890_123_u64.to_le_bytes();
    let moment = [&time[..5], &day].concat();
    vec![
        sample(&[0x28], &[&[3][..], &day].concat()),
        sample(&[0x29, 7], &[&[5][..], &time[..5]].concat()),
        sample(&[0x6F, 4], &[&[4][..], &since_1900, &754_u16.to_le_bytes()].concat()),
        sample(
            &[0x6F, 8],
            &[&[8][..], &since_1900, &[0, 0], &13_589_037_u32.to_le_bytes()].concat(),
        ),
        sample(&[0x2A, 7], &[&[8][..], &moment].concat()),
        sample(&[0x2B, 7], &[&[10][..], &moment, &330_i16.to_le_bytes()].concat()),
    ]
}

/// Text behind a length of two bytes.
fn short(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text].concat()
}

/// Text in one chunk (MS-TDS 2.2.5.2.3).
fn in_chunks(text: &[u8]) -> Vec<u8> {
    let length = (text.len() as u32).to_le_bytes();
    [&(text.len() as u64).to_le_bytes()[..], &length, text, &[0; 4]].concat()
}

/// Text behind a pointer and a timestamp.
fn behind_pointer(text: &[u8]) -> Vec<u8> {
    let length = (text.len() as u32).to_le_bytes();
    [&[16][..], &[0; 24], &length, text].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    request::utf16(text, &mut out);
    out
}

fn characters() -> Vec<Sample> {
    let of = |head: &[u8]| [head, &COLLATION].concat();
    let long = "a value that is longer than what is kept of it";
    vec![
        (of(&[0xAF, 5, 0]), short(b"caf\xE9 ")),
        (of(&[0xA7, 20, 0]), short(b"caf\xE9")),
        (of(&[0xEF, 10, 0]), short(&utf16("日本   "))),
        (of(&[0xE7, 40, 0]), short(&utf16("\"日本\", \\"))),
        (of(&[0xA7, 0xFF, 0xFF]), in_chunks(long.as_bytes())),
        (of(&[0xE7, 0xFF, 0xFF]), in_chunks(&utf16(long))),
        // Half of a surrogate pair.
        (of(&[0xE7, 10, 0]), short(&[b'a', 0, 0x3D, 0xD8, b'b', 0])),
        (of(&[0x23, 0xFF, 0xFF, 0xFF, 0x7F]), behind_pointer(b"text")),
        (of(&[0x63, 0xFE, 0xFF, 0xFF, 0x7F]), behind_pointer(&utf16("ntext"))),
    ]
}

fn bytes() -> Vec<Sample> {
    let (some, many) = ([0x01, 0xFF, 0x10, 0x00], [0xAB; 20]);
    vec![
        sample(&[0xAD, 4, 0], &short(&some)),
        sample(&[0xA5, 8, 0], &short(&some)),
        sample(&[0xA5, 0xFF, 0xFF], &in_chunks(&many)),
        sample(&[0x22, 0xFF, 0xFF, 0xFF, 0x7F], &behind_pointer(&some)),
    ]
}

fn others() -> Vec<Sample> {
    let name = |text: &str| [&[text.len() as u8][..], &utf16(text)].concat();
    let udt = [&[0xF0, 0xFF, 0xFF][..], &name("db"), &name("sys"), &name("hierarchyid"), &[0, 0]];
    let guid: Vec<u8> = [16].into_iter().chain(1..=16).collect();
    vec![
        sample(&[0x24, 16], &guid),
        sample(&[0xF1, 0], &in_chunks(&utf16("<a b=\"1\"/>"))),
        // An int of 7: length, base type, no properties, value.
        sample(&[0x62, 0x49, 0x1F, 0, 0], &[6, 0, 0, 0, 0x38, 0, 7, 0, 0, 0]),
        (udt.concat(), in_chunks(&[0x58])),
        sample(&[0xF4], &in_chunks(b"{\"a\":[1]}")),
        // Of two numbers, behind a header of eight bytes.
        sample(
            &[0xF5, 16, 0, 0],
            &[16, 0, 0xA9, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0xC0, 0x3F, 0, 0, 0, 0xBF],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_read() {
        let all = forms();
        for f in &all {
            assert!(!f.declared.is_empty() && !f.json.is_empty() && !f.csv.is_empty(), "{f:?}");
        }
        let of = |declared: &str| {
            let f = all.iter().find(|f| f.declared == declared);
            f.unwrap_or_else(|| panic!("{declared}: {all:#?}"))
        };
        assert_eq!(of("decimal(10,2)").json, "12.50");
        assert_eq!(of("money").json, "\"285120462981.1456\"");
        assert_eq!(of("money").csv, "285120462981.1456");
        assert_eq!(of("datetimeoffset(7)").json, "\"2024-02-29T18:04:56.7890123+05:30\"");
        assert_eq!(of("datetime").json, "\"2024-02-29T12:34:56.790\"");
        assert_eq!(of("float").json, "0.30000000000000004");
        assert!(of("nvarchar(max)").cut && of("varbinary(max)").cut);
        assert_eq!(of("vector(2)").json, "[1.5,-0.5]");
        assert_eq!(of("hierarchyid").json, "\"0x58\"");
    }
}
