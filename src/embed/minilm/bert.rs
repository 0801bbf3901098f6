//! The forward pass of BERT (Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>),
//! written out: token, position and type embeddings, then layers of attention and
//! a feed-forward network, each added to its input and normalised.
//!
//! Sequences of several lengths are laid end to end in one matrix, so there is
//! nothing to pad and no mask: the linear layers see all tokens at once, and
//! attention looks only within each sequence. The work is nearly all in the
//! matrix products, which are the `ndarray` crate's; one thread does it.

use std::ops::Range;
use std::path::Path;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis, Zip, s};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::error::{Error, Result};

/// The type of the tokens of a single text.
const FIRST_TYPE: usize = 0;

/// What `config.json` says of the shape of a model.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f32,
    hidden_act: String,
    position_embedding_type: Option<String>,
}

impl Config {
    /// Reads and checks it; `file` is for the error.
    pub(super) fn read(bytes: &[u8], file: &Path) -> Result<Self> {
        let wrong = |what: String| Error::invalid(format!("{} {what}.", file.display()));
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("is not the configuration of a BERT: {error}")))?;
        if config.hidden_act != "gelu" {
            return Err(wrong(format!("asks for the activation '{}'; only 'gelu' is known", config.hidden_act)));
        }
        if let Some(kind) = config.position_embedding_type.as_deref().filter(|&kind| kind != "absolute") {
            return Err(wrong(format!("asks for positions of type '{kind}'; only 'absolute' is known")));
        }
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        if hidden == 0 || heads == 0 || !hidden.is_multiple_of(heads) {
            return Err(wrong(format!("has hidden_size {hidden}, which {heads} attention heads can't share")));
        }
        if config.type_vocab_size == 0 || !config.layer_norm_eps.is_finite() || config.layer_norm_eps <= 0.0 {
            return Err(wrong("has no token types, or a layer_norm_eps that is not positive".to_owned()));
        }
        Ok(config)
    }

    /// What of it can change an embedding without changing a tensor's shape.
    pub(super) fn identity(&self) -> String {
        format!("{} {:e}", self.num_attention_heads, self.layer_norm_eps)
    }
}

/// The tensors of a file, which name all they have by a common prefix, such as
/// `bert.` or `0.auto_model.`, or none.
struct Tensors<'a> {
    file: &'a Path,
    tensors: SafeTensors<'a>,
    prefix: String,
}

impl<'a> Tensors<'a> {
    fn read(bytes: &'a [u8], file: &'a Path) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| Error::invalid(format!("{} is not a safetensors file: {error}.", file.display())))?;
        let known = "embeddings.word_embeddings.weight";
        let prefix = tensors.names().into_iter().find_map(|name| name.strip_suffix(known)).map(str::to_owned);
        let prefix = prefix
            .ok_or_else(|| Error::invalid(format!("{} has no tensor '{known}': it is not a BERT.", file.display())))?;
        Ok(Self { file, tensors, prefix })
    }

    /// The numbers of a tensor that must have this shape.
    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let name = format!("{}{name}", self.prefix);
        let wrong = |what: String| Error::invalid(format!("Tensor '{name}' of {} {what}.", self.file.display()));
        let tensor = self.tensors.tensor(&name).map_err(|_| wrong("is missing".to_owned()))?;
        if tensor.shape() != shape {
            return Err(wrong(format!("has shape {:?}; config.json asks for {shape:?}", tensor.shape())));
        }
        if tensor.dtype() != Dtype::F32 {
            return Err(wrong(format!("is of type {:?}; only F32 is read", tensor.dtype())));
        }
        // The shape is the file's own, whose size was checked: no bytes are left over.
        let (floats, _) = tensor.data().as_chunks::<4>();
        let numbers: Vec<f32> = floats.iter().map(|float| f32::from_le_bytes(*float)).collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(wrong("holds something that is not a finite number".to_owned()));
        }
        Ok(numbers)
    }

    fn vector(&self, name: &str, length: usize) -> Result<Array1<f32>> {
        Ok(Array1::from_vec(self.numbers(name, &[length])?))
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Array2<f32>> {
        let numbers = self.numbers(name, &[rows, columns])?;
        Array2::from_shape_vec((rows, columns), numbers).map_err(Error::internal)
    }

    fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
        // The file has a row for each output. Products with short inputs are
        // faster with a row for each input.
        let weight = self.matrix(&format!("{name}.weight"), outputs, inputs)?;
        let weight = weight.t().as_standard_layout().into_owned();
        Ok(Linear { weight, bias: self.vector(&format!("{name}.bias"), outputs)? })
    }

    fn norm(&self, name: &str, config: &Config) -> Result<Norm> {
        let scale = self.vector(&format!("{name}.weight"), config.hidden_size)?;
        let shift = self.vector(&format!("{name}.bias"), config.hidden_size)?;
        Ok(Norm { scale, shift, epsilon: config.layer_norm_eps })
    }
}

