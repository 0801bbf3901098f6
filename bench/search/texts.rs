//! What is stored and asked for.

use std::collections::HashSet;

use serde_json::Value;

use crate::Result;
use crate::corpus::Corpus;

/// Texts and questions of one kind.
pub struct Texts {
    facts: Vec<String>,
    pub questions: Vec<String>,
    corpus: Corpus,
    made: HashSet<String>,
}

impl Texts {
    /// Of the facts and questions of a LoCoMo file where one is given, else of
    /// made-up words with the usual skew.
    pub fn new(locomo: Option<&str>) -> Result<Self> {
        let mut corpus = Corpus::new(300);
        let (mut facts, mut questions) = (Vec::new(), Vec::new());
        match locomo {
            Some(path) => {
                let samples: Value = serde_json::from_slice(&std::fs::read(path)?)?;
                for sample in samples.as_array().ok_or("not a LoCoMo file")? {
                    strings(&sample["observation"], &mut facts);
                    let asked = sample["qa"].as_array().into_iter().flatten().map(|qa| qa["question"].as_str());
                    questions.extend(asked.flatten().map(str::to_owned));
                }
                // Names of turns stand beside the facts.
                facts.retain(|fact| fact.is_ascii() && fact.contains(' '));
                questions.retain(|question| question.is_ascii());
            }
            None => {
                facts = corpus.texts(2_000);
                questions =
                    (0..500).map(|_| format!("what is the {} of", corpus.query().replace('+', " the "))).collect();
            }
        }
        Ok(Self { facts, questions, corpus, made: HashSet::new() })
    }

    /// So many texts, different from each other and from all before, each of the
    /// beginning of one fact and the end of another, so that words are as frequent
    /// as in the facts.
    pub fn many(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::with_capacity(count);
        while texts.len() < count {
            let text = format!("{} {}", self.half(true), self.half(false));
            if self.made.insert(text.clone()) {
                texts.push(text);
            }
        }
        texts
    }

    fn half(&mut self, is_first: bool) -> String {
        let words: Vec<&str> = self.facts[self.corpus.below(self.facts.len())].split(' ').collect();
        let (first, second) = words.split_at(words.len() / 2);
        if is_first { first.join(" ") } else { second.join(" ") }
    }
}

fn strings(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| strings(value, out)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, out)),
        _ => {}
    }
}
