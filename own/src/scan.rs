//! T-SQL as words: enough to see which parameters a statement names, and what is of another
//! dialect. What a statement may do is judged by those who run it.

/// A word or a sign outside of texts, quoted names and comments, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'s> {
    pub(crate) text: &'s str,
    pub(crate) at: usize,
}

impl Word<'_> {
    pub(crate) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    #[cfg(any(test, feature = "import"))]
    pub(crate) fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

/// The words of a statement.
pub(crate) fn words(sql: &str) -> Vec<Word<'_>> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let length = if let Some(length) = quoted(rest) {
            length
        } else if in_word(c) {
            let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            all.push(Word { text: &rest[..length], at });
            length
        } else {
            if !c.is_whitespace() {
                all.push(Word { text: &rest[..c.len_utf8()], at });
            }
            c.len_utf8()
        };
        at += length;
    }
    all
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

/// How long the text, the quoted name or the comment is that begins here. One that does not end
/// goes to the end.
fn quoted(rest: &str) -> Option<usize> {
    let close = match rest.as_bytes() {
        [b'-', b'-', ..] => return Some(rest.find('\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => return Some(comment(rest)),
        [b'\'', ..] => '\'',
        [b'"', ..] => '"',
        [b'[', ..] => ']',
        _ => return None,
    };
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        // Doubled, it is one of the text.
        if c == close && chars.next_if(|(_, next)| *next == close).is_none() {
            return Some(i + 1);
        }
    }
    Some(rest.len())
}

/// Comments of this kind nest.
fn comment(rest: &str) -> usize {
    let (mut deep, mut at) = (0_usize, 0);
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (deep, at) = (deep + 1, at + 2),
            Some(b"*/") => (deep, at) = (deep - 1, at + 2),
            _ => at += 1,
        }
        if deep == 0 {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(sql: &str) -> String {
        words(sql).iter().map(|w| w.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn texts_names_and_comments_have_no_words() {
        assert_eq!(
            joined(
                "SELECT [a]]@b], \"@c\", N'@d''@e' -- @f\n/* @g /* @h */ @i */ FROM t WHERE x=@j"
            ),
            "SELECT , , N FROM t WHERE x = @j"
        );
        assert_eq!(joined("$2::text = @@ROWCOUNT"), "$2 : : text = @@ROWCOUNT");
        assert_eq!(joined("'open @a"), "");
        assert_eq!(joined("/* open @a"), "");
    }

    proptest! {
        #[test]
        fn any_text_has_words(sql in "[-'\"\\[\\]/*a@é \n]{0,40}") {
            for w in words(&sql) {
                prop_assert_eq!(&sql[w.at..w.end()], w.text);
            }
        }
    }
}