/// `x · weight + bias` for each row `x`.
#[derive(Debug)]
struct Linear {
    weight: Array2<f32>,
    bias: Array1<f32>,
}

impl Linear {
    fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        let mut y = Array2::zeros((x.nrows(), self.bias.len()));
        y += &self.bias;
        general_mat_mul(1.0, x, &self.weight, 1.0, &mut y);
        y
    }
}

/// Layer normalisation of each row (Ba et al. 2016).
#[derive(Debug)]
struct Norm {
    scale: Array1<f32>,
    shift: Array1<f32>,
    epsilon: f32,
}

impl Norm {
    fn apply(&self, x: &mut Array2<f32>) {
        for mut row in x.rows_mut() {
            let mean = row.mean().unwrap_or_default();
            row -= mean;
            let variance = row.dot(&row) / self.scale_len();
            row *= 1.0 / (variance + self.epsilon).sqrt();
            Zip::from(&mut row).and(&self.scale).and(&self.shift).for_each(|x, scale, shift| *x = *x * scale + shift);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a row is a few thousand numbers at most")]
    fn scale_len(&self) -> f32 {
        self.scale.len() as f32
    }
}

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: Norm,
    widen: Linear,
    narrow: Linear,
    norm: Norm,
}

impl Layer {
    fn read(tensors: &Tensors<'_>, config: &Config, number: usize) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let square = |part: &str| tensors.linear(&name(part), hidden, hidden);
        Ok(Self {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            attended: square("attention.output.dense")?,
            attended_norm: tensors.norm(&name("attention.output.LayerNorm"), config)?,
            widen: tensors.linear(&name("intermediate.dense"), hidden, wide)?,
            narrow: tensors.linear(&name("output.dense"), wide, hidden)?,
            norm: tensors.norm(&name("output.LayerNorm"), config)?,
        })
    }

    fn apply(&self, x: &mut Array2<f32>, sequences: &[Range<usize>], heads: usize) {
        *x += &self.attended.apply(&self.attend(x, sequences, heads));
        self.attended_norm.apply(x);
        let mut wide = self.widen.apply(x);
        wide.mapv_inplace(gelu);
        *x += &self.narrow.apply(&wide);
        self.norm.apply(x);
    }

    /// Each token's mixture of the values of its sequence, head by head.
    fn attend(&self, x: &Array2<f32>, sequences: &[Range<usize>], heads: usize) -> Array2<f32> {
        let mut query = self.query.apply(x);
        let (key, value) = (self.key.apply(x), self.value.apply(x));
        let width = x.ncols() / heads;
        query *= inverse_root(width);
        let mut mixed = Array2::zeros(x.raw_dim());
        for tokens in sequences {
            for head in 0..heads {
                let part = s![tokens.clone(), head * width..(head + 1) * width];
                let mut weights = query.slice(part).dot(&key.slice(part).t());
                weights.rows_mut().into_iter().for_each(softmax);
                general_mat_mul(1.0, &weights, &value.slice(part), 0.0, &mut mixed.slice_mut(part));
            }
        }
        mixed
    }
}

/// A model, ready to run.
#[derive(Debug)]
pub(super) struct Bert {
    words: Array2<f32>,
    /// Positions, with the first token type already added.
    positions: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
}

impl Bert {
    /// Reads the weights of a model of this shape; `file` is for the errors.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the file and the tensor.
    pub(super) fn read(bytes: &[u8], file: &Path, config: &Config) -> Result<Self> {
        let tensors = Tensors::read(bytes, file)?;
        let hidden = config.hidden_size;
        let types = tensors.matrix("embeddings.token_type_embeddings.weight", config.type_vocab_size, hidden)?;
        let positions =
            tensors.matrix("embeddings.position_embeddings.weight", config.max_position_embeddings, hidden)?;
        Ok(Self {
            words: tensors.matrix("embeddings.word_embeddings.weight", config.vocab_size, hidden)?,
            positions: positions + types.row(FIRST_TYPE),
            norm: tensors.norm("embeddings.LayerNorm", config)?,
            layers: (0..config.num_hidden_layers)
                .map(|number| Layer::read(&tensors, config, number))
                .collect::<Result<_>>()?,
            heads: config.num_attention_heads,
        })
    }

