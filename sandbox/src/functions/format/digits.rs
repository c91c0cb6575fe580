//! A number as .NET formats it: its significant digits, and where its point stands.

use crate::types::{Type, Value};

/// Digits without zeros in front or at the end; none for zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Digits {
    pub(super) negative: bool,
    pub(super) digits: Vec<u8>,
    /// How many digits stand before the point; below zero for zeros behind it.
    pub(super) scale: i32,
}

impl Digits {
    /// An exact number of so many digits behind its point.
    pub(super) fn exact(value: i128, scale: u8) -> Self {
        let text = value.unsigned_abs().to_string();
        let before = text.len() as i32 - i32::from(scale);
        Self::new(value < 0, text.into_bytes(), before)
    }

    /// A float to so many significant digits.
    pub(super) fn of_float(value: f64, significant: usize) -> Self {
        let text = format!("{:.*e}", significant.saturating_sub(1), value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        Self::new(value < 0.0, digits, exponent.parse::<i32>().unwrap_or(0) + 1)
    }

    /// Digits of ASCII, of which `scale` stand before the point.
    fn new(negative: bool, mut digits: Vec<u8>, mut scale: i32) -> Self {
        let zeros = digits.iter().take_while(|d| **d == b'0').count();
        digits.drain(..zeros);
        scale -= zeros as i32;
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Self { negative: false, digits, scale: 0 };
        }
        Self { negative, digits, scale }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Rounds half away from zero behind so many significant digits.
    #[must_use]
    pub(super) fn rounded(&self, significant: i32) -> Self {
        let Ok(keep) = usize::try_from(significant) else {
            return Self::new(false, Vec::new(), 0);
        };
        if keep >= self.digits.len() {
            return self.clone();
        }
        let (mut digits, mut scale) = (self.digits[..keep].to_vec(), self.scale);
        if self.digits[keep] >= b'5' {
            while digits.last() == Some(&b'9') {
                digits.pop();
            }
            match digits.last_mut() {
                Some(last) => *last += 1,
                None => {
                    digits.push(b'1');
                    scale += 1;
                }
            }
        }
        Self::new(self.negative, digits, scale)
    }

    /// The digit at a place before the point, from 1, or behind it, from 0 downwards.
    pub(super) fn digit(&self, place: i32) -> char {
        let at = usize::try_from(self.scale - place).ok();
        at.and_then(|at| self.digits.get(at)).map_or('0', |d| char::from(*d))
    }
}

/// The digits of a value; `significant` of a real and of a float where it is one.
pub(super) fn of(value: &Value, ty: Type, significant: (usize, usize)) -> Digits {
    match value {
        Value::Int(n) => Digits::exact(i128::from(*n), 0),
        Value::Dec(d) => Digits::exact(*d, ty.scale()),
        Value::Float(f) if ty == Type::Real => Digits::of_float(*f, significant.0),
        Value::Float(f) => Digits::of_float(*f, significant.1),
        _ => Digits::exact(0, 0),
    }
}
