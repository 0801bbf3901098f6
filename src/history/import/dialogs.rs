//! What a person says in the dialogs of coding agents: why a tool may not be used,
//! and answers to the assistant's questions. It stands in what the tools gave.

use std::collections::HashMap;
use std::ops::Not;

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::content::Content;
use super::json::{self, Flag, List, Members, Object, Str};
use super::text::add;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow)]
    message: Object<Given<'a>>,
    tool_use_result: Object<Asked<'a>>,
    tool_denial_kind: Str<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given<'a> {
    #[serde(borrow)]
    content: List<Object<Outcome<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outcome<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    is_error: Flag,
    content: Content<'a>,
}

/// Questions, and what was answered to each.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked<'a> {
    questions: List<IgnoredAny>,
    #[serde(borrow)]
    answers: Members<'a, Content<'a>>,
    annotations: Members<'a, Object<Note<'a>>>,
    /// What was said instead of answers.
    response: Str<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Note<'a> {
    #[serde(borrow)]
    notes: Str<'a>,
}

/// How what a tool gave begins if it was refused.
const REFUSED: &str = "The user doesn't want to proceed with this tool use.";

/// What stands between that and the person's words.
const REASONS: [&str; 2] =
    ["To tell you how to proceed, the user said:", "The user provided the following reason for the rejection:"];

/// What follows on the person's words.
const ADVICE: &str = "\n\nNote: The user's next message may contain a correction or preference.";

/// How what the program says in the place of the person's words begins.
const CHOICES: [&str; 2] =
    ["The user wants to clarify these questions.", "The user has indicated they have provided enough answers"];

/// What is answered where there is a note only.
const NOTES_ONLY: &str = "(notes only)";

/// What a person said in a line of Claude Code that has what a tool gave, if anything.
#[must_use]
pub fn said(line: &[u8]) -> Option<String> {
    // Nearly all of it is of tools alone, and much of that is long.
    let has = |sign: &str| memmem::find(line, sign.as_bytes()).is_some();
    if !has("\"answers\"") && !has(REFUSED) {
        return None;
    }
    let mut scratch = Vec::new();
    let line: Line<'_> = json::parse(line, &mut scratch).ok()?;
    match &line.tool_use_result.0 {
        Some(asked) if asked.questions.0.is_some() && asked.answers.0.is_some() => Some(answers(asked)),
        _ => {
            let given = line.message.0.as_ref()?.content.iter().filter_map(|outcome| outcome.0.as_ref());
            // What a tool gave of its own accord can have the same words in it.
            let mut refused = given.filter(|outcome| outcome.is_error.0 || !line.tool_denial_kind.is_empty());
            refused.find_map(reason)
        }
    }
    .filter(|said| said.is_empty().not())
}

fn answers(asked: &Asked<'_>) -> String {
    let answers = asked.answers.0.iter().flatten().map(|(question, answer)| (&**question, chosen(answer)));
    let notes = asked.annotations.0.iter().flatten();
    let notes = notes.filter_map(|(question, note)| Some((&**question, note.0.as_ref()?.notes.trim().to_owned())));
    let mut text = together(answers.chain(notes));
    add(&mut text, &asked.response);
    text
}

/// Each question with all that was said to it, as Claude writes it where it asks in a conversation.
fn together<'a>(replies: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut said: Vec<(&str, Vec<String>)> = Vec::new();
    let mut places = HashMap::new();
    for (question, words) in replies.filter(|(_, words)| !words.is_empty()) {
        let place = *places.entry(question).or_insert(said.len());
        if place == said.len() {
            said.push((question, Vec::new()));
        }
        said[place].1.push(words);
    }
    let mut text = String::new();
    for (question, words) in said {
        add(&mut text, &format!("Q: {}\nA: {}", question.trim(), words.join("\n")));
    }
    text
}

fn chosen(answer: &Content<'_>) -> String {
    let choices = answer.blocks().into_iter().map(|(_, choice)| choice.trim());
    choices.filter(|choice| !choice.is_empty() && *choice != NOTES_ONLY).collect::<Vec<_>>().join(", ")
}

/// The person's words in what a refused tool gave.
fn reason(outcome: &Outcome<'_>) -> Option<String> {
    let text = outcome.content.text(&["text"]);
    let after = text.strip_prefix(REFUSED).filter(|_| &*outcome.kind == "tool_result")?;
    let start = REASONS.iter().filter_map(|reason| Some(after.find(reason)? + reason.len())).min()?;
    let words = &after[start..];
    let words = words.rsplit_once(ADVICE).map_or(words, |(words, _)| words).trim();
    CHOICES.iter().any(|choice| words.starts_with(choice)).not().then(|| words.to_owned())
}

/// What Codex asks.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Asking<'a> {
    #[serde(borrow)]
    questions: List<Object<Question<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Question<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    question: Str<'a>,
    #[serde(rename = "isSecret")]
    is_secret: Flag,
}

/// What is answered to each question, by its id.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Replies<'a> {
    #[serde(borrow)]
    answers: Members<'a, Object<Reply<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reply<'a> {
    #[serde(borrow)]
    answers: List<Str<'a>>,
}

/// What stands before what was typed beside a choice.
const TYPED: &str = "user_note: ";

/// The tool with which Codex asks.
pub const CODEX_ASKS: &str = "request_user_input";

