//! What a value is compared as, by the type of its column.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::column::Kind;
use crate::decimal::Decimal;
use crate::moment::{Moment, clock};

/// A value as something that has an order.
#[derive(Debug, Clone)]
pub(crate) enum Key<'t> {
    Exact(Decimal),
    Float(f64),
    Bit(bool),
    /// Units of 100 ns.
    Ticks(i64),
    /// Without regard to case.
    Text(Cow<'t, str>),
}

/// Texts without regard to case, by the code points of their lower case.
pub(crate) fn compare_folded(a: &str, b: &str) -> Ordering {
    let both = a.as_bytes().iter().zip(b.as_bytes());
    for (n, (x, y)) in both.enumerate() {
        if !x.is_ascii() || !y.is_ascii() {
            // All before it is ASCII, so that a character begins here in both.
            return lower(&a[n..]).cmp(lower(&b[n..]));
        }
        let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

fn lower(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// A text in lower case, each character for itself.
pub(crate) fn folded(text: &str) -> String {
    lower(text).collect()
}

// === impl Key ===

impl<'t> Key<'t> {
    /// The key of a value in a column of this kind; none where it is not of the kind.
    #[inline]
    pub(crate) fn of(kind: Kind, text: Cow<'t, str>) -> Option<Self> {
        match kind {
            Kind::Int(_) | Kind::Decimal { .. } => Decimal::read(&text).map(Self::Exact),
            Kind::Real | Kind::Float => {
                text.parse().ok().filter(|x: &f64| x.is_finite()).map(Self::Float)
            }
            Kind::Bit => match &*text {
                "true" | "1" => Some(Self::Bit(true)),
                "false" | "0" => Some(Self::Bit(false)),
                _ => None,
            },
            Kind::Time { .. } => clock(text.as_bytes()).map(Self::Ticks),
            Kind::Date | Kind::Moment { .. } => {
                Moment::read(&text).map(|moment| Self::Ticks(moment.local))
            }
            Kind::Offset { .. } => Moment::read(&text).map(|moment| Self::Ticks(moment.utc())),
            Kind::Guid | Kind::Binary | Kind::Text | Kind::Other => Some(Self::Text(text)),
        }
    }

    /// The key of what a person wrote to compare a column with: blanks around what is no text do
    /// not count. None where it is not of the column's kind.
    pub(crate) fn wanted(kind: Kind, text: &'t str) -> Option<Self> {
        let trimmed = text.trim();
        match kind {
            Kind::Text | Kind::Other => Self::of(kind, text.into()),
            Kind::Bit => Self::of(kind, trimmed.to_ascii_lowercase().into()),
            Kind::Date | Kind::Moment { .. } => {
                // A zone cannot be compared with what has none.
                let moment = Moment::read(trimmed).filter(|moment| moment.offset.is_none())?;
                Some(Self::Ticks(moment.local))
            }
            _ => Self::of(kind, trimmed.into()),
        }
    }

    /// None between keys of different kinds.
    #[inline]
    pub(crate) fn compare(&self, other: &Key<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Exact(a), Key::Exact(b)) => Some(a.cmp(b)),
            (Self::Float(a), Key::Float(b)) => a.partial_cmp(b),
            (Self::Bit(a), Key::Bit(b)) => Some(a.cmp(b)),
            (Self::Ticks(a), Key::Ticks(b)) => Some(a.cmp(b)),
            (Self::Text(a), Key::Text(b)) => Some(compare_folded(a, b)),
            _ => None,
        }
    }

    pub(crate) fn into_owned(self) -> Key<'static> {
        match self {
            Self::Text(text) => Key::Text(Cow::Owned(text.into_owned())),
            Self::Exact(x) => Key::Exact(x),
            Self::Float(x) => Key::Float(x),
            Self::Bit(x) => Key::Bit(x),
            Self::Ticks(x) => Key::Ticks(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_compared_as_their_lower_case(a in "[a-cA-CäÄ\u{212a}kKİ]{0,6}", b in "[a-cA-CäÄ\u{212a}kKİ]{0,6}") {
            prop_assert_eq!(compare_folded(&a, &b), folded(&a).cmp(&folded(&b)));
        }
    }

    #[test]
    fn values_are_compared_by_the_type_of_their_column() {
        let compare = |sql_type: &str, a: &'static str, b: &'static str| {
            let kind = Kind::of(sql_type);
            Key::of(kind, a.into())?.compare(&Key::wanted(kind, b)?)
        };
        assert_eq!(compare("decimal(20,2)", "9.50", " 9.5 "), Some(Ordering::Equal));
        assert_eq!(compare("int", "9", "10"), Some(Ordering::Less));
        assert_eq!(compare("varchar(5)", "9", "10"), Some(Ordering::Greater));
        assert_eq!(compare("float", "1e3", "999.5"), Some(Ordering::Greater));
        assert_eq!(compare("nvarchar(9)", "ÄPFEL", "äpfel"), Some(Ordering::Equal));
        assert_eq!(compare("bit", "true", "1"), Some(Ordering::Equal));
        assert_eq!(compare("date", "2024-01-02", "2024-01-01T23:00"), Some(Ordering::Greater));
        assert_eq!(
            compare("datetimeoffset(0)", "2024-01-01T23:00:00-05:00", "2024-01-02T04:00:00Z"),
            Some(Ordering::Equal)
        );
        assert_eq!(compare("time(7)", "23:59:59.9999999", "23:59"), Some(Ordering::Greater));
        assert_eq!(compare("binary(2)", "0x0A0B", "0x0a0c"), Some(Ordering::Less));
        assert_eq!(compare("int", "9", "nine"), None);
        assert_eq!(compare("datetime", "2024-01-01T00:00:00.000", "2024-01-01T00:00Z"), None);
    }
}