    /// The last layer's row for each token of each sequence, `[tokens, hidden]`.
    ///
    /// # Panics
    /// If a sequence is longer than the model's positions, or has a token that is
    /// not in its vocabulary.
    pub(super) fn encode(&self, sequences: &[Vec<u32>]) -> Vec<Array2<f32>> {
        let mut ranges = Vec::with_capacity(sequences.len());
        let mut start = 0;
        for sequence in sequences {
            ranges.push(start..start + sequence.len());
            start += sequence.len();
        }
        let mut x = Array2::zeros((start, self.words.ncols()));
        let tokens = sequences.iter().flat_map(|sequence| sequence.iter().enumerate());
        for (mut row, (position, &token)) in x.rows_mut().into_iter().zip(tokens) {
            row += &self.words.row(token as usize);
            row += &self.positions.row(position);
        }
        self.norm.apply(&mut x);
        for layer in &self.layers {
            layer.apply(&mut x, &ranges, self.heads);
        }
        ranges.into_iter().map(|range| x.slice(s![range, ..]).to_owned()).collect()
    }
}

/// The mean of all rows.
pub(super) fn mean(rows: &ArrayView2<'_, f32>) -> Array1<f32> {
    rows.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(rows.ncols()))
}

#[expect(clippy::cast_precision_loss, reason = "the width of a head is a few hundred at most")]
fn inverse_root(width: usize) -> f32 {
    1.0 / (width as f32).sqrt()
}

fn softmax(mut row: ArrayViewMut1<'_, f32>) {
    let largest = row.fold(f32::NEG_INFINITY, |largest, &x| largest.max(x));
    row.mapv_inplace(|x| (x - largest).exp());
    let sum = row.sum();
    row /= sum;
}

/// `x · Φ(x)`, with the exact Φ and not its approximation by tanh.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The error function by the rational approximation that Eigen and XLA use for
/// 32-bit floats: odd over even polynomial, within 5e-7, without a branch, so
/// that the compiler does several at a time.
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let y = x * x;
    let mut odd = -2.726_142_3e-10;
    for term in [2.770_681_4e-8, -2.101_024e-6, -5.692_506_5e-5, -7.349_906e-4, -2.954_6e-3, -1.609_603_3e-2] {
        odd = odd * y + term;
    }
    let mut even = -1.456_607_2e-5;
    for term in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329_3e-3, -1.426_473_9e-2] {
        even = even * y + term;
    }
    x * odd / even
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// erf by its Taylor series, in 64 bits; good below 4.
    pub(in super::super) fn series(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..120_u32 {
            let n = f64::from(n);
            term *= -x * x / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    proptest! {
        #[test]
        fn erf_is_within_its_error(x in -3.9_f32..3.9) {
            prop_assert!((f64::from(erf(x)) - series(f64::from(x))).abs() < 5e-7, "{x}: {}", erf(x));
        }
    }

    #[test]
    fn erf_and_gelu_have_the_known_values() {
        for (x, wanted) in [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3), (9.0, 1.0)] {
            assert!((erf(x) - wanted).abs() < 5e-7, "{x}");
            assert!((erf(-x) + wanted).abs() < 5e-7, "-{x}");
        }
        assert!((gelu(1.0) - 0.841_344_8).abs() < 1e-6);
        assert!((gelu(-1.0) + 0.158_655_26).abs() < 1e-6);
        assert!(gelu(-30.0).abs() < 1e-4);
    }

    #[test]
    fn softmax_bears_large_numbers() {
        let mut row = Array1::from_vec(vec![1000.0, 1000.0, -1000.0]);
        softmax(row.view_mut());
        assert_eq!(row.to_vec(), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_configuration_of_another_kind_is_refused() {
        let read = |change: &[(&str, serde_json::Value)]| {
            let mut config = serde_json::json!({
                "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                "intermediate_size": 4, "max_position_embeddings": 4, "type_vocab_size": 2,
                "layer_norm_eps": 1e-12, "hidden_act": "gelu", "position_embedding_type": "absolute",
            });
            for (name, value) in change {
                config[*name] = value.clone();
            }
            Config::read(config.to_string().as_bytes(), Path::new("/m/config.json"))
        };
        assert!(read(&[]).is_ok());
        for (name, value, part) in [
            ("hidden_act", "relu".into(), "'relu'"),
            ("position_embedding_type", "relative_key".into(), "'relative_key'"),
            ("num_attention_heads", 3.into(), "3 attention heads"),
            ("num_attention_heads", 0.into(), "0 attention heads"),
            ("layer_norm_eps", 0.into(), "layer_norm_eps"),
            ("hidden_size", "many".into(), "not the configuration of a BERT"),
        ] {
            let error = read(&[(name, value)]).expect_err("another kind").to_string();
            assert!(error.starts_with("/m/config.json") && error.contains(part), "{error}");
        }
    }
}
