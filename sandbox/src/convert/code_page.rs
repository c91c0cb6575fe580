//! Windows-1252, the code page of the sandbox's one collation.

use crate::error::{Error, Result};

/// 0x80 … 0x9F; below and above them the code page is Latin-1.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Whether a character is in the code page.
pub(crate) fn in_cp1252(c: char) -> bool {
    (c as u32) < 0x80 || (0xA0..=0xFF).contains(&(c as u32)) || HIGH.contains(&c)
}

pub(crate) fn from_cp1252(byte: u8) -> char {
    if (0x80..0xA0).contains(&byte) { HIGH[usize::from(byte - 0x80)] } else { char::from(byte) }
}

/// A character as one byte; `?` for one that the code page has not.
pub(crate) fn to_cp1252(c: char) -> u8 {
    match HIGH.iter().position(|x| *x == c) {
        Some(i) => 0x80 + i as u8,
        None => u8::try_from(c as u32).unwrap_or(b'?'),
    }
}

/// To the code page of the collation. What it lacks becomes `?`, but for characters that Windows
/// has a likeness of.
pub(crate) fn narrow(text: &str) -> Result<String> {
    text.chars()
        .map(|c| match c as u32 {
            _ if in_cp1252(c) => Ok(c),
            0x0100..=0x0589
            | 0x066A
            | 0x1E00..=0x1EFF
            | 0x2000..=0x27FF
            | 0x3000..=0x301B
            | 0xFF01..=0xFF5E
            | 0x1_0000.. => {
                Err(Error::unsupported(format!("'{c}' in the code page of varchar; write N'…'")))
            }
            _ => Ok('?'),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=u8::MAX {
            let c = from_cp1252(byte);
            assert!(in_cp1252(c), "{byte:#x}");
            assert_eq!(to_cp1252(c), byte);
        }
    }

    #[test]
    fn what_it_lacks_is_a_question_mark_or_refused() {
        assert_eq!(narrow("a€\u{5d0}"), Ok("a€?".to_owned()));
        assert!(narrow("ł").is_err_and(|e| e.is_unsupported()));
    }
}
