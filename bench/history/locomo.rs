//! The dialogues of `LoCoMo` as conversations, and its questions with the turns
//! that answer them. See `bench/retrieval/locomo.rs` for the file.
//!
//! Each session of a dialogue becomes a conversation, each of its turns a message:
//! who speaks, and what they say, with the caption of a picture that they show. The
//! first of the two speakers is the person, the other the assistant. Questions of
//! category 5 have no answer, and those without a turn as evidence can't be scored;
//! both are left out.

use std::collections::{BTreeMap, HashSet};

use commonplace::clock::Micros;
use commonplace::history::import::{Conversation, Message, Role};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::Result;

#[derive(Deserialize)]
struct Sample {
    sample_id: String,
    qa: Vec<Question>,
    conversation: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Question {
    question: String,
    category: u8,
    #[serde(default)]
    evidence: Vec<String>,
}

#[derive(Deserialize)]
struct Turn {
    speaker: String,
    dia_id: String,
    text: String,
    blip_caption: Option<String>,
}

/// All that was said, and what is asked about it.
#[derive(Default)]
pub struct Dialogues {
    pub sessions: Vec<Conversation>,
    /// Questions, each with the ids of the messages that answer it.
    pub questions: Vec<(String, HashSet<String>)>,
}

/// The dialogues of a file.
pub fn read(path: &str) -> Result<Dialogues> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let samples: Vec<Sample> =
        serde_json::from_slice(&bytes).map_err(|error| format!("{path} is not a LoCoMo file: {error}"))?;
    let mut dialogues = Dialogues::default();
    for sample in samples {
        add(sample, &mut dialogues)?;
    }
    Ok(dialogues)
}

fn add(sample: Sample, dialogues: &mut Dialogues) -> Result<()> {
    let in_sample = |id: &str| format!("{}/{id}", sample.sample_id);
    let mut sessions = Vec::new();
    let first = sample.conversation.get("speaker_a").and_then(Value::as_str).unwrap_or_default();
    for (key, value) in &sample.conversation {
        let Value::Array(turns) = value else { continue };
        let said = sample.conversation.get(&format!("{key}_date_time")).and_then(Value::as_str).unwrap_or_default();
        let at = DateTime::strptime("%I:%M %p on %d %B, %Y", said)?;
        let at = TimeZone::UTC.to_timestamp(at)?;
        let at = Some(Micros(at.as_microsecond()));
        let message = |turn: &Value| -> Result<Message> {
            let Turn { speaker, dia_id, text, blip_caption } = Turn::deserialize(turn)?;
            let role = if speaker == first { Role::Human } else { Role::Assistant };
            let shown = blip_caption.map(|caption| format!(" [shows {caption}]")).unwrap_or_default();
            Ok(Message { id: in_sample(&dia_id), role, text: format!("{speaker}: {text}{shown}"), created_at: at })
        };
        let messages = turns.iter().map(message).collect::<Result<_>>()?;
        sessions.push(Conversation {
            id: in_sample(key),
            title: String::new(),
            created_at: at,
            updated_at: at,
            messages,
        });
    }
    let known: HashSet<&str> =
        sessions.iter().flat_map(|session| &session.messages).map(|message| message.id.as_str()).collect();
    for Question { question, category, evidence } in sample.qa {
        let named = evidence.iter().flat_map(|evidence| evidence.split(|c: char| c == ';' || c.is_whitespace()));
        let answers: HashSet<String> =
            named.map(|id| in_sample(id.trim())).filter(|id| known.contains(id.as_str())).collect();
        if category != 5 && !answers.is_empty() {
            dialogues.questions.push((question, answers));
        }
    }
    dialogues.sessions.extend(sessions);
    Ok(())
}
