//! What is shared by functions, where no answer shows it.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::collation::collate;
use super::json::quoted;
use super::{Arguments, GUID_ORDER, LIKE, Shim, TOP};
use crate::types::{Type, Value};

#[test]
fn shims_are_told_apart_by_their_names() {
    let hash = |shim: &Shim| {
        let mut hasher = DefaultHasher::new();
        shim.hash(&mut hasher);
        hasher.finish()
    };
    assert!(TOP == TOP && TOP != LIKE);
    assert!(hash(&TOP) == hash(&TOP) && hash(&TOP) != hash(&LIKE));
    assert_eq!(format!("{TOP:?}"), "TOP");
}

/// Each text comes before the next one, and case does not count.
#[test]
fn punctuation_digits_letters() {
    for texts in [["!", "1", "a"], ["é!", "é1", "éa"]] {
        for (a, b) in texts.iter().zip(&texts[1..]) {
            assert_eq!(collate(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(collate(b, a), Ordering::Greater, "{b} {a}");
        }
    }
    assert_eq!(collate("ÉA", "éa  "), Ordering::Equal);
}

/// A letter with an accent stands behind the one without, and before the next letter.
#[test]
fn accents_break_ties() {
    let letters = [
        ("a", "àáâãäå", "b"),
        ("c", "ç", "d"),
        ("e", "èéêë", "f"),
        ("i", "ìíîï", "j"),
        ("n", "ñ", "o"),
        ("o", "òóôõö", "p"),
        ("u", "ùúûü", "v"),
        ("y", "ýÿ", "z"),
    ];
    for (base, accented, next) in letters {
        for c in accented.chars() {
            assert_eq!(collate(base, &format!("{c}")), Ordering::Less, "{base} {c}");
            assert_eq!(collate(&format!("{c}"), next), Ordering::Less, "{c} {next}");
            // Before the letter behind it counts.
            assert_eq!(collate(&format!("{c}a"), &format!("{base}b")), Ordering::Less, "{c}a");
        }
    }
}

#[test]
fn blanks_stand_in_a_json_string_as_they_are() {
    assert_eq!(quoted("a b\t"), "\"a b\\u0009\"");
}

#[test]
fn the_bytes_by_which_uniqueidentifiers_are_ordered() {
    let values = [Value::Str("00112233-4455-6677-8899-AABBCCDDEEFF".into())];
    let arguments = Arguments { values: &values, types: &[Type::Guid], out: Type::Binary(16) };
    let key = [
        0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0x88, 0x99, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0,
    ];
    assert_eq!((GUID_ORDER.eval)(&arguments), Ok(Value::Bin(key.into())));
}
