//! Embeddings from a sentence transformer of BERT's shape in a local folder, such
//! as all-MiniLM-L6-v2 (Reimers and Gurevych 2019, <https://arxiv.org/abs/1908.10084>).
//!
//! The folder holds the model's files as they are published: [`NEEDED`]. Nothing
//! is downloaded. The vocabulary must be that of `bert-base-uncased`, which is
//! compiled in ([`Tokenizer`]); most small English sentence encoders have it.
//!
//! An embedding is the mean of the last layer over all tokens, with `[CLS]` and
//! `[SEP]`, scaled to length 1. Where the folder's `1_Pooling/config.json` asks for
//! the first token alone, as that of the BGE models does, it is that.

mod bert;
#[cfg(test)]
mod reference;

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ndarray::{Array2, s};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::bert::{Bert, Config};
use super::wordpiece::Tokenizer;
use crate::error::{Error, Result};

/// What a folder must hold.
pub const NEEDED: &str = "model.safetensors, config.json, and vocab.txt or tokenizer.json";

/// Tokens of a text that are embedded, the two special ones included; those after
/// them are cut off. all-MiniLM-L6-v2 was trained with 128 and is published with 256.
const MAX_TOKENS: usize = 256;

/// Tokens that go through the model together. More are no faster, and each takes
/// memory for the widest layer.
const TOGETHER: usize = 512;

const CLS: u32 = 101;
const SEP: u32 = 102;

/// SHA-256 of the vocabulary of `bert-base-uncased`, one token to a line.
const VOCABULARY: &str = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3";

/// How many tokens it has.
const VOCABULARY_TOKENS: usize = 30_522;

/// Which rows of the last layer make the embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    Mean,
    FirstToken,
}

/// A sentence encoder. It takes some 90 MB for a model like all-MiniLM-L6-v2, and
/// one core while it embeds.
#[derive(Debug)]
pub struct MiniLm {
    bert: Bert,
    tokenizer: &'static Tokenizer,
    pooling: Pooling,
    dimensions: usize,
    max_tokens: usize,
    name: String,
}

impl MiniLm {
    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the file, and the tensor, that is missing or
    /// not as it should be.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("config.json");
        let config = Config::read(&read(&file)?, &file)?;
        check_vocabulary(folder)?;
        let pooling = pooling(folder)?;
        if config.vocab_size < VOCABULARY_TOKENS {
            return Err(Error::invalid(format!(
                "{} has a vocab_size of {}, less than the {VOCABULARY_TOKENS} tokens of the vocabulary.",
                file.display(),
                config.vocab_size,
            )));
        }
        let max_tokens = MAX_TOKENS.min(config.max_position_embeddings);
        if max_tokens < 3 {
            return Err(Error::invalid(format!("{} leaves no position for a token.", file.display())));
        }
        let file = folder.join("model.safetensors");
        let weights = read(&file)?;
        let bert = Bert::read(&weights, &file, &config)?;
        // All that can change an embedding beside the weights.
        let identity = format!("{pooling:?} {} {max_tokens}", config.identity());
        let digest = Sha256::new().chain_update(&weights).chain_update(identity).finalize();
        let name = format!("bert:{}", hex::encode(&digest[..8]));
        Ok(Self { bert, tokenizer: Tokenizer::built_in(), pooling, dimensions: config.hidden_size, max_tokens, name })
    }

    /// Names the model by its content: another model, or the same one changed,
    /// has another name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Numbers in each embedding.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The embeddings of texts, in their order, each of length 1. It computes for
    /// about a millisecond for each few words, so not on a thread that others wait for.
    ///
    /// # Errors
    /// [`Error::Internal`] if the model computes something that is not a number.
    pub fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let mut embeddings = Vec::with_capacity(texts.len());
        let (mut together, mut tokens) = (Vec::new(), 0);
        for text in texts {
            let sequence = self.tokens(text);
            if tokens + sequence.len() > TOGETHER {
                self.embed_sequences(&together, &mut embeddings)?;
                together.clear();
                tokens = 0;
            }
            tokens += sequence.len();
            together.push(sequence);
        }
        self.embed_sequences(&together, &mut embeddings)?;
        Ok(embeddings)
    }

    /// The tokens of a text, between the special ones.
    fn tokens(&self, text: &str) -> Vec<u32> {
        let mut tokens = vec![CLS];
        self.tokenizer.ids(text, &mut tokens);
        tokens.truncate(self.max_tokens - 1);
        tokens.push(SEP);
        tokens
    }

    fn embed_sequences(&self, sequences: &[Vec<u32>], embeddings: &mut Vec<Vec<f32>>) -> Result<()> {
        for rows in self.bert.encode(sequences) {
            embeddings.push(self.pool(&rows)?);
        }
        Ok(())
    }

    fn pool(&self, rows: &Array2<f32>) -> Result<Vec<f32>> {
        let last = match self.pooling {
            Pooling::Mean => rows.nrows(),
            Pooling::FirstToken => 1,
        };
        let mut embedding = bert::mean(&rows.slice(s![..last, ..]));
        let length = embedding.dot(&embedding).sqrt();
        if !length.is_normal() {
            return Err(Error::internal("the sentence encoder computed an embedding that has no direction"));
        }
        embedding /= length;
        Ok(embedding.to_vec())
    }
}

