//! Text for a person who decides by it: what reorders it, hides it or stands for nothing that can
//! be seen is shown as an escape.

use std::fmt::Write as _;

use crate::plural::plural;

/// Blanks in a row that are shown as they are.
const BLANKS: usize = 20;

/// Whether a character would not be seen, or would move what stands beside it: controls, marks of
/// direction (Unicode UAX #9), and what is ignored where it is shown
/// (`Default_Ignorable_Code_Point`).
pub(crate) fn unseen(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        // Blanks that are none of the plain ones.
        c => c.is_whitespace() && c != ' ',
    }
}

/// The text, so that all of it can be seen. Long runs of blanks, behind which something
/// could stand, are counted.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blanks = String::new();
    let flush = |blanks: &mut String, out: &mut String| {
        match blanks.chars().count() {
            n if n > BLANKS => {
                let _ = write!(out, " [{n} blanks] ");
            }
            _ => out.push_str(blanks),
        }
        blanks.clear();
    };
    for c in text.replace("\r\n", "\n").chars() {
        if matches!(c, ' ' | '\n' | '\t') {
            blanks.push(c);
            continue;
        }
        flush(&mut blanks, &mut out);
        if unseen(c) {
            let _ = write!(out, "\\u{{{:04X}}}", c as u32);
        } else {
            out.push(c);
        }
    }
    flush(&mut blanks, &mut out);
    out
}

/// A name or a value: line ends and tabs too are shown as what they are, so that none can write a
/// line of the question, and no blank is lost.
pub(crate) fn visible_line(text: &str, most: usize) -> String {
    let escaped: String = text
        .chars()
        .map(|c| {
            if matches!(c, '\n' | '\t') || unseen(c) {
                format!("\\u{{{:04X}}}", c as u32)
            } else {
                c.to_string()
            }
        })
        .collect();
    let n = escaped.chars().count();
    match n > most {
        true => format!(
            "{}[… {}]",
            escaped.chars().take(most).collect::<String>(),
            plural(n - most, "character")
        ),
        false => escaped,
    }
}

/// The same, no longer than about so many characters: the beginning and the end, since what is at
/// stake may stand there.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let text = visible(text.trim());
    let n = text.chars().count();
    if n <= most {
        return text;
    }
    let (first, last) = (most * 2 / 3, most / 3);
    let begin: String = text.chars().take(first).collect();
    let end: String = text.chars().skip(n - last).collect();
    format!("{begin} [… {} …] {end}", plural(n - first - last, "character"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_is_shown() {
        assert_eq!(
            visible("DELETE t\u{202e} -- \u{2066}x\u{0}\u{1b}[2K"),
            "DELETE t\\u{202E} -- \\u{2066}x\\u{0000}\\u{001B}[2K"
        );
        for c in [
            '\u{200b}',
            '\u{feff}',
            '\u{ad}',
            '\u{3164}',
            '\u{e0041}',
            '\u{85}',
            '\u{a0}',
            '\u{2029}',
            '\r',
            '\u{fe0f}',
        ] {
            assert_eq!(visible(&format!("a{c}b")), format!("a\\u{{{:04X}}}b", c as u32));
        }
        assert_eq!(visible("SELECT 'ü 漢字 🙂'\r\n\tFROM t"), "SELECT 'ü 漢字 🙂'\n\tFROM t");
        assert_eq!(
            visible(&format!("SELECT 1{}DROP", "\n".repeat(300))),
            "SELECT 1 [300 blanks] DROP"
        );
    }

    #[test]
    fn a_value_cannot_write_a_line() {
        assert_eq!(
            visible_line(" a\n\nDELETE x\u{a0} ", 80),
            " a\\u{000A}\\u{000A}DELETE x\\u{00A0} "
        );
        assert_eq!(visible_line("abcdef", 3), "abc[… 3 characters]");
    }

    #[test]
    fn the_end_of_a_long_text_is_shown_too() {
        let text = format!("DELETE t WHERE a IN ({}) DROP TABLE u", "1, ".repeat(1000));
        let s = shortened(&text, 600);
        assert!(
            s.starts_with("DELETE t") && s.ends_with("DROP TABLE u") && s.contains("characters …]"),
            "{s}"
        );
        assert!(s.chars().count() < 660);
    }
}
