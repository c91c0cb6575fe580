//! Custom numeric formats: a picture of the number, or one for each sign ("Custom numeric format
//! strings").

use super::culture::Culture;
use super::digits::Digits;
use crate::error::{Error, Result};

/// A piece of a section.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    Zero,
    Hash,
    Point,
    Comma,
    Percent,
    PerMille,
    Literal(char),
}

/// What a section says of the number before any of it is written.
#[derive(Debug, Default)]
struct Plan {
    /// Places for digits, and how many of them stand before the point.
    places: i32,
    before: i32,
    /// The outermost zeros: places before the point, and behind it.
    zeros_before: i32,
    zeros_behind: i32,
    groups: bool,
    /// By how many places the point moves.
    shift: i32,
}

pub(super) fn text(digits: &Digits, format: &str, culture: &Culture) -> Result<String> {
    let sections = sections(format)?;
    let wanted = if digits.is_zero() { 2 } else { usize::from(digits.negative) };
    let mut chosen = choose(&sections, wanted);
    let mut plan = Plan::of(&sections[chosen]);
    let mut number = plan.rounded(digits);
    if number.is_zero() && choose(&sections, 2) != chosen {
        chosen = choose(&sections, 2);
        plan = Plan::of(&sections[chosen]);
        number = plan.rounded(digits);
    }
    let sign = if number.negative && chosen == 0 { "-" } else { "" };
    Ok(format!("{sign}{}", plan.write(&sections[chosen], &number, culture)))
}

/// The section of positive numbers where the one that is wanted is empty or not there.
fn choose(sections: &[Vec<Piece>], wanted: usize) -> usize {
    if sections.get(wanted).is_some_and(|s| !s.is_empty()) { wanted } else { 0 }
}

/// The pieces between semicolons.
fn sections(format: &str) -> Result<Vec<Vec<Piece>>> {
    let mut sections = vec![Vec::new()];
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        let piece = match c {
            ';' => {
                sections.push(Vec::new());
                continue;
            }
            '0' => Piece::Zero,
            '#' => Piece::Hash,
            '.' => Piece::Point,
            ',' => Piece::Comma,
            '%' => Piece::Percent,
            '‰' => Piece::PerMille,
            '\'' | '"' => {
                let quoted: Vec<char> = chars.by_ref().take_while(|q| *q != c).collect();
                if let Some(section) = sections.last_mut() {
                    section.extend(quoted.into_iter().map(Piece::Literal));
                }
                continue;
            }
            '\\' => match chars.next() {
                Some(escaped) => Piece::Literal(escaped),
                None => continue,
            },
            'E' | 'e' if matches!(chars.peek(), Some('0' | '+' | '-')) => {
                return Err(Error::unsupported("FORMAT with an exponent in a custom format"));
            }
            c => Piece::Literal(c),
        };
        if let Some(section) = sections.last_mut() {
            section.push(piece);
        }
    }
    if sections.len() > 3 {
        return Err(Error::unsupported("FORMAT with more than three sections"));
    }
    Ok(sections)
}

impl Plan {
    fn of(section: &[Piece]) -> Self {
        let mut plan = Self::default();
        let (mut point, mut first_zero, mut last_zero) = (None, None, 0);
        // Where the last comma stood, and how many there were in a row.
        let mut commas: Option<(i32, i32)> = None;
        for piece in section {
            match piece {
                Piece::Hash => plan.places += 1,
                Piece::Zero => {
                    first_zero.get_or_insert(plan.places);
                    plan.places += 1;
                    last_zero = plan.places;
                }
                Piece::Point => {
                    point.get_or_insert(plan.places);
                }
                Piece::Comma if plan.places > 0 && point.is_none() => {
                    commas = match commas {
                        Some((at, count)) if at == plan.places => Some((at, count + 1)),
                        earlier => {
                            plan.groups |= earlier.is_some();
                            Some((plan.places, 1))
                        }
                    };
                }
                Piece::Percent => plan.shift += 2,
                Piece::PerMille => plan.shift += 3,
                Piece::Comma | Piece::Literal(_) => {}
            }
        }
        plan.before = point.unwrap_or(plan.places);
        match commas {
            // Commas just before the point divide by a thousand each.
            Some((at, count)) if at == plan.before => plan.shift -= 3 * count,
            Some(_) => plan.groups = true,
            None => {}
        }
        plan.zeros_before = first_zero.map_or(0, |first| (plan.before - first).max(0));
        plan.zeros_behind = (last_zero - plan.before).max(0);
        plan
    }

