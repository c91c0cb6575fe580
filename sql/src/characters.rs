//! Characters beyond ASCII: which of them words and numbers are made of, and
//! which look like others.

/// The currency signs that may open a constant of type money ("money and smallmoney").
pub(crate) const CURRENCIES: &[char] = &[
    '$', '¢', '£', '¤', '¥', '\u{9f2}', '\u{9f3}', '\u{e3f}', '\u{17db}', '\u{20a0}', '\u{20a1}',
    '\u{20a2}', '\u{20a3}', '\u{20a4}', '\u{20a5}', '\u{20a6}', '\u{20a7}', '\u{20a8}', '\u{20a9}',
    '\u{20aa}', '\u{20ab}', '\u{20ac}', '\u{20ad}', '\u{20ae}', '\u{20af}', '\u{20b0}', '\u{20b1}',
    '\u{fdfc}', '\u{fe69}', '\u{ff04}', '\u{ffe0}', '\u{ffe1}', '\u{ffe5}', '\u{ffe6}',
];

/// Characters that look like ASCII and of which nobody can say what SQL Server takes them for:
/// letter-like, enclosed, small, and all beyond the basic plane.
pub(crate) fn deceptive(c: char) -> bool {
    matches!(
        c as u32,
        0x2071 | 0x207F
            | 0x2090..=0x209C
            | 0x2100..=0x2129
            | 0x212B..=0x214F
            | 0x2460..=0x24FF
            | 0x1_0000..
    )
}

/// A letter, a digit, or a mark that belongs to the letter before it.
pub(crate) fn in_word(c: char) -> bool {
    let mark = matches!(
        c as u32,
        0x300..=0x36F | 0x483..=0x487 | 0x591..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F
            | 0x900..=0x903 | 0x93A..=0x94F | 0x981..=0x983 | 0x9BC..=0x9CD | 0xA01..=0xA03
            | 0xA3C..=0xA4D | 0xABC..=0xACD | 0xB3C..=0xB4D | 0xBBE..=0xBCD | 0xC3E..=0xC4D
            | 0xCBC..=0xCCD | 0xD3E..=0xD4D | 0xE31 | 0xE34..=0xE3A | 0xE47..=0xE4E | 0xEB1
            | 0xEB4..=0xEBC | 0xEC8..=0xECD | 0x3099 | 0x309A
    );
    (c.is_alphanumeric() || mark) && !deceptive(c)
}

/// What a bare word reads like in ASCII, where some reader may take its letters for that: the
/// full width, the dotless i, the long s, the Kelvin sign, ligatures. None if it is plain, or
/// stays what it is.
pub(crate) fn look_alike(word: &str) -> Option<String> {
    if word.is_ascii() {
        return None;
    }
    let mut out = String::new();
    for c in word.chars() {
        match c {
            '\u{130}' | '\u{131}' => out.push('i'),
            '\u{17f}' => out.push('s'),
            '\u{212a}' => out.push('k'),
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            '\u{ff01}'..='\u{ff5e}' => out.push(char::from((c as u32 - 0xff01) as u8 + b'!')),
            c if c.is_ascii() => out.push(c),
            _ => return None,
        }
    }
    Some(out)
}