/// What a person answered to what Codex asked with that tool; empty if nothing.
#[must_use]
pub fn answered(arguments: &str, output: &str) -> String {
    let (mut asked, mut given) = (Vec::new(), Vec::new());
    let asking = json::parse::<Object<Asking<'_>>>(arguments.as_bytes(), &mut asked);
    // If nobody answered, it is a sentence.
    let replies = json::parse::<Object<Replies<'_>>>(output.as_bytes(), &mut given);
    let (Ok(Object(Some(asking))), Ok(Object(Some(replies)))) = (asking, replies) else { return String::new() };
    // The answers are in no order.
    let by_id = replies.answers.0.iter().flatten().filter_map(|(id, reply)| Some((&**id, reply.0.as_ref()?)));
    let by_id: HashMap<_, _> = by_id.collect();
    let questions = asking.questions.iter().filter_map(|question| question.0.as_ref());
    together(questions.filter(|question| !question.is_secret.0).flat_map(|question| {
        let words = by_id.get(&*question.id).into_iter().flat_map(|reply| reply.answers.iter());
        words.map(|word| (&*question.question, word.strip_prefix(TYPED).unwrap_or(word).trim().to_owned()))
    }))
}

#[cfg(test)]
mod tests {
    use super::{answered, said};
    use serde_json::{Value, json};

    #[expect(clippy::needless_pass_by_value, reason = "calls read better")]
    fn line(outcome: Value, result: Value) -> Option<String> {
        let line = json!({"type": "user", "message": {"role": "user", "content": [outcome]}, "toolUseResult": result});
        said(line.to_string().as_bytes())
    }

    fn refused(text: &str) -> Value {
        json!({"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": text})
    }

    const BEGIN: &str = "The user doesn't want to proceed with this tool use. The tool use was rejected (x).";

    #[test]
    fn why_a_tool_may_not_be_used_is_said() {
        let result = || json!("Error: it was refused");
        for (between, after) in [
            (" To tell you how to proceed, the user said:\n", ""),
            (
                " To tell you how to proceed, the user said:\n",
                "\n\nNote: The user's next message may contain a correction or preference. Mind it.",
            ),
            (" The user provided the following reason for the rejection:  ", ""),
        ] {
            let text = format!("{BEGIN}{between}Use tabs.\n\nAll over.{after}");
            assert_eq!(line(refused(&text), result()).as_deref(), Some("Use tabs.\n\nAll over."));
            let blocks = json!({"type": "tool_result", "is_error": true, "content": [{"type": "text", "text": text}]});
            assert_eq!(line(blocks, result()).as_deref(), Some("Use tabs.\n\nAll over."));
            // A file that says so, or a document about it.
            let read = json!({"type": "tool_result", "content": text});
            assert_eq!(line(read, json!({"stdout": text})), None);
            assert_eq!(line(refused(&format!("Exit code 1\n{text}")), result()), None);
        }
    }

    #[test]
    fn what_the_program_says_of_a_refusal_is_left_out() {
        for words in [
            " STOP what you are doing.",
            " To tell you how to proceed, the user said:\n",
            " To tell you how to proceed, the user said:\nThe user wants to clarify these questions.\n    Ask them.",
        ] {
            assert_eq!(line(refused(&format!("{BEGIN}{words}")), json!("User rejected tool use")), None, "{words}");
        }
    }

    #[test]
    fn questions_stand_with_what_is_answered() {
        let given = || json!({"type": "tool_result", "content": "The questions were answered."});
        let asked = json!({"questions": [{"question": "Which?"}], "answers": {"And then?": ["a", "b"], "Not answered?": "",
            "Which?": "Red", "Why?": "(notes only)"},
            "annotations": {"Which?": {"notes": "a dark one", "preview": "x"}, "Why?": {"notes": "who knows"}, "Other?": {"notes": "no"}}});
        let text =
            "Q: And then?\nA: a, b\n\nQ: Which?\nA: Red\na dark one\n\nQ: Other?\nA: no\n\nQ: Why?\nA: who knows";
        assert_eq!(line(given(), asked).as_deref(), Some(text));
        let whole = json!({"questions": [], "answers": {}, "response": "Neither."});
        assert_eq!(line(given(), whole).as_deref(), Some("Neither."));
        assert_eq!(line(given(), json!({"questions": [], "answers": {}, "afkTimeoutMs": 60000})), None);
        assert_eq!(line(given(), json!({"answers": {"Which?": "Red"}})), None);
    }

    #[test]
    fn what_codex_asked_stands_with_what_is_answered() {
        let asked = r#"{"questions": [{"id": "b", "header": "B", "question": "Which?", "options": [{"label": "Red"}]},
            {"id": "a", "question": "And why?"}, {"id": "s", "question": "The word?", "isSecret": true}, {"id": "n", "question": "No?"}]}"#;
        let given = r#"{"answers": {"a": {"answers": ["Because"]}, "b": {"answers": ["Red", "user_note: a dark one"]},
            "s": {"answers": ["hush"]}, "n": {"answers": []}, "other": {"answers": ["x"]}}}"#;
        assert_eq!(answered(asked, given), "Q: Which?\nA: Red\na dark one\n\nQ: And why?\nA: Because");
        assert_eq!(answered(asked, "It was cancelled"), "");
        assert_eq!(answered("", given), "");
    }
}