/// The content of a file that a folder must hold.
fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| {
        Error::invalid(format!(
            "{} can't be read ({error}). The folder of a sentence encoder must hold {NEEDED}.",
            file.display()
        ))
    })
}

/// The content of a file that a folder may hold.
fn read_if_there(file: &Path) -> Result<Option<Vec<u8>>> {
    match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read(file).map(Some),
    }
}

fn check_vocabulary(folder: &Path) -> Result<()> {
    let (file, tokens) = vocabulary(folder)?;
    let mut digest = Sha256::new();
    for token in tokens {
        digest.update(token);
        digest.update("\n");
    }
    if hex::encode(digest.finalize()) == VOCABULARY {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{} has another vocabulary than bert-base-uncased; only models with that one can be used.",
        file.display()
    )))
}

/// What `tokenizer.json` has of a vocabulary.
#[derive(Deserialize)]
struct TokenizerFile {
    model: TokenizerModel,
}

#[derive(Deserialize)]
struct TokenizerModel {
    vocab: HashMap<String, u32>,
}

/// The tokens of the folder's vocabulary in order, and the file they are from.
fn vocabulary(folder: &Path) -> Result<(PathBuf, Vec<String>)> {
    let file = folder.join("vocab.txt");
    if let Some(bytes) = read_if_there(&file)? {
        let tokens = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        return Ok((file, tokens));
    }
    let file = folder.join("tokenizer.json");
    let read: TokenizerFile = serde_json::from_slice(&read(&file)?)
        .map_err(|error| Error::invalid(format!("{} is not a WordPiece tokenizer: {error}.", file.display())))?;
    // Where numbers are missing or too large a line stays empty, and the checksum differs.
    let mut tokens = vec![String::new(); read.model.vocab.len()];
    for (token, id) in read.model.vocab {
        if let Some(line) = tokens.get_mut(id as usize) {
            *line = token;
        }
    }
    Ok((file, tokens))
}

