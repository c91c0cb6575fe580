//! Whole answers: what is cut, what was said, and in which order.

use super::{DONE, check, columns, mutate, plp, read};
use crate::column::Label;
use crate::cursor::Stop;
use crate::decode::{Bounds, Decoder};
use crate::event::{Command, Event, Scope};
use crate::sink::Json;

const NVARCHAR_MAX: [u8; 8] = [0xE7, 0xFF, 0xFF, 9, 4, 0xD0, 0, 0x34];
const VARCHAR_MAX: [u8; 8] = [0xA7, 0xFF, 0xFF, 9, 4, 0xD0, 0, 0x34];
const VARBINARY_MAX: [u8; 3] = [0xA5, 0xFF, 0xFF];

fn bounds(max_cell: u64) -> Bounds {
    Bounds { max_cell, ..Bounds::default() }
}

fn utf16(t: &str) -> Vec<u8> {
    t.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// MS-TDS 4.5: select 'foo' as 'bar'.
#[test]
fn the_batch_of_the_specification_reads_as_it_says() {
    let answer = [
        0x81, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x00, 0xA7, 0x03, 0x00, 0x09, 0x04, 0xD0,
        0x00, 0x34, 0x03, 0x62, 0x00, 0x61, 0x00, 0x72, 0x00, 0xD1, 0x03, 0x00, 0x66, 0x6F, 0x6F,
        0xFD, 0x10, 0x00, 0xC1, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];
    let read = check(&answer, Bounds::default(), 0);
    assert_eq!((&*read.json, &*read.csv, read.end), ("[\"foo\"]", "foo\n", Ok(())));
    let [Event::Columns(columns), Event::Row, Event::Done(done)] = &read.events[..] else {
        panic!("{:?}", read.events)
    };
    assert_eq!((&*columns[0].name, columns[0].declared()), ("bar", "varchar(3)"));
    assert!(!columns[0].nullable && columns[0].computed);
    assert_eq!((done.command, done.count, done.more), (Command::Select, Some(1), false));
    mutate(&answer, 20_000);
}

/// MS-TDS 4.7: the answer to a call.
#[test]
fn the_call_of_the_specification_reads_as_it_says() {
    let answer = [
        0xFF, 0x11, 0x00, 0xC1, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x79, 0x00,
        0x00, 0x00, 0x00, 0xFE, 0x00, 0x00, 0xE0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00,
    ];
    let read = check(&answer, Bounds::default(), 0);
    let [Event::Done(first), Event::ReturnStatus(0), Event::Done(last)] = &read.events[..] else {
        panic!("{:?}", read.events)
    };
    assert_eq!((first.scope, first.count, first.more), (Scope::InProcedure, Some(1), true));
    assert_eq!((last.scope, last.count), (Scope::Procedure, None));
    assert_eq!(last.command, Command::Other(0xE0));
}

#[test]
fn a_long_value_is_cut_at_a_character_and_says_how_long_it_is() {
    let text = "aé€😀".repeat(10);
    for (max, shown) in [(40, &text[..]), (3, "aé€"), (4, "aé€😀"), (0, ""), (39, &text[..96])]
    {
        let answer = [&columns(&[&NVARCHAR_MAX])[..], &[0xD1], &plp(&utf16(&text), 7), &DONE];
        let read = check(&answer.concat(), bounds(max), 0);
        let mark = format!("… [cut: {max} of 40 characters]");
        let mark = if max < 40 { mark.as_str() } else { "" };
        assert_eq!(read.json, format!("[\"{shown}{mark}\"]"));
        assert_eq!(read.notes[0], (u64::from(max < 40), 0));
    }
    let answer = [&columns(&[&VARBINARY_MAX])[..], &[0xD1], &plp(&[0xAB; 11], 4), &DONE].concat();
    let read = check(&answer, bounds(20), 0);
    assert_eq!(read.json, format!("[\"0x{}… [cut: 10 of 11 bytes]\"]", "AB".repeat(10)));
    assert_eq!(read.csv, format!("0x{}… [cut: 10 of 11 bytes]\n", "AB".repeat(10)));
}

#[test]
fn a_row_keeps_little_of_its_last_values_where_the_first_were_long() {
    let head = columns(&[&VARCHAR_MAX, &VARCHAR_MAX, &VARCHAR_MAX]);
    let row = [&[0xD1][..], &plp(&[b'x'; 200], 50).repeat(3)].concat();
    let limits = Bounds { max_cell: 150, max_row: 250, text_size: None };
    let read = check(&[&head[..], &row, &DONE].concat(), limits, 0);
    assert_eq!(
        [150, 100, 64].map(|n| format!("[cut: {n} of 200")).map(|t| read.json.contains(&t)),
        [true; 3]
    );
}

#[test]
fn a_value_that_the_server_has_cut_is_longer_than_it_looks() {
    let answer = [&columns(&[&VARCHAR_MAX])[..], &[0xD1], &plp(b"abcdef", 9), &DONE].concat();
    let limits = |n| Bounds { max_cell: 5, max_row: 99, text_size: Some(n) };
    assert!(check(&answer, limits(6), 0).json.contains("[cut: 5 of more than 6 characters]"));
    assert!(check(&answer, limits(9), 0).json.contains("[cut: 5 of more than 6 characters]"));
    for n in [5, 10] {
        assert!(check(&answer, limits(n), 0).json.contains("[cut: 5 of 6 characters]"), "{n}");
    }
}

#[test]
fn what_cannot_be_decoded_is_counted_by_column_also_behind_a_cut() {
    let lone: Vec<u8> =
        [0x61, 0xD83D, 0x62, 0xDE00].iter().flat_map(|u: &u16| u.to_le_bytes()).collect();
    let head = columns(&[&[0x38], &NVARCHAR_MAX]);
    let row = [&[0xD1, 1, 0, 0, 0][..], &plp(&lone, 3)].concat();
    let answer = [&head[..], &row, &row, &DONE].concat();
    let whole = check(&answer, Bounds::default(), 0);
    assert_eq!(whole.json, "[1,\"a\u{FFFD}b\u{FFFD}\"],[1,\"a\u{FFFD}b\u{FFFD}\"]");
    assert_eq!(whole.notes[..2], [(0, 0), (0, 4)]);
    assert_eq!(check(&answer, bounds(1), 0).notes[1], (2, 4));
}

#[test]
fn labels_come_with_their_columns() {
    let labels = [
        &[0xA3, 1, 0, 1, b'C', 0, 0, 0, 0][..],
        &20i32.to_le_bytes(),
        &[1, 0, 1, 0, 0, 0, 0xFF, 0xFF],
        &30i32.to_le_bytes(),
    ]
    .concat();
    let answer = [&columns(&[&[0x38]])[..], &labels, &[0xD1, 1, 0, 0, 0], &DONE].concat();
    let read = check(&answer, Bounds::default(), 2);
    let Event::Columns(columns) = &read.events[0] else { panic!("{:?}", read.events) };
    let label = Label { label: Some("C".into()), information_type: None, rank: Some(30) };
    assert_eq!(columns[0].labels, [label]);
    assert_eq!(read.json, "[1]");
    mutate(&answer, 20_000);
}

#[test]
fn small_tokens_are_said_in_their_order() {
    let mut answer = vec![0xE3, 3, 0, 18, 0, 0];
    answer.extend([0xA4, 9, 0, 2, 1, 0, b'd', 0, 1, 0, b't', 0]);
    answer.extend([0xA5, 9, 0, 1, 1, 8, 2, 0, 0x24, 1, b'n', 0]);
    answer.extend([0xA9, 4, 0, 2, 0, 1, 0]);
    answer.extend([0xE4, 3, 0, 0, 0, 9, 9, 9]);
    answer.extend([0xAE, 10, 1, 0, 0, 0, 1, 0xFF]);
    answer.extend([0xAC, 1, 0, 2, b'@', 0, b'a', 0, 1, 0, 0, 0, 0, 0, 0, 0x26, 4, 4, 7, 0, 0, 0]);
    answer.extend([0x79, 0xFF, 0xFF, 0xFF, 0xFF]);
    answer.extend(DONE);
    let read = check(&answer, Bounds::default(), 0);
    assert_eq!(read.end, Ok(()), "{:?}", read.events);
    let names: Vec<String> = read
        .events
        .iter()
        .map(|e| format!("{e:?}").split(['(', ' ']).next().unwrap_or_default().to_owned())
        .collect();
    let expected = [
        "Environment",
        "Tables",
        "Origins",
        "Order",
        "SessionState",
        "Features",
        "ReturnValue",
        "ReturnStatus",
        "Done",
    ];
    assert_eq!(names, expected);
    let Event::ReturnValue(value) = &read.events[6] else { panic!("{:?}", read.events) };
    assert_eq!((&*value.name, &*value.json, value.ty.to_string()), ("@a", "7", "int".into()));
    mutate(&answer, 20_000);
}

#[test]
fn two_result_sets_have_their_own_columns() {
    let one = [&columns(&[&[0x38]])[..], &[0xD1, 1, 0, 0, 0], &DONE].concat();
    let two = [&columns(&[&[0x30], &[0x30]])[..], &[0xD1, 2, 3], &DONE].concat();
    let read = check(&[one, two].concat(), Bounds::default(), 0);
    assert_eq!(read.json, "[1],[2,3]");
    let count = |e: &Event| if let Event::Columns(c) = e { c.len() } else { 0 };
    assert_eq!(read.events.iter().map(count).sum::<usize>(), 3);
}

#[test]
fn columns_that_come_again_are_the_same_and_others_are_not() {
    let answer = |name: u8, ty: &[u8], cut: usize| {
        let mut bytes = columns(&[ty, &[0x38]]);
        assert_eq!(bytes[10..13], [1, b'a', 0], "the first one's name");
        bytes[11] = name;
        bytes.extend(DONE);
        (bytes, cut)
    };
    let (int, bit) = (&[0x38][..], &[0x32][..]);
    let mut decoder = Decoder::new(0);
    let mut names = Vec::new();
    for (bytes, cut) in
        [answer(b'a', int, 0), answer(b'a', int, 0), answer(b'x', int, 0), answer(b'a', bit, 0)]
            .into_iter()
            .chain([answer(b'a', bit, 9), answer(b'y', bit, 15)])
    {
        decoder.begin(Bounds::default());
        let (first, rest) = bytes.split_at(cut);
        let read =
            crate::decode::pieces::read(&mut decoder, [first, rest], &mut Json::new(), |e| {
                if let Event::Columns(c) = e {
                    names.push(format!("{} {}, {} {}", c[0].name, c[0].ty, c[1].name, c[1].ty));
                }
            });
        assert_eq!(read, Ok(()));
    }
    let all = ["a int, b int", "a int, b int", "x int, b int", "a bit, b int"];
    assert_eq!(names[..4], all);
    assert_eq!(names[4..], ["a bit, b int", "y bit, b int"]);
}

#[test]
fn nonsense_is_refused_and_an_early_end_is_seen() {
    for bad in [&[0x42][..], &[0xD1, 1], &[0x88, 0, 0], &[0xD3, 0, 0]] {
        assert!(matches!(read([bad], Bounds::default(), 0).end, Err(Stop::Bad(_))), "{bad:?}");
    }
    let answer = [&columns(&[&NVARCHAR_MAX])[..], &[0xD1], &plp(&utf16("abc"), 2), &DONE].concat();
    let ends: Vec<usize> = (1..answer.len())
        .filter(|n| read([&answer[..*n]], Bounds::default(), 0).end.is_ok())
        .collect();
    assert_eq!(ends, [columns(&[&NVARCHAR_MAX]).len(), answer.len() - DONE.len()]);
}

/// A PLP of 300 MB in packets of 32,767 bytes, each of which is one chunk.
struct Huge {
    packets: usize,
    packet: Vec<u8>,
    at: usize,
}

impl tokio::io::AsyncRead for Huge {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let me = self.get_mut();
        let n = buf.remaining().min(me.packet.len() - me.at);
        buf.put_slice(&me.packet[me.at..me.at + n]);
        me.at += n;
        if me.at == me.packet.len() && me.packets > 0 {
            me.packets -= 1;
            me.at = 0;
        }
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_value_of_300_mb_needs_no_more_room_than_two_packets() {
    use crate::cursor::Cursor;
    use crate::decode::Decoder;
    use crate::reader::Reader;

    let begin = [&columns(&[&VARBINARY_MAX])[..], &[0xD1, 0xFE], &[0xFF; 7]].concat();
    let mut first = crate::packet::packets(4, &begin, 32_767);
    first[1] = 0;
    let chunk = [&32_755u32.to_le_bytes()[..], &[7; 32_755]].concat();
    let packet = [&[4, 0, 0x7F, 0xFF, 0, 0, 0, 0][..], &chunk].concat();
    let (mut reader, mut decoder) = (Reader::new(32_767), Decoder::new(0));
    decoder.begin(bounds(1000));
    reader.fill(&mut first.as_slice()).await.expect("well-formed");
    let mut from = Huge { packets: 9159, packet, at: 0 };
    let mut json = crate::sink::Json::new();
    while from.packets > 0 {
        let mut c = Cursor::new(reader.payload());
        let _ = decoder.step(&mut c, &mut json);
        let taken = c.position();
        reader.take(taken);
        reader.fill(&mut from).await.expect("well-formed");
    }
    assert!(reader.largest <= 64 << 10, "{}", reader.largest);
    let kept = json.take(Vec::new()).capacity();
    assert!(kept < 4096, "{kept}");
}

#[test]
fn a_huge_value_goes_through_without_being_kept() {
    let chunk = utf16(&"x".repeat(4000));
    let begin = [&columns(&[&NVARCHAR_MAX])[..], &[0xD1, 0xFE], &[0xFF; 7]].concat();
    let head = 8000u32.to_le_bytes();
    let mut pieces: Vec<&[u8]> = vec![&begin];
    for _ in 0..5000 {
        pieces.extend([&head[..], &chunk]);
    }
    pieces.extend([&[0; 4][..], &DONE]);
    let read = read(pieces, bounds(10), 0);
    assert_eq!(read.json, "[\"xxxxxxxxxx… [cut: 10 of 20000000 characters]\"]");
}
