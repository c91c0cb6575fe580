use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

fn cells(row: &[u8]) -> Vec<Cell<'_>> {
    Cells::new(row).collect()
}

/// What serde_json makes of a row without blanks.
fn theirs(row: &[u8]) -> Option<Vec<&RawValue>> {
    // A RawValue alone would let single surrogates in; a Value no number that a double cannot hold.
    match serde_json::from_slice::<Vec<Value>>(row) {
        Err(e) if !e.to_string().contains("out of range") => return None,
        _ => {}
    }
    serde_json::from_slice(row).ok()
}

fn same(row: &[u8]) {
    let Some(theirs) = theirs(row) else {
        for columns in 0..4 {
            assert!(!is_row(row, columns), "{:?}", String::from_utf8_lossy(row));
        }
        return;
    };
    assert!(!is_row(row, theirs.len() + 1));
    if !is_row(row, theirs.len()) {
        // The only rows of theirs that are none of ours: with blanks, or nested deeply.
        let blank = |b: &u8| b.is_ascii_whitespace();
        let deep = row.iter().filter(|b| matches!(b, b'[' | b'{')).count() > usize::from(DEEP);
        assert!(row.iter().any(blank) || deep, "{:?}", String::from_utf8_lossy(row));
        return;
    }
    let ours = cells(row);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.json, theirs.get().as_bytes());
        let text = match serde_json::from_str(theirs.get()).unwrap_or(Value::Bool(true)) {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => Some(theirs.get().to_owned()),
        };
        assert_eq!(ours.text().as_deref(), text.as_deref());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x7f]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::vec(("[a-z\"\\\\]{0,3}", inner), 0..3)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn rows_are_read_as_serde_json_reads_them(row in proptest::collection::vec(any_json(), 0..6)) {
        let json = serde_json::to_vec(&row).expect("JSON");
        prop_assert!(is_row(&json, row.len()));
        same(&json);
    }

    #[test]
    fn a_row_with_a_byte_changed_is_judged_as_serde_json_judges_it(
        row in proptest::collection::vec(any_json(), 0..4),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut json = serde_json::to_vec(&row).expect("JSON");
        for (at, byte, how) in changes {
            let at = at.index(json.len());
            match how {
                0 => json[at] = byte,
                1 => json.insert(at, b"\"\\[]{},:0-.eunl"[usize::from(byte) % 15]),
                _ if json.len() > 1 => drop(json.remove(at)),
                _ => {}
            }
        }
        same(&json);
    }

    #[test]
    fn any_bytes_end(bytes in "[\\[\\]\\{\\}\",:\\\\u0-9a-f.eE+\\-ntrul]{0,24}") {
        same(bytes.as_bytes());
        cells(bytes.as_bytes()).iter().for_each(|cell| drop(cell.bare().text()));
    }
}

#[test]
fn a_variant_is_its_value() {
    let row = br#"[{"base_type":"nvarchar","value":"a\"b,}"},{"base_type":"int","value":5},[0.5,-2.0],{"base_type":"int","value":null}]"#;
    assert!(is_row(row, 4));
    let texts: Vec<_> = cells(row).iter().map(|cell| cell.bare().text()).collect();
    let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
    assert_eq!(texts, [Some("a\"b,}"), Some("5"), Some("[0.5,-2.0]"), None]);
}

#[test]
fn escapes_are_undone() {
    let row = br#"["\u00e4\ud83d\ude00\n\/\\","\u0000"]"#;
    assert!(is_row(row, 2));
    let texts: Vec<_> = cells(row).iter().filter_map(|cell| cell.text()).collect();
    assert_eq!(texts, ["ä😀\n/\\", "\0"]);
    for bad in [&br#"["\ud83d"]"#[..], br#"["\ude00"]"#, br#"["\x"]"#, b"[\"\x01\"]", b"[\"\xff\"]"]
    {
        assert!(!is_row(bad, 1));
    }
}
