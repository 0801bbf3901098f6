//! A direction in an embedding space, one byte to a dimension.

/// The largest magnitude of a value.
const LARGEST: u8 = 127;

/// A direction in an embedding space: a whole number from -127 to 127 for each
/// dimension, not all of them zero. Its length means nothing, so two are compared
/// by the cosine of the angle between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector(Box<[i8]>);

impl Vector {
    /// The direction of `values`: the largest becomes 127 or -127, and the others
    /// are rounded to the nearest number in proportion. `None` where they have no
    /// direction: all are zero, or one is not finite.
    #[must_use]
    pub fn from_f32(values: &[f32]) -> Option<Self> {
        // The bits of magnitudes are in the order of the magnitudes, with infinity
        // and what is no number last. As numbers they are compared fast.
        let largest = values.iter().map(|value| value.abs().to_bits()).max().map(f32::from_bits)?;
        if largest == 0.0 || !largest.is_finite() {
            return None;
        }
        // Divided first: the quotient is finite even where both are tiny.
        Some(Self(values.iter().map(|value| nearest(value / largest * f32::from(LARGEST))).collect()))
    }

    /// The vector that [`Self::to_bytes`] gave these bytes for; `None` where it
    /// gives them for none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let values: Box<[i8]> = bytes.iter().map(|byte| byte.cast_signed()).collect();
        let largest = values.iter().map(|value| value.unsigned_abs()).max()?;
        (1..=LARGEST).contains(&largest).then_some(Self(values))
    }

    /// The form it is stored in: one byte to a dimension, in two's complement.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().map(|value| value.cast_unsigned()).collect()
    }

    /// Its values, from -127 to 127.
    #[must_use]
    pub fn values(&self) -> &[i8] {
        &self.0
    }

    /// How many values it has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// The cosine of the angle between two vectors, from -1 to 1.
    ///
    /// # Panics
    /// Where they have different numbers of dimensions, and so are not of one space.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        assert_eq!(self.dimensions(), other.dimensions(), "vectors of one space");
        // A vector has a value that is not zero, so its length is not zero.
        let cosine = dot(&self.0, &other.0) / (dot(&self.0, &self.0) * dot(&other.0, &other.0)).sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "a cosine needs no more digits")]
        let cosine = cosine as f32;
        cosine.clamp(-1.0, 1.0)
    }
}

/// The whole number nearest to a value from -127 to 127.
fn nearest(value: f32) -> i8 {
    // Beside this number of 24 bits there is no room for a fraction: the sum is
    // rounded, and its last bits are the result's. Compiled for any x86-64, which
    // need not have an instruction for it, f32::round takes four times as long.
    const ROOM: f32 = 12_582_912.0;
    (value + ROOM).to_bits().to_le_bytes()[0].cast_signed()
}

/// The scalar product.
fn dot(a: &[i8], b: &[i8]) -> f64 {
    // Whole numbers are added faster, and those of a part cannot overflow.
    let part = |(a, b): (&[i8], &[i8])| a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>();
    a.chunks(4096).zip(b.chunks(4096)).map(part).map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    #[test]
    fn the_largest_value_becomes_127_whatever_the_scale() {
        for scale in [1.0, 1e-30, 1e30, f32::from_bits(4)] {
            let vector = Vector::from_f32(&[-scale, scale * 0.5, 0.0]).expect("a direction");
            assert_eq!(vector.values(), [-127, 64, 0], "{scale:e}");
        }
    }

    #[test]
    fn what_has_no_direction_is_no_vector() {
        for values in [&[][..], &[0.0, -0.0], &[1.0, f32::NAN], &[f32::INFINITY, 1.0], &[0.0, f32::NEG_INFINITY]] {
            assert_eq!(Vector::from_f32(values), None, "{values:?}");
        }
    }

    #[test]
    fn bytes_that_no_vector_has_are_refused() {
        assert!(Vector::from_bytes(&[0x81, 0]).is_some());
        for bytes in [&[][..], &[0, 0], &[127, 0x80]] {
            assert_eq!(Vector::from_bytes(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn cosines_of_known_angles() {
        let vector = |values: &[f32]| Vector::from_f32(values).expect("a direction");
        let (right, up, left) = (vector(&[2.0, 0.0]), vector(&[0.0, 0.1]), vector(&[-1.0, 0.0]));
        for (other, cosine) in [(&right, 1.0), (&up, 0.0), (&left, -1.0), (&vector(&[1.0, 1.0]), 0.5_f32.sqrt())] {
            assert!((right.cosine(other) - cosine).abs() < 1e-6, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_vector_keeps_its_direction_and_its_bytes(
            a in vec(-1.0_f32..1.0, 256),
            b in vec(-1.0_f32..1.0, 256),
        ) {
            let (x, y) = (Vector::from_f32(&a).expect("a direction"), Vector::from_f32(&b).expect("a direction"));
            prop_assert!((f64::from(x.cosine(&y)) - cosine(&a, &b)).abs() < 2e-3);
            prop_assert_eq!(x.cosine(&y).to_bits(), y.cosine(&x).to_bits());
            prop_assert_eq!(Vector::from_bytes(&x.to_bytes()), Some(x));
        }

        #[test]
        fn rounding_is_to_the_nearest(value in -127.0_f32..=127.0) {
            prop_assert!((f32::from(nearest(value)) - value).abs() <= 0.5);
        }
    }
}
