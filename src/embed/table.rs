//! The built-in model: a table with a vector for every piece of a word. The
//! embedding of a text is the direction of the sum of its pieces' vectors.
//!
//! It relies on [`wordpiece`](super::wordpiece) for the pieces. The table was made
//! by `tools/distill` from a transformer's embeddings of many sentences; a piece's
//! weight in a text (frequent ones say little) is part of its vector's length.
//! A vector is kept as one byte to a dimension and a factor for all of them. It is
//! read where it lies in the binary.

use std::fmt;
use std::sync::LazyLock;

use multiversion::multiversion;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::vector::Vector;
use super::wordpiece::Tokenizer;

/// Dimensions of the built-in model's embeddings.
pub const DIMENSIONS: usize = 256;

static WEIGHTS: &[u8] = include_bytes!("../../assets/model/static-256.safetensors");

/// Names the space of the embeddings, for what stores them: other weights make
/// another space. The end is that of the weights' SHA-256, its first eight digits.
/// It is a constant because computing it takes longer than starting the server.
const NAME: &str = "static-256-94d996c4";

/// A row of the table, in two's complement.
type Row = [u8; DIMENSIONS];
/// A row's factor: an `f32`, little-endian.
type Scale = [u8; 4];

/// The built-in model.
pub struct StaticModel {
    tokenizer: &'static Tokenizer,
    rows: &'static [Row],
    scales: &'static [Scale],
}

impl fmt::Debug for StaticModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticModel").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl StaticModel {
    /// The model.
    ///
    /// # Panics
    /// Where the weights that were compiled in are not what this module expects.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<StaticModel> = LazyLock::new(|| match StaticModel::new(WEIGHTS) {
            Ok(model) => model,
            Err(why) => panic!("assets/model/static-256.safetensors: {why}"),
        });
        &BUILT_IN
    }

    fn new(weights: &'static [u8]) -> Result<Self, SafeTensorError> {
        let tokenizer = Tokenizer::built_in();
        let pieces = tokenizer.vocabulary_size();
        let file = SafeTensors::deserialize(weights)?;
        let rows = array(&file, "rows", Dtype::I8, &[pieces, DIMENSIONS])?;
        let scales = array(&file, "scale", Dtype::F32, &[pieces])?;
        Ok(Self { tokenizer, rows, scales })
    }

    /// The name of the space that its embeddings are in.
    #[must_use]
    pub fn name(&self) -> &str {
        NAME
    }

    /// The embedding of a text of any length; `None` where no piece of it means
    /// anything to the model. It is the same on every machine.
    #[must_use]
    pub fn embed(&self, text: &str) -> Option<Vector> {
        Vector::from_f32(&self.sum(text))
    }

    /// The embedding as it is before its values are rounded, of length 1.
    #[must_use]
    pub fn embed_f32(&self, text: &str) -> Option<Vec<f32>> {
        let sum = self.sum(text);
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        (length > 0.0).then(|| sum.iter().map(|value| value / length).collect())
    }

    fn sum(&self, text: &str) -> [f32; DIMENSIONS] {
        // Most pieces take more bytes than two.
        let mut ids = Vec::with_capacity(text.len() / 2);
        self.tokenizer.ids(text, &mut ids);
        let mut sum = [0.0; DIMENSIONS];
        add(&ids, self.rows, self.scales, &mut sum);
        sum
    }
}

/// Adds the rows, each multiplied by its factor. Every version adds in the same
/// order, value by value, so that all give the same bits.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn add(ids: &[u32], rows: &[Row], scales: &[Scale], sum: &mut [f32; DIMENSIONS]) {
    for id in ids {
        let scale = f32::from_le_bytes(scales[*id as usize]);
        for (sum, value) in sum.iter_mut().zip(&rows[*id as usize]) {
            *sum += scale * f32::from(value.cast_signed());
        }
    }
}

