//! A run of slots, and what each pass of a search reads of them.

use super::kernels::{self, HIGH, LOW};
use super::query::Query;
use super::{CHUNK, LANES};

/// Up to [`CHUNK`] slots. A slot without a vector is all zeros, as are the
/// lanes of the last block that have no slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    dimensions: usize,
    /// The vectors, one after the other.
    values: Vec<i8>,
    /// 1 / |x|₂, or 0.
    inverse_norms: Vec<f32>,
    /// The signs after rotation, 1 for not negative: for each block its words,
    /// for each word its lanes.
    codes: Vec<[u64; LANES]>,
    /// |x|₂ / |x|₁ after rotation, or 0: for each block its lanes.
    factors: Vec<[f32; LANES]>,
    /// Which values are large after rotation, as the signs are.
    marks: Vec<[u64; LANES]>,
    /// |x|₂ / ⟨o, x⟩ after rotation, or 0, where o is what the signs and marks say of x.
    finer: Vec<[f32; LANES]>,
}

/// From which multiple of the standard deviation on a value is large: with [`LOW`] and [`HIGH`] the best two bits
/// for normally distributed values (Max, Quantizing for Minimum Distortion, 1960).
const EDGE: f32 = 0.9816;

impl Chunk {
    /// No slots yet.
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            values: Vec::new(),
            inverse_norms: Vec::new(),
            codes: Vec::new(),
            factors: Vec::new(),
            marks: Vec::new(),
            finer: Vec::new(),
        }
    }

    /// Memory that the rows take, in bytes.
    pub fn bytes(&self) -> usize {
        self.values.capacity()
            + self.inverse_norms.capacity() * size_of::<f32>()
            + (self.codes.capacity() + self.marks.capacity()) * size_of::<[u64; LANES]>()
            + (self.factors.capacity() + self.finer.capacity()) * size_of::<[f32; LANES]>()
    }

    /// Adds a slot without a vector; tells which it is, in this chunk.
    pub fn push(&mut self) -> usize {
        let row = self.inverse_norms.len();
        if row.is_multiple_of(LANES) {
            let words = self.words();
            for bits in [&mut self.codes, &mut self.marks] {
                bits.resize(bits.len() + words, [0; LANES]);
            }
            self.factors.push([0.0; LANES]);
            self.finer.push([0.0; LANES]);
        }
        self.inverse_norms.push(0.0);
        self.values.resize(self.values.len() + self.dimensions, 0);
        row
    }

    /// 64-bit words to the signs of a row.
    fn words(&self) -> usize {
        self.dimensions.div_ceil(64)
    }

    /// The vector of a slot, or zeros.
    pub fn values(&self, row: usize) -> &[i8] {
        &self.values[row * self.dimensions..][..self.dimensions]
    }

    /// 1 / |x|₂ of a slot, or 0.
    pub fn inverse_norm(&self, row: usize) -> f32 {
        self.inverse_norms[row]
    }

    /// One of the words of signs of a slot.
    pub fn word(&self, row: usize, word: usize) -> u64 {
        self.codes[row / LANES * self.words() + word][row % LANES]
    }

    fn values_mut(&mut self, row: usize) -> &mut [i8] {
        &mut self.values[row * self.dimensions..][..self.dimensions]
    }

    /// The words of signs and of marks of the block that a row is in.
    fn block_mut(&mut self, row: usize) -> impl Iterator<Item = (&mut [u64; LANES], &mut [u64; LANES])> {
        let words = self.words();
        let from = row / LANES * words;
        self.codes[from..][..words].iter_mut().zip(&mut self.marks[from..][..words])
    }

    /// Writes a vector that is not all zeros, and what it is after rotation.
    #[expect(clippy::cast_precision_loss, reason = "a vector has far fewer dimensions")]
    pub fn set(&mut self, row: usize, values: &[i8], rotated: &[f32]) {
        self.values_mut(row).copy_from_slice(values);
        let norm = norm(values);
        let edge = EDGE * norm / (rotated.len() as f32).sqrt();
        let (all, large) = (sum_of_magnitudes(rotated, 0.0), sum_of_magnitudes(rotated, edge));
        self.inverse_norms[row] = norm.recip();
        self.factors[row / LANES][row % LANES] = norm / all;
        self.finer[row / LANES][row % LANES] = norm / (LOW * all + (HIGH - LOW) * large);
        for ((signs, marks), values) in self.block_mut(row).zip(rotated.chunks(64)) {
            signs[row % LANES] = pack(values, |value| value >= 0.0);
            marks[row % LANES] = pack(values, |value| value.abs() >= edge);
        }
    }

    /// Overwrites a slot with zeros.
    pub fn clear(&mut self, row: usize) {
        self.values_mut(row).fill(0);
        self.inverse_norms[row] = 0.0;
        self.factors[row / LANES][row % LANES] = 0.0;
        self.finer[row / LANES][row % LANES] = 0.0;
        self.block_mut(row).for_each(|(signs, marks)| (signs[row % LANES], marks[row % LANES]) = (0, 0));
    }

    /// Adds a slot that has what a slot of another chunk has.
    pub fn push_copy(&mut self, from: &Self, from_row: usize) {
        let row = self.push();
        let values = &from.values[from_row * self.dimensions..][..self.dimensions];
        self.values_mut(row).copy_from_slice(values);
        self.inverse_norms[row] = from.inverse_norms[from_row];
        self.factors[row / LANES][row % LANES] = from.factors[from_row / LANES][from_row % LANES];
        self.finer[row / LANES][row % LANES] = from.finer[from_row / LANES][from_row % LANES];
        let first = from_row / LANES * self.words();
        let words = from.codes[first..].iter().zip(&from.marks[first..]);
        for ((signs, marks), (from_signs, from_marks)) in self.block_mut(row).zip(words) {
            signs[row % LANES] = from_signs[from_row % LANES];
            marks[row % LANES] = from_marks[from_row % LANES];
        }
    }

    /// Overwrites all that the chunk has, before its memory is given back.
    pub fn erase(mut self) {
        self.values.fill(0);
        self.inverse_norms.fill(0.0);
        self.codes.fill([0; LANES]);
        self.factors.fill([0.0; LANES]);
        self.marks.fill([0; LANES]);
        self.finer.fill([0.0; LANES]);
        // Writes that nobody reads might be left out by the compiler.
        std::hint::black_box(&mut self);
    }

    /// All rows that have a vector.
    pub fn all(&self, rows: &mut Vec<u32>) {
        rows.clear();
        rows.extend((0..).zip(&self.inverse_norms).filter_map(|(row, norm)| (*norm > 0.0).then_some(row)));
    }

    /// The rows that have a vector whose cosine may be at least this.
    pub fn candidates(&self, query: &Query, cosine: f32, rows: &mut Vec<u32>) {
        let codes =
            kernels::Codes { signs: &self.codes, factors: &self.factors, marks: &self.marks, finer: &self.finer };
        kernels::first_pass(&codes, &query.planes, &query.bound(cosine), rows);
        rows.retain(|row| self.inverse_norms.get(*row as usize).is_some_and(|norm| *norm > 0.0));
    }

    /// The cosines of some rows that have vectors, in their order.
    pub fn cosines<'a>(
        &'a self,
        query: &'a Query,
        rows: &'a [u32],
        products: &'a mut Vec<i32>,
    ) -> impl Iterator<Item = f32> + 'a {
        if rows.len() < CHUNK / 2 {
            kernels::fetch(&self.values, self.dimensions, rows);
        }
        kernels::dot_products(&self.values, &query.values, rows, products);
        rows.iter().zip(products).map(|(row, product)| self.scale(*row as usize, *product, query))
    }

    /// The cosine of a row, if it has a vector.
    pub fn cosine(&self, row: usize, query: &Query) -> Option<f32> {
        let values = &self.values[row * self.dimensions..][..self.dimensions];
        let product = values.iter().zip(&query.values).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        (self.inverse_norms[row] > 0.0).then(|| self.scale(row, product, query))
    }

    /// The cosine that a dot product means.
    #[expect(clippy::cast_precision_loss, reason = "it is rounded to the nearest")]
    fn scale(&self, row: usize, product: i32, query: &Query) -> f32 {
        product as f32 * self.inverse_norms[row] * query.inverse_norm
    }
}

/// |x|₂
#[expect(clippy::cast_precision_loss, reason = "it is rounded to the nearest")]
pub fn norm(values: &[i8]) -> f32 {
    let squares: i32 = values.iter().map(|value| i32::from(*value) * i32::from(*value)).sum();
    (squares as f32).sqrt()
}

/// The magnitudes of at least `edge`, as several sums at once: one after the other, each would wait for the last.
fn sum_of_magnitudes(values: &[f32], edge: f32) -> f32 {
    let counted = |value: &f32| if value.abs() >= edge { value.abs() } else { 0.0 };
    let (parts, rest) = values.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for part in parts {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += counted(value);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(counted).sum::<f32>()
}

/// What is true of up to 64 values, of the first in the lowest bit.
fn pack(values: &[f32], is: impl Fn(f32) -> bool) -> u64 {
    values.iter().rev().fold(0, |bits, value| (bits << 1) | u64::from(is(*value)))
}
