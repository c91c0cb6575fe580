//! Numbers of two bytes, IEEE 754 binary16, as vectors may have them.

/// The same number in four bytes, which carry every value of two.
pub(super) fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3FF);
    let exponent = i32::from((bits >> 10) & 0x1F);
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + fraction / 1024.0) * 2f32.powi(e - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn the_ends_of_the_range_are_right() {
        for (bits, value) in [
            (0, 0.0),
            (1, 2f32.powi(-24)),
            (0x3C00, 1.0),
            (0x7BFF, 65504.0),
            (0xFC00, -f32::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04X}");
        }
        assert!(half(0x7C01).is_nan());
    }
}