    /// The number as this picture shows it.
    fn rounded(&self, digits: &Digits) -> Digits {
        if digits.is_zero() {
            return digits.clone();
        }
        let moved = Digits { scale: digits.scale + self.shift, ..digits.clone() };
        moved.rounded(moved.scale + self.places - self.before)
    }

    fn write(&self, section: &[Piece], number: &Digits, culture: &Culture) -> String {
        let mut out = String::new();
        // The place of the next digit, as `Digits` counts them.
        let mut place = self.before.max(number.scale);
        let extra = place - self.before;
        let digits_behind = number.digits.len() as i32 - number.scale;
        let digit = |out: &mut String, place: i32| {
            out.push(number.digit(place));
            if self.groups && place > 1 && place % 3 == 1 {
                out.push(culture.group);
            }
        };
        let mut written_extra = false;
        let mut written_point = false;
        for piece in section {
            if !written_extra && matches!(piece, Piece::Hash | Piece::Zero | Piece::Point) {
                // Digits for which there is no place go before the first one.
                written_extra = true;
                for _ in 0..extra {
                    digit(&mut out, place);
                    place -= 1;
                }
            }
            match piece {
                Piece::Hash | Piece::Zero => {
                    let shown = match place {
                        1.. => place <= number.scale || place <= self.zeros_before,
                        _ => -place < digits_behind || -place < self.zeros_behind,
                    };
                    if shown {
                        digit(&mut out, place);
                    }
                    place -= 1;
                }
                Piece::Point if place == 0 && !written_point => {
                    if self.zeros_behind > 0 || self.before < self.places && digits_behind > 0 {
                        out.push(culture.decimal);
                        written_point = true;
                    }
                }
                Piece::Percent => out.push('%'),
                Piece::PerMille => out.push('‰'),
                Piece::Literal(c) => out.push(*c),
                Piece::Point | Piece::Comma => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of the page "Custom numeric format strings", and of that of FORMAT.
    #[test]
    fn the_examples_of_the_pages() {
        let cases = [
            ((12_345_678, 4), "00000", "01235"),
            ((45_678, 5), "0.00", "0.46"),
            ((12_345_678, 4), "#####", "1235"),
            ((45_678, 5), "#.##", ".46"),
            ((2_147_483_647, 0), "##,#", "2,147,483,647"),
            ((2_147_483_647, 0), "#,#,,", "2,147"),
            ((3_697, 4), "%#0.00", "%36.97"),
            ((3_697, 5), "#0.00‰", "36.97‰"),
            ((987_654, 0), "\\###00\\#", "#987654#"),
            ((68, 0), "# 'degrees'", "68 degrees"),
            ((12_345, 3), "#0.0#;(#0.0#);-\\0-", "12.35"),
            ((0, 0), "#0.0#;(#0.0#);-\\0-", "-0-"),
            ((-12_345, 3), "#0.0#;(#0.0#);-\\0-", "(12.35)"),
            ((12_345, 3), "#0.0#;(#0.0#)", "12.35"),
            ((0, 0), "#0.0#;(#0.0#)", "0.0"),
            ((123_456_789, 0), "###-##-####", "123-45-6789"),
            ((1_234_567_890, 0), "(###) ###-####", "(123) 456-7890"),
            ((-12, 1), "0.0", "-1.2"),
            ((-4, 2), "0.0", "0.0"),
            ((0, 0), "#", ""),
            ((5, 0), "#,##0.00", "5.00"),
            ((1_234_567_891, 3), "#,##0.##", "1,234,567.89"),
        ];
        let culture = Culture::find("en-US").expect("a culture");
        for ((value, scale), format, expected) in cases {
            let got = text(&Digits::exact(value, scale), format, culture).expect(format);
            assert_eq!(got, expected, "{format}");
        }
    }
}
