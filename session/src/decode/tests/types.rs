//! Every type with a value, its extremes and NULL (MS-TDS 2.2.5.5).

use super::{DONE, check, columns, mutate, plp};
use crate::decode::Bounds;

const COLLATION: [u8; 5] = [9, 4, 0xD0, 0, 0x34];

/// TYPE_INFO, bytes of the value, and the value as JSON.
type Case = (Vec<u8>, Vec<u8>, &'static str);

fn with_collation(head: &[u8]) -> Vec<u8> {
    [head, &COLLATION].concat()
}

fn utf16(t: &str) -> Vec<u8> {
    t.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn short(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_le_bytes()[..], bytes].concat()
}

fn pointer(bytes: &[u8]) -> Vec<u8> {
    let head = [&[16][..], &[7; 16], &[8; 8]].concat();
    [&head[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn variant(base: u8, properties: &[u8], value: &[u8]) -> Vec<u8> {
    let inner = [&[base, properties.len() as u8][..], properties, value].concat();
    [&(inner.len() as u32).to_le_bytes()[..], &inner].concat()
}

fn numbers() -> Vec<Case> {
    let case = |t: &[u8], v: &[u8], j| (t.to_vec(), v.to_vec(), j);
    vec![
        case(&[0x68, 1], &[1, 1], "true"),
        case(&[0x68, 1], &[0], "null"),
        case(&[0x32], &[0], "false"),
        case(&[0x26, 1], &[1, 255], "255"),
        case(&[0x30], &[7], "7"),
        case(&[0x26, 2], &[2, 0, 0x80], "-32768"),
        case(&[0x34], &[0xFF, 0x7F], "32767"),
        case(&[0x26, 4], &[4, 0, 0, 0, 0x80], "-2147483648"),
        case(&[0x38], &[0xFF, 0xFF, 0xFF, 0x7F], "2147483647"),
        case(&[0x26, 4], &[0], "null"),
        case(&[0x26, 8], &[8, 0, 0, 0, 0, 0, 0, 0, 0x80], "\"-9223372036854775808\""),
        case(&[0x7F], &[0, 0, 0, 0, 0, 0, 0x20, 0], "9007199254740992"),
        case(&[0x7F], &[1, 0, 0, 0, 0, 0, 0x20, 0], "\"9007199254740993\""),
        case(&[0x6D, 4], &[4, 0xCD, 0xCC, 0xCC, 0x3D], "0.1"),
        case(&[0x3B], &[0, 0, 0xC0, 0x7F], "null"),
        case(&[0x6D, 8], &[8, 0, 0, 0, 0, 0, 0, 0, 0x80], "-0.0"),
        case(&[0x3E], &[1, 0, 0, 0, 0, 0, 0, 0], "5e-324"),
        case(&[0x6D, 8], &[0], "null"),
        case(&[0x6E, 4], &[4, 0, 0, 0, 0x80], "-214748.3648"),
        case(&[0x7A], &[1, 0, 0, 0], "0.0001"),
        case(&[0x6E, 8], &[8, 0, 0, 0, 0x80, 0, 0, 0, 0], "\"-922337203685477.5808\""),
        case(&[0x3C], &[0x27, 0x21, 0x0A, 0, 0, 0x51, 0x24, 0xCF], "\"285120462981.1456\""),
        case(&[0x6E, 8], &[0], "null"),
        case(&[0x6A, 5, 5, 3], &[5, 0, 5, 0, 0, 0], "-0.005"),
        case(&[0x6C, 5, 5, 2], &[5, 0, 0, 0, 0, 0], "0.00"),
        case(
            &[0x6A, 9, 18, 2],
            &[9, 1, 0xC0, 0xBA, 0x8A, 0x3C, 0xD5, 0x62, 4, 0],
            "\"12345678901234.56\"",
        ),
        case(
            &[0x6A, 17, 38, 0],
            &[
                17, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x22, 0x8A, 9, 0x7A, 0xC4, 0x86, 0x5A, 0xA8,
                0x4C, 0x3B, 0x4B,
            ],
            "\"99999999999999999999999999999999999999\"",
        ),
        case(&[0x6A, 17, 38, 0], &[0], "null"),
        case(
            &[0xF5, 16, 0, 0],
            &[16, 0, 0xA9, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x3F, 0, 0, 0, 0xC0],
            "[0.5,-2.0]",
        ),
        case(&[0xF5, 16, 0, 0], &[0xFF, 0xFF], "null"),
    ]
}

fn moments() -> Vec<Case> {
    let case = |t: &[u8], v: &[u8], j| (t.to_vec(), v.to_vec(), j);
    vec![
        case(&[0x28], &[3, 0, 0, 0], "\"0001-01-01\""),
        case(&[0x28], &[3, 0xDA, 0xB9, 0x37], "\"9999-12-31\""),
        case(&[0x28], &[0], "null"),
        case(&[0x29, 7], &[5, 0xFF, 0xBF, 0x69, 0x2A, 0xC9], "\"23:59:59.9999999\""),
        case(&[0x29, 0], &[3, 0, 0, 0], "\"00:00:00\""),
        case(&[0x29, 3], &[4, 1, 0, 0, 0], "\"00:00:00.001\""),
        case(
            &[0x2A, 7],
            &[8, 0xFF, 0xBF, 0x69, 0x2A, 0xC9, 0xDA, 0xB9, 0x37],
            "\"9999-12-31T23:59:59.9999999\"",
        ),
        case(&[0x2A, 2], &[6, 0, 0, 0, 0, 0, 0], "\"0001-01-01T00:00:00.00\""),
        case(&[0x2A, 2], &[0], "null"),
        case(
            &[0x2B, 0],
            &[8, 0x98, 0x63, 0, 0x80, 0x46, 0x0B, 0x4A, 1],
            "\"2024-02-29T12:34:56+05:30\"",
        ),
        case(&[0x2B, 0], &[8, 0, 0, 0, 0, 0, 0, 0xE2, 0xFF], "\"0000-12-31T23:30:00-00:30\""),
        case(&[0x6F, 4], &[4, 0xFF, 0xFF, 0x9F, 5], "\"2079-06-06T23:59:00\""),
        case(&[0x3A], &[1, 0, 61, 0], "\"1900-01-02T01:01:00\""),
        case(&[0x6F, 8], &[8, 0x46, 0x2E, 0xFF, 0xFF, 0, 0, 0, 0], "\"1753-01-01T00:00:00.000\""),
        case(
            &[0x3D],
            &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x81, 0x8B, 1],
            "\"1899-12-31T23:59:59.997\"",
        ),
        case(&[0x6F, 8], &[8, 0, 0, 0, 0, 1, 0, 0, 0], "\"1900-01-01T00:00:00.003\""),
        case(&[0x6F, 8], &[0], "null"),
        case(
            &[0x24, 16],
            &[16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            "\"04030201-0605-0807-090A-0B0C0D0E0F10\"",
        ),
        case(&[0x24, 16], &[0], "null"),
    ]
}

fn texts() -> Vec<Case> {
    let max = with_collation(&[0xE7, 0xFF, 0xFF]);
    let unknown =
        [&[0xFE; 1][..], &[0xFF; 7], &[2, 0, 0, 0, b'a', 0, 2, 0, 0, 0, b'b', 0, 0, 0, 0, 0]];
    vec![
        (with_collation(&[0xA7, 20, 0]), short(b"caf\xE9"), "\"café\""),
        (with_collation(&[0xA7, 20, 0]), short(b""), "\"\""),
        (with_collation(&[0xA7, 20, 0]), vec![0xFF, 0xFF], "null"),
        (with_collation(&[0xAF, 5, 0]), short(b"a \"\\\n"), "\"a \\\"\\\\\\n\""),
        (with_collation(&[0xE7, 20, 0]), short(&utf16("é€😀")), "\"é€😀\""),
        (with_collation(&[0xEF, 4, 0]), short(&[0x3D, 0xD8, 0x20, 0]), "\"\u{FFFD} \""),
        (max.clone(), plp(&utf16("é€😀\t"), 3), "\"é€😀\\t\""),
        (max.clone(), vec![0xFF; 8], "null"),
        (max.clone(), plp(&[], 1), "\"\""),
        (max, unknown.concat(), "\"ab\""),
        (with_collation(&[0xA7, 0xFF, 0xFF]), plp(b"\xE9x", 1), "\"éx\""),
        (
            [&[0xA7, 9, 0, 9, 4, 0xD0, 4, 0][..]].concat(),
            short(b"\xE2\x82\xAC\xE2"),
            "\"€\u{FFFD}\"",
        ),
        (
            [&[0xA7, 9, 0, 0x11, 4, 0xD0, 0, 0][..]].concat(),
            short(b"\x93\xFA\x96"),
            "\"日\u{FFFD}\"",
        ),
        (with_collation(&[0x23, 0xFF, 0xFF, 0xFF, 0x7F]), pointer(b"ab\xE9"), "\"abé\""),
        (with_collation(&[0x23, 0xFF, 0xFF, 0xFF, 0x7F]), vec![0], "null"),
        (with_collation(&[0x63, 0xFE, 0xFF, 0xFF, 0x7F]), pointer(&utf16("n€")), "\"n€\""),
        (vec![0xF1, 0], plp(&utf16("<a/>"), 5), "\"<a/>\""),
        (vec![0xF4], plp("{\"a\":\"€\"}".as_bytes(), 4), "\"{\\\"a\\\":\\\"€\\\"}\""),
        (vec![0xA5, 20, 0], short(&[0, 0xAB]), "\"0x00AB\""),
        (vec![0xA5, 20, 0], short(&[]), "\"0x\""),
        (vec![0xAD, 2, 0], vec![0xFF, 0xFF], "null"),
        (vec![0xA5, 0xFF, 0xFF], plp(&[1, 2, 3], 2), "\"0x010203\""),
        (vec![0x22, 0xFF, 0xFF, 0xFF, 0x7F], pointer(&[9]), "\"0x09\""),
        (vec![0xF0, 0xFF, 0xFF, 0, 0, 1, b'h', 0, 0, 0], plp(&[0x58], 9), "\"0x58\""),
        (vec![0x1F], vec![], "null"),
    ]
}

fn variants() -> Vec<Case> {
    let ty = vec![0x62, 0x49, 0x1F, 0, 0];
    let text = [&COLLATION[..], &[20, 0]].concat();
    let case = |v, j| (ty.clone(), v, j);
    vec![
        case(vec![0; 4], "null"),
        case(variant(0x38, &[], &[7, 0, 0, 0]), "{\"base_type\":\"int\",\"value\":7}"),
        case(
            variant(0x3C, &[], &[0, 0, 0, 0, 1, 0, 0, 0]),
            "{\"base_type\":\"money\",\"value\":0.0001}",
        ),
        case(
            variant(0x6C, &[5, 2], &[1, 150, 0, 0, 0]),
            "{\"base_type\":\"numeric\",\"value\":1.50}",
        ),
        case(variant(0xA7, &text, b"caf\xE9"), "{\"base_type\":\"varchar\",\"value\":\"café\"}"),
        case(variant(0xE7, &text, &utf16("€")), "{\"base_type\":\"nvarchar\",\"value\":\"€\"}"),
        case(variant(0xA5, &[8, 0], &[1]), "{\"base_type\":\"varbinary\",\"value\":\"0x01\"}"),
        case(variant(0x29, &[0], &[1, 0, 0]), "{\"base_type\":\"time\",\"value\":\"00:00:01\"}"),
        case(
            variant(0x7F, &[], &[1, 0, 0, 0, 0, 0, 0x20, 0]),
            "{\"base_type\":\"bigint\",\"value\":\"9007199254740993\"}",
        ),
    ]
}

fn all() -> Vec<Case> {
    [numbers(), moments(), texts(), variants()].concat()
}

#[test]
fn every_type_is_written_as_its_value_is() {
    for (ty, value, json) in all() {
        let head = columns(&[&ty, &[0x38]]);
        let row = [&[0xD1][..], &value, &[5, 0, 0, 0]].concat();
        let answer = [&head[..], &row, &row, &DONE].concat();
        let read = check(&answer, Bounds::default(), 0);
        assert_eq!(read.json, format!("[{json},5],[{json},5]"), "{ty:02X?} {value:02X?}");
        assert_eq!(read.end, Ok(()));
        assert_eq!(read.csv.lines().count(), 2 * (1 + json.matches("\\n").count()), "{}", read.csv);
        mutate(&answer, 300);
    }
}

#[test]
fn nulls_of_a_bitmap_take_no_bytes() {
    let (types, values): (Vec<_>, Vec<_>) = all().into_iter().take(20).map(|c| (c.0, c.1)).unzip();
    let head = columns(&types.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut row = vec![0xD2, 0b0101_0101, 0xFF, 0];
    for (n, value) in values.iter().enumerate() {
        if row[1 + n / 8] >> (n % 8) & 1 == 0 {
            row.extend(value);
        }
    }
    let answer = [&head[..], &row, &DONE].concat();
    let read = check(&answer, Bounds::default(), 0);
    let cells: Vec<&str> = read.json.trim_matches(['[', ']']).split(',').collect();
    assert_eq!(cells.len(), 20);
    assert!((0..20).all(|n| row[1 + n / 8] >> (n % 8) & 1 == 0 || cells[n] == "null"));
    assert_eq!((cells[1], cells[3], cells[16]), ("null", "255", "5e-324"));
    mutate(&answer, 20_000);
}

#[test]
fn a_value_that_its_type_cannot_have_is_refused() {
    for (ty, value) in [
        (vec![0x26, 4], vec![3, 1, 2, 3]),
        (vec![0x26, 4], vec![8, 1, 2, 3, 4, 5, 6, 7, 8]),
        (vec![0x6A, 5, 5, 2], vec![4, 1, 1, 1, 1]),
        (vec![0x6A, 5, 5, 2], vec![5, 2, 1, 1, 1, 1]),
        (vec![0x28], vec![2, 0, 0]),
        (vec![0x2A, 7], vec![6, 0, 0, 0, 0, 0, 0]),
        (with_collation(&[0xA7, 2, 0]), short(b"abc")),
        (vec![0x62, 9, 0, 0, 0], vec![1, 0, 0, 0, 0x38]),
        (vec![0x62, 9, 0, 0, 0], vec![10, 0, 0, 0, 0x38, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        (vec![0x62, 9, 0, 0, 0], vec![3, 0, 0, 0, 0x38, 1, 1]),
        (vec![0xF5, 16, 0, 0], vec![9, 0, 0xA9, 1, 1, 0, 0, 0, 0, 0, 0]),
        (vec![0xA5, 0xFF, 0xFF], vec![2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0]),
    ] {
        let answer = [&columns(&[&ty])[..], &[0xD1], &value, &DONE].concat();
        let read = check(&answer, Bounds::default(), 0);
        assert!(matches!(read.end, Err(crate::cursor::Stop::Bad(_))), "{ty:02X?}: {read:?}");
    }
}
