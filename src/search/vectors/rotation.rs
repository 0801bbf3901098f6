//! A fixed pseudo-random rotation, which makes the signs of a vector's values
//! equally telling whatever model the vector is from.

/// The rotation for one number of dimensions: signs flipped at random, then the
/// Walsh-Hadamard transform, which costs n log n where a matrix costs n².
///
/// The transform is defined for powers of two. With another number of
/// dimensions it is done twice, with the greatest power of two that fits: on
/// the first values, then on the last. That is the rotation of Kac's walk as
/// in the `RaBitQ` library.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    signs: Vec<f32>,
}

impl Rotation {
    /// # Panics
    /// If `dimensions` is 0.
    pub fn new(dimensions: usize) -> Self {
        assert!(dimensions > 0, "a vector has at least one value");
        let mut state = 0_u64;
        let signs = std::iter::repeat_with(|| {
            // SplitMix64, of which the highest bit is taken.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            if mixed >> 63 == 0 { 1.0 } else { -1.0 }
        });
        Self { signs: signs.take(dimensions).collect() }
    }

    /// The vector, rotated. Its length stays as it was.
    pub fn apply(&self, vector: &[i8]) -> Vec<f32> {
        let mut values: Vec<f32> =
            vector.iter().zip(&self.signs).map(|(value, sign)| f32::from(*value) * sign).collect();
        let width = 1 << values.len().ilog2();
        hadamard(&mut values[..width]);
        let rest = values.len() - width;
        if rest > 0 {
            let last = &mut values[rest..];
            last.iter_mut().zip(&self.signs).for_each(|(value, sign)| *value *= sign);
            hadamard(last);
        }
        values
    }

    /// Resident memory in bytes.
    pub fn bytes(&self) -> usize {
        self.signs.capacity() * size_of::<f32>()
    }
}

/// The normalised fast Walsh-Hadamard transform of a power of two values.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for pair in values.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (*low + *high, *low - *high);
            }
        }
        half *= 2;
    }
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let scale = (values.len() as f32).sqrt().recip();
    for value in values {
        *value *= scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn a_rotation_keeps_dot_products() {
        for dimensions in [1, 2, 3, 64, 100, 256, 384, 1536] {
            let rotation = Rotation::new(dimensions);
            let vector = |step: usize| -> Vec<i8> {
                (0..dimensions).map(|i| i8::try_from((i * step + 7) % 255).unwrap_or(i8::MIN + 1)).collect()
            };
            let (a, b) = (vector(31), vector(57));
            let exact: i32 = a.iter().zip(&b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
            let rotated = dot(&rotation.apply(&a), &rotation.apply(&b));
            let lengths = f32::sqrt(
                dot(&rotation.apply(&a), &rotation.apply(&a)) * dot(&rotation.apply(&b), &rotation.apply(&b)),
            );
            assert!(
                (f64::from(rotated) - f64::from(exact)).abs() <= 1e-5 * f64::from(lengths),
                "{dimensions} dimensions: {rotated} for {exact}"
            );
        }
    }

    #[test]
    fn a_single_value_is_spread_over_all() {
        for dimensions in [256, 384, 1536] {
            let rotation = Rotation::new(dimensions);
            for place in [0, dimensions / 2, dimensions - 1] {
                let mut vector = vec![0; dimensions];
                vector[place] = 127;
                let largest = rotation.apply(&vector).into_iter().fold(0.0, |most: f32, value| most.max(value.abs()));
                assert!(largest < 127.0 / 4.0, "{largest} of 127 is in one of {dimensions} values");
            }
        }
    }
}
