//! The inner loops of [`super::Vectors`], each compiled for several instruction
//! sets, of which the program takes the best when it runs. A release is built
//! for the oldest processor of its architecture, and on that alone they would
//! be several times slower. ARM has what they need in its baseline.
//!
//! They are plain loops over arrays of fixed length, in the shape in which the
//! compiler makes vector instructions of them; the assembly was looked at.

use multiversion::multiversion;

use super::{LANES, PLANES};

/// The first pass over blocks of [`LANES`] rows: the rows, counted from
/// the first block's, for which `factor * (offset - differing)` is at least
/// `least`. `differing` is the number of the row's sign bits that differ from
/// each plane of the query, times the plane's weight.
///
/// `codes` has one element for each word of each block, `factors` one for each
/// block, `planes` one for each word, least weight first.
// Without VPOPCNTQ, the scalar POPCNT was measured to be as fast as what AVX2 makes of this.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx512vpopcntdq", "x86_64+popcnt"))]
pub fn first_pass(
    codes: &[[u64; LANES]],
    factors: &[[f32; LANES]],
    planes: &[[u64; PLANES]],
    offset: f32,
    least: f32,
    rows: &mut Vec<u32>,
) {
    // One more than there are rows, for what is written after the last that passes.
    rows.resize(factors.len() * LANES + 1, 0);
    let mut count = 0;
    let blocks = codes.chunks_exact(planes.len()).zip(factors);
    for (first, (block, factors)) in (0..).step_by(LANES).zip(blocks) {
        let mut differing = [0_u64; LANES];
        for (word, planes) in block.iter().zip(planes) {
            for lane in 0..LANES {
                let mut weighted = 0;
                for plane in planes.iter().rev() {
                    weighted = 2 * weighted + u64::from((word[lane] ^ plane).count_ones());
                }
                differing[lane] += weighted;
            }
        }
        let mut passing = [false; LANES];
        for lane in 0..LANES {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "at most 15 times the bits"
            )]
            let differing = differing[lane] as u32 as f32;
            passing[lane] = factors[lane] * (offset - differing) >= least;
        }
        if passing.iter().fold(false, |any, passing| any | passing) {
            // Without a branch on each, which could not be foretold.
            for (row, passing) in (first..).zip(passing) {
                rows[count] = row;
                count += usize::from(passing);
            }
        }
    }
    rows.truncate(count);
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