/// An array of this type and shape, in parts of `SIZE` bytes.
fn array<const SIZE: usize>(
    file: &SafeTensors<'static>,
    name: &str,
    dtype: Dtype,
    shape: &[usize],
) -> Result<&'static [[u8; SIZE]], SafeTensorError> {
    let array = file.tensor(name)?;
    if array.dtype() != dtype || array.shape() != shape {
        return Err(SafeTensorError::InvalidTensorView(array.dtype(), array.shape().to_vec(), array.data().len()));
    }
    // The length is that of the type and shape: the crate has checked it.
    Ok(array.data().as_chunks().0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn model() -> &'static StaticModel {
        StaticModel::built_in()
    }

    /// The sum of the rows, in the plainest way.
    fn plain_sum(text: &str) -> Vec<f32> {
        let mut ids = Vec::new();
        model().tokenizer.ids(text, &mut ids);
        let value = |id: u32, dimension: usize| {
            let row = model().rows[id as usize];
            f32::from_le_bytes(model().scales[id as usize]) * f32::from(row[dimension].cast_signed())
        };
        (0..DIMENSIONS).map(|dimension| ids.iter().fold(0.0, |sum, id| sum + value(*id, dimension))).collect()
    }

    #[test]
    fn the_name_has_the_checksum_of_the_weights() {
        assert_eq!(model().name(), format!("static-256-{}", &hex::encode(Sha256::digest(WEIGHTS))[..8]));
    }

    #[test]
    fn texts_that_mean_the_same_are_near() {
        let cosine = |a: &str, b: &str| {
            let embed = |text: &str| model().embed(text).expect("words that are known");
            embed(a).cosine(&embed(b))
        };
        let question = "what pet does she have";
        assert!(cosine(question, "Ann has two cats") > cosine(question, "Ann works in Oslo") + 0.1);
        assert!((cosine("Ann has TWO cats", "ann has two cats") - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_text_without_known_words_has_no_embedding() {
        for text in ["", " \n", "\u{1f980}", "\u{0}\u{200b}"] {
            assert_eq!((model().embed(text), model().embed_f32(text)), (None, None), "{text:?}");
        }
    }

    #[test]
    fn a_file_of_another_form_is_refused() {
        for length in [0, 7, 8, 100, WEIGHTS.len() - 1] {
            assert!(StaticModel::new(&WEIGHTS[..length]).is_err(), "{length} bytes");
        }
        let file = SafeTensors::deserialize(WEIGHTS).expect("arrays");
        let pieces = model().tokenizer.vocabulary_size();
        assert!(array::<DIMENSIONS>(&file, "rows", Dtype::I8, &[pieces, DIMENSIONS]).is_ok());
        assert!(array::<DIMENSIONS>(&file, "rows", Dtype::U8, &[pieces, DIMENSIONS]).is_err());
        assert!(array::<DIMENSIONS>(&file, "rows", Dtype::I8, &[DIMENSIONS, pieces]).is_err());
        assert!(array::<DIMENSIONS>(&file, "columns", Dtype::I8, &[pieces, DIMENSIONS]).is_err());
    }

    #[test]
    fn every_piece_has_a_row_and_a_factor_that_is_a_number() {
        assert_eq!(model().rows.len(), model().tokenizer.vocabulary_size());
        assert_eq!(model().scales.len(), model().tokenizer.vocabulary_size());
        assert!(model().scales.iter().all(|scale| f32::from_le_bytes(*scale).is_finite()));
    }

    proptest! {
        #[test]
        fn the_sum_has_the_same_bits_on_every_processor(text in "[a-z .]{0,200}") {
            prop_assert_eq!(model().sum(&text).to_vec(), plain_sum(&text));
        }

        #[test]
        fn any_text_can_be_embedded(text in any::<String>()) {
            prop_assert_eq!(model().embed(&text).is_some(), model().embed_f32(&text).is_some());
        }
    }
}
