//! A small model, and its last layer by loops over single numbers in 64 bits: what
//! [`super::bert`] is compared with.

use std::collections::BTreeMap;
use std::f64::consts::FRAC_1_SQRT_2;
use std::fs;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use super::bert::tests::series;

pub const HIDDEN: usize = 8;
pub const WIDE: usize = 12;
pub const HEADS: usize = 2;
pub const LAYERS: usize = 2;
pub const POSITIONS: usize = 20;

/// The tensors of a small model with numbers between -1 and 1 that look random.
#[derive(Clone)]
pub struct Tensors(pub BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Tensors {
    pub fn random(words: usize) -> Self {
        let mut shapes = vec![
            ("embeddings.word_embeddings.weight".to_owned(), vec![words, HIDDEN]),
            ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, HIDDEN]),
            ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
        ];
        let mut named = vec![("embeddings.LayerNorm".to_owned(), vec![HIDDEN])];
        for layer in 0..LAYERS {
            for (part, shape) in [
                ("attention.self.query", vec![HIDDEN, HIDDEN]),
                ("attention.self.key", vec![HIDDEN, HIDDEN]),
                ("attention.self.value", vec![HIDDEN, HIDDEN]),
                ("attention.output.dense", vec![HIDDEN, HIDDEN]),
                ("attention.output.LayerNorm", vec![HIDDEN]),
                ("intermediate.dense", vec![WIDE, HIDDEN]),
                ("output.dense", vec![HIDDEN, WIDE]),
                ("output.LayerNorm", vec![HIDDEN]),
            ] {
                named.push((format!("encoder.layer.{layer}.{part}"), shape));
            }
        }
        for (name, shape) in named {
            shapes.push((format!("{name}.bias"), vec![shape[0]]));
            shapes.push((format!("{name}.weight"), shape));
        }
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(state >> 16).expect("16 bits")) / 32768.0 - 1.0
        };
        let fill = |(name, shape): (String, Vec<usize>)| {
            let numbers = (0..shape.iter().product()).map(|_| next()).collect();
            (name, (shape, numbers))
        };
        Self(shapes.into_iter().map(fill).collect())
    }

    pub fn write(&self, folder: &Path, prefix: &str) {
        let bytes: Vec<(String, &Vec<usize>, Vec<u8>)> = self
            .0
            .iter()
            .map(|(name, (shape, numbers))| {
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                (format!("{prefix}{name}"), shape, bytes)
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name, TensorView::new(Dtype::F32, (*shape).clone(), bytes).expect("a tensor"))
        });
        let file = serialize(views, None).expect("a safetensors file");
        fs::write(folder.join("model.safetensors"), file).expect("written");
    }

    fn row(&self, name: &str, row: usize) -> Vec<f64> {
        let (shape, numbers) = &self.0[name];
        let columns = shape.get(1).copied().unwrap_or(shape[0]);
        numbers[row * columns..][..columns].iter().map(|&number| f64::from(number)).collect()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let bias = self.row(&format!("{name}.bias"), 0);
        let output = |(row, bias): (usize, &f64)| dot(&self.row(&format!("{name}.weight"), row), x) + bias;
        bias.iter().enumerate().map(output).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let length = f64::from(u32::try_from(x.len()).expect("small"));
        let mean = x.iter().sum::<f64>() / length;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / length;
        let (scale, shift) = (self.row(&format!("{name}.weight"), 0), self.row(&format!("{name}.bias"), 0));
        x.iter().zip(scale).zip(shift).map(|((x, a), b)| (x - mean) / (variance + 1e-12).sqrt() * a + b).collect()
    }

    /// The last layer by loops over single numbers in 64 bits, each sequence
    /// filled up with padding that a mask hides: as unlike the other as it can be.
    pub fn encode(&self, tokens: &[u32], padding: usize) -> Vec<Vec<f64>> {
        let mask: Vec<bool> = (0..tokens.len() + padding).map(|place| place < tokens.len()).collect();
        let mut x: Vec<Vec<f64>> = (0..mask.len())
            .map(|place| {
                let token = tokens.get(place).copied().unwrap_or(0);
                let word = self.row("embeddings.word_embeddings.weight", token as usize);
                let position = self.row("embeddings.position_embeddings.weight", place);
                let kind = self.row("embeddings.token_type_embeddings.weight", 0);
                self.norm("embeddings.LayerNorm", &add(&add(&word, &position), &kind))
            })
            .collect();
        for layer in 0..LAYERS {
            let name = |part: &str| format!("encoder.layer.{layer}.{part}");
            let all = |part: &str| x.iter().map(|x| self.linear(&name(part), x)).collect::<Vec<_>>();
            let [query, key, value] = ["query", "key", "value"].map(|part| all(&format!("attention.self.{part}")));
            x = (0..x.len())
                .map(|place| {
                    let mut mixed = vec![0.0; HIDDEN];
                    let width = HIDDEN / HEADS;
                    for from in (0..HIDDEN).step_by(width) {
                        let part = from..from + width;
                        let root = f64::from(u32::try_from(width).expect("small")).sqrt();
                        let score = |key: &Vec<f64>| dot(&query[place][part.clone()], &key[part.clone()]) / root;
                        let weights: Vec<f64> = key
                            .iter()
                            .zip(&mask)
                            .map(|(key, &visible)| if visible { score(key).exp() } else { 0.0 })
                            .collect();
                        let sum: f64 = weights.iter().sum();
                        for (weight, value) in weights.iter().zip(&value) {
                            part.clone().for_each(|i| mixed[i] += weight / sum * value[i]);
                        }
                    }
                    let mixed = self.linear(&name("attention.output.dense"), &mixed);
                    let x = self.norm(&name("attention.output.LayerNorm"), &add(&x[place], &mixed));
                    let wide = self.linear(&name("intermediate.dense"), &x);
                    let wide: Vec<f64> = wide.iter().map(|x| 0.5 * x * (1.0 + series(x * FRAC_1_SQRT_2))).collect();
                    self.norm(&name("output.LayerNorm"), &add(&x, &self.linear(&name("output.dense"), &wide)))
                })
                .collect();
        }
        x.truncate(tokens.len());
        x
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

pub fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    rows.iter().fold(vec![0.0; HIDDEN], |sum, row| add(&sum, row))
}
