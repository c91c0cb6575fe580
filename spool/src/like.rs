//! Patterns of LIKE.

use crate::key::folded;

/// A pattern: `%` stands for any characters, `_` for one, and a character within brackets for
/// itself, `[%]`; all others stand for themselves, without regard to case.
#[derive(Debug)]
pub(crate) struct Like(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Char(char),
}

// === impl Like ===

impl Like {
    pub(crate) fn new(pattern: &str) -> Self {
        let characters: Vec<char> = pattern.chars().collect();
        let (mut tokens, mut rest) = (Vec::new(), &characters[..]);
        let literal = |c: char, tokens: &mut Vec<Token>| {
            tokens.extend(c.to_lowercase().map(Token::Char));
        };
        loop {
            rest = match rest {
                [] => return Self(tokens),
                ['%', rest @ ..] => {
                    if tokens.last() != Some(&Token::Any) {
                        tokens.push(Token::Any);
                    }
                    rest
                }
                ['_', rest @ ..] => {
                    tokens.push(Token::One);
                    rest
                }
                ['[', c, ']', rest @ ..] | [c, rest @ ..] => {
                    literal(*c, &mut tokens);
                    rest
                }
            };
        }
    }

    /// Whether all of a text is as the pattern says. It takes time by the product of both lengths
    /// at most.
    pub(crate) fn is_like(&self, text: &str) -> bool {
        let text: Vec<char> = folded(text).chars().collect();
        let (mut t, mut p) = (0, 0);
        // Behind the last `%`, and how many characters it stands for so far.
        let mut back: Option<(usize, usize)> = None;
        while t < text.len() {
            match self.0.get(p) {
                Some(Token::Any) => {
                    back = Some((p + 1, t));
                    p += 1;
                }
                Some(Token::One) => (t, p) = (t + 1, p + 1),
                Some(Token::Char(c)) if *c == text[t] => (t, p) = (t + 1, p + 1),
                _ => match &mut back {
                    Some((pattern, from)) => {
                        *from += 1;
                        (t, p) = (*from, *pattern);
                    }
                    None => return false,
                },
            }
        }
        self.0[p..].iter().all(|token| *token == Token::Any)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By its meaning: what is left of the text against what is left of the pattern.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['%', p @ ..], text) => (0..=text.len()).any(|n| naive(p, &text[n..])),
            (['_', p @ ..], [_, t @ ..]) => naive(p, t),
            (['[', c, ']', p @ ..], [d, t @ ..]) | ([c, p @ ..], [d, t @ ..]) => {
                c.eq_ignore_ascii_case(d) && naive(p, t)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_they_say(pattern in "[ab%_\\[\\]]{0,6}", text in "[aAb%\\[]{0,6}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                Like::new(&pattern).is_like(&text),
                naive(&chars(&pattern), &chars(&text)),
            );
        }
    }

    #[test]
    fn letters_of_all_alphabets_have_no_case() {
        assert!(Like::new("%ÄPF_L%").is_like("ein äpfel"));
        assert!(Like::new("100[%]").is_like("100%") && !Like::new("100[%]").is_like("100x"));
        assert!(Like::new("").is_like("") && !Like::new("").is_like("a"));
    }
}