/// How the model's makers pool; by default the mean.
fn pooling(folder: &Path) -> Result<Pooling> {
    let file = folder.join("1_Pooling").join("config.json");
    let Some(bytes) = read_if_there(&file)? else { return Ok(Pooling::Mean) };
    let wrong = |what: &str| Error::invalid(format!("{} {what}.", file.display()));
    let config: HashMap<String, Value> = serde_json::from_slice(&bytes).map_err(|_| wrong("is not a JSON object"))?;
    let is_mode = |name: &&String, value: &Value| name.starts_with("pooling_mode_") && *value == Value::Bool(true);
    let modes: Vec<&str> =
        config.iter().filter(|(name, value)| is_mode(name, value)).map(|(name, _)| name.as_str()).collect();
    match modes[..] {
        ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token"] => Ok(Pooling::FirstToken),
        _ => Err(wrong("asks for another pooling than the mean of all tokens or the first token")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::reference::{HEADS, HIDDEN, LAYERS, POSITIONS, Tensors, WIDE, dot, mean};
    use super::*;

    const BUILT_IN: &str = include_str!("../../assets/model/vocab.txt");
    /// A folder with a small model.
    fn folder(tensors: &Tensors, prefix: &str) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let config = json!({
            "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_act": "gelu",
            "intermediate_size": WIDE, "max_position_embeddings": POSITIONS, "layer_norm_eps": 1e-12,
            "type_vocab_size": 2, "vocab_size": VOCABULARY_TOKENS, "model_type": "bert",
        });
        write(&folder, "config.json", &config.to_string());
        write(&folder, "vocab.txt", BUILT_IN);
        tensors.write(folder.path(), prefix);
        folder
    }

    fn write(folder: &TempDir, name: &str, text: &str) {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    /// What opening says of a folder that is not right.
    fn error(folder: &TempDir) -> String {
        match MiniLm::open(folder.path()) {
            Err(Error::Invalid(message)) => message,
            other => panic!("opened as {other:?}"),
        }
    }

    fn texts() -> Vec<String> {
        let long = "one more word and ".repeat(20);
        ["Ann takes her coffee black", "", "Zürich!", "東京 is far", &long].map(str::to_owned).to_vec()
    }

    fn near(found: &[f32], wanted: &[f64]) {
        let length = dot(wanted, wanted).sqrt();
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((f64::from(*found) - wanted / length).abs() < 1e-5, "{found} for {}", wanted / length);
        }
    }

    #[test]
    fn embeddings_are_those_of_a_plain_reading_of_the_paper() {
        let tensors = Tensors::random(VOCABULARY_TOKENS);
        let folder = folder(&tensors, "bert.");
        let model = MiniLm::open(folder.path()).expect("a model");
        assert_eq!(model.dimensions(), HIDDEN);
        let embeddings = model.embed(&texts()).expect("embeddings");
        assert_eq!(embeddings.len(), texts().len());
        for (text, embedding) in texts().iter().zip(&embeddings) {
            let tokens = model.tokens(text);
            assert_eq!((tokens[0], tokens[tokens.len() - 1]), (CLS, SEP));
            near(embedding, &mean(&tensors.encode(&tokens, POSITIONS - tokens.len())));
        }
    }

    #[test]
    fn the_first_token_is_the_embedding_where_the_folder_says_so() {
        let tensors = Tensors::random(VOCABULARY_TOKENS);
        let folder = folder(&tensors, "");
        let by_mean = MiniLm::open(folder.path()).expect("a model");
        let modes = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
        write(&folder, "1_Pooling/config.json", &modes.to_string());
        let model = MiniLm::open(folder.path()).expect("a model");
        let embeddings = model.embed(&texts()).expect("embeddings");
        near(&embeddings[0], &tensors.encode(&model.tokens(&texts()[0]), 0)[0]);
        assert_ne!(model.name(), by_mean.name());
        write(&folder, "1_Pooling/config.json", r#"{"pooling_mode_max_tokens": true}"#);
        assert!(error(&folder).contains("1_Pooling"));
    }

    #[test]
    fn a_text_has_the_same_embedding_alone_and_among_others() {
        let folder = folder(&Tensors::random(VOCABULARY_TOKENS), "");
        let model = MiniLm::open(folder.path()).expect("a model");
        // More tokens than go through together, so that there are several passes.
        let many: Vec<String> = texts().into_iter().cycle().take(100).collect();
        let embeddings = model.embed(&many).expect("embeddings");
        assert_eq!(embeddings.len(), many.len());
        for (text, embedding) in many.iter().zip(&embeddings) {
            let alone = model.embed(std::slice::from_ref(text)).expect("an embedding");
            for (a, b) in alone[0].iter().zip(embedding) {
                assert!((a - b).abs() < 1e-6);
            }
        }
        assert!(model.embed(&[]).expect("nothing").is_empty());
    }

    #[test]
    fn text_beyond_the_last_position_changes_nothing() {
        let folder = folder(&Tensors::random(VOCABULARY_TOKENS), "");
        let model = MiniLm::open(folder.path()).expect("a model");
        let long = "word ".repeat(POSITIONS - 2);
        let embeddings = model.embed(&[long.clone(), format!("{long} and more")]).expect("embeddings");
        assert_eq!(embeddings[0], embeddings[1]);
    }

    #[test]
    fn names_follow_the_content_and_not_the_names_of_tensors_or_files() {
        let mut tensors = Tensors::random(VOCABULARY_TOKENS);
        let first = MiniLm::open(folder(&tensors, "").path()).expect("a model");
        let again = MiniLm::open(folder(&tensors, "").path()).expect("a model");
        assert_eq!(first.name(), again.name());
        let prefixed = MiniLm::open(folder(&tensors, "0.auto_model.").path()).expect("a model");
        assert_eq!(first.embed(&texts()).expect("embeddings"), prefixed.embed(&texts()).expect("embeddings"));
        tensors.0.get_mut("embeddings.LayerNorm.bias").expect("a tensor").1[0] += 0.5;
        let changed = MiniLm::open(folder(&tensors, "").path()).expect("a model");
        assert_ne!(first.name(), changed.name());
    }

    #[test]
    fn whatever_is_missing_is_named_with_what_is_needed() {
        let nowhere = tempfile::tempdir().expect("a folder");
        for name in ["model.safetensors", "config.json", "vocab.txt"] {
            let folder = folder(&Tensors::random(VOCABULARY_TOKENS), "");
            fs::remove_file(folder.path().join(name)).expect("removed");
            let message = error(&folder);
            let missing = if name == "vocab.txt" { "tokenizer.json" } else { name };
            assert!(message.contains(&folder.path().join(missing).display().to_string()), "{message}");
            assert!(message.contains(NEEDED), "{message}");
        }
        assert!(error(&nowhere).contains(&nowhere.path().display().to_string()));
    }

    #[test]
    fn a_wrong_tensor_is_named() {
        let name = "encoder.layer.1.attention.self.key.weight";
        let mut tensors = Tensors::random(VOCABULARY_TOKENS);
        tensors.0.get_mut(name).expect("a tensor").0 = vec![HIDDEN * HIDDEN];
        let flat = error(&folder(&tensors, "bert."));
        assert!(flat.contains(&format!("'bert.{name}'")) && flat.contains("[64]") && flat.contains("[8, 8]"), "{flat}");
        let (shape, numbers) = tensors.0.get_mut(name).expect("a tensor");
        *shape = vec![HIDDEN, HIDDEN];
        numbers[7] = f32::NAN;
        assert!(error(&folder(&tensors, "")).contains("not a finite number"));
        tensors.0.remove(name);
        assert!(error(&folder(&tensors, "")).contains("is missing"));
        let torn = folder(&tensors, "");
        write(&torn, "model.safetensors", "not what it says");
        assert!(error(&torn).contains("not a safetensors file"));
    }

    #[test]
    fn the_vocabulary_is_taken_from_either_file_and_must_be_the_known_one() {
        let folder = folder(&Tensors::random(VOCABULARY_TOKENS), "");
        let vocab: HashMap<&str, usize> = BUILT_IN.lines().enumerate().map(|(id, token)| (token, id)).collect();
        fs::remove_file(folder.path().join("vocab.txt")).expect("removed");
        write(&folder, "tokenizer.json", &json!({"model": {"type": "WordPiece", "vocab": vocab}}).to_string());
        assert!(MiniLm::open(folder.path()).is_ok());
        let mut gap = vocab.clone();
        gap.insert("##～", 40_000);
        write(&folder, "tokenizer.json", &json!({"model": {"vocab": gap}}).to_string());
        assert!(error(&folder).contains("another vocabulary"));
        write(&folder, "tokenizer.json", r#"{"model": {"vocab": [["a", 0.0]]}}"#);
        assert!(error(&folder).contains("not a WordPiece tokenizer"));
        write(&folder, "vocab.txt", &BUILT_IN.replacen("\nthe\n", "\nThe\n", 1));
        assert!(error(&folder).contains("another vocabulary"));
    }
}
