//! The inner loops of [`super::Vectors`], each compiled for several instruction
//! sets, of which the program takes the best when it runs. A release is built
//! for the oldest processor of its architecture, and on that alone they would
//! be several times slower. ARM has what they need in its baseline.
//!
//! They are plain loops over arrays of fixed length, in the shape in which the
//! compiler makes vector instructions of them; the assembly was looked at.

use multiversion::multiversion;

use super::{LANES, PLANES};

/// What stands for a value of a row, in standard deviations: one that is not marked, and one that is.
pub const LOW: f32 = 0.4528;
pub const HIGH: f32 = 1.5104;

/// What the first pass reads of rows: of the bits one element for each word of each block, of the numbers one for
/// each block.
pub struct Codes<'a> {
    pub signs: &'a [[u64; LANES]],
    pub factors: &'a [[f32; LANES]],
    pub marks: &'a [[u64; LANES]],
    pub finer: &'a [[f32; LANES]],
}

/// What a row must have to pass, as sums of what is known of it; see [`super::query::Query::bound`].
pub struct Bound {
    /// By its signs alone, `factor * (offset - differing)` must be at least `least`.
    pub offset: f32,
    pub least: f32,
    /// By signs and marks, `finer * product + finer² * of_square` must be at least `enough`, where `product` is
    /// `base - differing * by_differing + ones * by_ones - marked * by_marked`, and `of_square` is
    /// `square + ones * by_one`.
    pub base: f32,
    pub by_differing: f32,
    pub by_ones: f32,
    pub by_marked: f32,
    pub square: f32,
    pub by_one: f32,
    pub enough: f32,
}

/// The first pass over blocks of [`LANES`] rows: the rows, counted from the first block's, that pass. The marks are
/// read only of blocks in which a row passes by its signs.
///
/// `planes` has one element for each word, least weight first.
// Without VPOPCNTQ, the scalar POPCNT was measured to be as fast as what AVX2 makes of this.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vpopcntdq", "x86_64+popcnt"))]
pub fn first_pass(codes: &Codes<'_>, planes: &[[u64; PLANES]], bound: &Bound, rows: &mut Vec<u32>) {
    let words = planes.len();
    // One more than there are rows, for what is written after the last that passes.
    rows.resize(codes.factors.len() * LANES + 1, 0);
    let mut count = 0;
    let signs = codes.signs.chunks_exact(words).zip(codes.factors);
    let marks = codes.marks.chunks_exact(words).zip(codes.finer);
    for (first, ((signs, factors), (marks, finer))) in (0..).step_by(LANES).zip(signs.zip(marks)) {
        let mut differing = [0_u64; LANES];
        for (signs, planes) in signs.iter().zip(planes) {
            for lane in 0..LANES {
                let mut weighted = 0;
                for plane in planes.iter().rev() {
                    weighted = 2 * weighted + u64::from((signs[lane] ^ plane).count_ones());
                }
                differing[lane] += weighted;
            }
        }
        let differing = differing.map(small);
        let mut passing = [false; LANES];
        for lane in 0..LANES {
            passing[lane] = factors[lane] * (bound.offset - differing[lane]) >= bound.least;
        }
        if !passing.iter().fold(false, |any, passing| any | passing) {
            continue;
        }
        let (mut marked, mut ones) = ([0_u64; LANES], [0_u64; LANES]);
        for ((signs, marks), planes) in signs.iter().zip(marks).zip(planes) {
            for lane in 0..LANES {
                let mut weighted = 0;
                for plane in planes.iter().rev() {
                    weighted = 2 * weighted + u64::from(((signs[lane] ^ plane) & marks[lane]).count_ones());
                }
                marked[lane] += weighted;
                ones[lane] += u64::from(marks[lane].count_ones());
            }
        }
        let (marked, ones) = (marked.map(small), ones.map(small));
        for lane in 0..LANES {
            let product = bound.base - differing[lane] * bound.by_differing + ones[lane] * bound.by_ones
                - marked[lane] * bound.by_marked;
            let square = bound.square + ones[lane] * bound.by_one;
            passing[lane] &= finer[lane] * (product + finer[lane] * square) >= bound.enough;
        }
        // Without a branch on each, which could not be foretold.
        for (row, passing) in (first..).zip(passing) {
            rows[count] = row;
            count += usize::from(passing);
        }
    }
    rows.truncate(count);
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "at most 15 times the bits")]
#[inline]
fn small(count: u64) -> f32 {
    count as u32 as f32
}

/// Reads a value of each cache line of the rows and nothing else, so that the
/// processor waits for many lines at once. Dot products of rows far apart, each
/// waiting for its own lines, were measured to take twice as long without.
pub fn fetch(matrix: &[i8], dimensions: usize, rows: &[u32]) {
    let mut read = 0;
    for row in rows {
        for value in matrix[*row as usize * dimensions..][..dimensions].iter().step_by(64) {
            read ^= value;
        }
    }
    std::hint::black_box(read);
}

/// Dot products of a query with some rows of a matrix, in their order.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "x86_64+ssse3+sse4.1"))]
pub fn dot_products(matrix: &[i8], query: &[i16], rows: &[u32], products: &mut Vec<i32>) {
    let (query_parts, query_rest) = query.as_chunks::<32>();
    products.clear();
    for row in rows {
        let (parts, rest) = matrix[*row as usize * query.len()..][..query.len()].as_chunks::<32>();
        let mut product = 0;
        for (part, query) in parts.iter().zip(query_parts) {
            let mut sum = 0;
            for i in 0..32 {
                sum += i32::from(part[i]) * i32::from(query[i]);
            }
            product += sum;
        }
        for (value, query) in rest.iter().zip(query_rest) {
            product += i32::from(*value) * i32::from(*query);
        }
        products.push(product);
    }
}
