//! The LoCoMo benchmark's file (snap-research/locomo, `locomo10.json` or a part
//! of it), as facts to store and questions with the facts that answer them.
//!
//! A fact is one of the sentences under `observation`, which name the turns of
//! the dialogue that they were drawn from. A fact answers a question if one of
//! its turns is evidence of the question. Questions of category 5 have no
//! answer, and those without such a fact can't be scored; both are left out.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::Result;

#[derive(Deserialize)]
struct Sample {
    sample_id: String,
    qa: Vec<Question>,
    observation: BTreeMap<String, BTreeMap<String, Vec<(String, Value)>>>,
}

#[derive(Deserialize)]
struct Question {
    question: String,
    category: u8,
    #[serde(default)]
    evidence: Vec<String>,
}

/// One conversation.
pub struct Conversation {
    pub name: String,
    /// Each sentence once.
    pub facts: Vec<String>,
    /// Questions, each with the places of the facts that answer it.
    pub questions: Vec<(String, HashSet<usize>)>,
}

/// The conversations of a file.
pub fn read(path: &str) -> Result<Vec<Conversation>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let samples: Vec<Sample> =
        serde_json::from_slice(&bytes).map_err(|error| format!("{path} is not a LoCoMo file: {error}"))?;
    Ok(samples.into_iter().map(conversation).collect())
}

fn conversation(sample: Sample) -> Conversation {
    let mut facts: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut of_turn: HashMap<String, HashSet<usize>> = HashMap::new();
    for (text, turns) in sample.observation.into_values().flat_map(BTreeMap::into_values).flatten() {
        let place = *places.entry(text.clone()).or_insert_with(|| {
            facts.push(text);
            facts.len() - 1
        });
        let named = match turns {
            Value::Array(list) => list.iter().filter_map(Value::as_str).flat_map(turn_ids).collect(),
            other => other.as_str().map(turn_ids).unwrap_or_default(),
        };
        for turn in named {
            of_turn.entry(turn).or_default().insert(place);
        }
    }
    let question = |question: Question| {
        let turns = question.evidence.iter().flat_map(|evidence| turn_ids(evidence));
        let answers: HashSet<usize> = turns.filter_map(|turn| of_turn.get(&turn)).flatten().copied().collect();
        (question.category != 5 && !answers.is_empty()).then_some((question.question, answers))
    };
    let questions = sample.qa.into_iter().filter_map(question).collect();
    Conversation { name: sample.sample_id, facts, questions }
}

/// The turns that a text names, such as `D1:3` or `D8:6; D9:17`.
fn turn_ids(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':')).filter(|part| part.contains(':'));
    parts.map(|part| part.trim_start_matches('D').trim_start_matches(':').to_owned()).collect()
}
