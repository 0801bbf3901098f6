//! What the two passes of a search make of its query.

use std::f32::consts::FRAC_PI_2;

use super::PLANES;
use super::chunk::norm;
use super::kernels::{Bound, HIGH, LOW};

/// The greatest value of the query in the first pass, in units: all of [`PLANES`] set.
const LEVELS: f32 = 15.0;
/// How many standard deviations an estimate may be too low. In theory one in 160
/// of the vectors that are just near enough is missed at 2.5, and fewer of the
/// nearer ones; at 2, one in 44.
const CONFIDENCE: f32 = 2.5;

/// Which part of the square of a random vector its signs and marks don't tell (Max, as for the edge of a mark).
const DISTORTION: f32 = 0.1175;

/// A query that is not all zeros.
pub struct Query {
    /// As it was given, in the type that is multiplied in.
    pub values: Vec<i16>,
    /// 1 / |q|₂
    pub inverse_norm: f32,
    /// For each word of a row the bits of the rounded values, lowest first.
    pub planes: Vec<[u64; PLANES]>,
    /// What a value of 1 after rounding stands for, in a query of length 1.
    unit: f32,
}

impl Query {
    /// Of the values as they are and after rotation; `None` if all are zeros.
    pub fn new(values: &[i8], rotated: &[f32]) -> Option<Self> {
        let largest = rotated.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        if largest == 0.0 {
            return None;
        }
        let mut planes = vec![[0; PLANES]; values.len().div_ceil(64)];
        let mut product = 0.0;
        for (i, value) in rotated.iter().enumerate() {
            let level = (f32::midpoint(value / largest, 1.0) * LEVELS).round();
            product += value * (2.0 * level - LEVELS);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 15")]
            let level = level as u64;
            for (bit, plane) in planes[i / 64].iter_mut().enumerate() {
                *plane |= ((level >> bit) & 1) << (i % 64);
            }
        }
        let norm = norm(values);
        let values = values.iter().map(|value| i16::from(*value)).collect();
        // With this unit the rounded query has the product 1 with the query itself.
        Some(Self { values, inverse_norm: norm.recip(), planes, unit: norm / product })
    }

    /// What a row must have to pass if its cosine may be at least this.
    ///
    /// With the factor f of its signs, the estimate is f · unit · (15 d - 2 · differing), and
    /// the row passes if that plus [`CONFIDENCE`] deviations is at least the
    /// cosine. By the tangent, a deviation is √(1 - cosine²) · (g₀ √d f - 1) /
    /// √((g₀² - 1) (d - 1)), linear in f.
    ///
    /// With the factor e of signs and marks, where o are the values that they stand for, it is
    /// e · ⟨o, q⟩, and a deviation √(1 - cosine²) · √((e² |o|² - 1) / (d - 1)), which has a
    /// tangent in e² |o|²: [`DISTORTION`] says where it touches.
    #[expect(clippy::cast_precision_loss, reason = "a vector has far fewer dimensions")]
    pub fn bound(&self, cosine: f32) -> Bound {
        let dimensions = self.values.len() as f32;
        let deviations = CONFIDENCE * (1.0 - cosine * cosine).max(0.0).sqrt();
        let rest = (dimensions - 1.0).max(1.0);
        let margin = deviations / ((FRAC_PI_2 - 1.0) * rest).sqrt();
        let slope = margin * (FRAC_PI_2 * dimensions).sqrt();
        let (touches, finer) = (1.0 / (1.0 - DISTORTION), deviations / rest.sqrt());
        let root = (touches - 1.0).sqrt();
        let by_square = finer / (2.0 * root);
        Bound {
            offset: f32::midpoint(LEVELS * dimensions, slope / self.unit),
            least: (cosine + margin) / (2.0 * self.unit),
            base: self.unit * LOW * LEVELS * dimensions,
            by_differing: self.unit * LOW * 2.0,
            by_ones: self.unit * (HIGH - LOW) * LEVELS,
            by_marked: self.unit * (HIGH - LOW) * 2.0,
            square: by_square * LOW * LOW * dimensions,
            by_one: by_square * (HIGH * HIGH - LOW * LOW),
            enough: cosine - finer * root + by_square * touches,
        }
    }
}
