//! Reads what a model's server answers. Pure: bytes in, text or a few words out.
//! Nothing of the answer gets into those.

use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Content>,
}

/// A text, or the same in parts, as some servers send it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

/// The text of an answer, trimmed, without control characters other than line
/// breaks and tabs; empty where there is none.
///
/// # Errors
/// What is wrong with the answer, as the end of a sentence that begins with its
/// sender.
pub(super) fn read(body: &[u8]) -> Result<String, &'static str> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        let is_page = body.trim_ascii_start().starts_with(b"<");
        match (is_page, error.classify()) {
            (true, _) => "sent a web page instead of JSON; check llm_url, which usually ends in /v1",
            (_, serde_json::error::Category::Data) => "sent JSON that is not an answer of a language model",
            _ => "sent something that is not JSON",
        }
    })?;
    let choice = answer.choices.into_iter().next().ok_or("sent an answer without a choice")?;
    let mut text = match choice.message.content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts.into_iter().map(|part| part.text).collect(),
        None => String::new(),
    };
    text.retain(|c| matches!(c, '\n' | '\t') || !c.is_control());
    Ok(without_thought(text.trim()).trim().to_owned())
}

/// The text after what models such as DeepSeek R1 write first, of which nothing is
/// left where they did not come to an end.
fn without_thought(text: &str) -> &str {
    match text.strip_prefix("<think>") {
        Some(thought) => thought.split_once("</think>").map_or("", |(_, answer)| answer),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn of(content: &Value) -> Result<String, &'static str> {
        let answer = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]});
        read(answer.to_string().as_bytes())
    }

    #[test]
    fn the_text_is_taken_in_its_forms() {
        assert_eq!(of(&json!(" Yes [1].\n")).as_deref(), Ok("Yes [1]."));
        let parts = json!([{"type": "text", "text": "Yes "}, {"type": "text", "text": "[1]."}, {"type": "other"}]);
        assert_eq!(of(&parts).as_deref(), Ok("Yes [1]."));
        assert_eq!(of(&json!("<think>\nWell, [9].</think>\n\nYes [1].")).as_deref(), Ok("Yes [1]."));
        assert_eq!(of(&json!("a\u{0}b\r\n\tc\u{1b}")).as_deref(), Ok("ab\n\tc"));
        for nothing in [json!(null), json!(""), json!(" \n"), json!([]), json!("<think>I never end")] {
            assert_eq!(of(&nothing).as_deref(), Ok(""));
        }
    }

    #[test]
    fn every_wrong_answer_is_told_apart() {
        for (body, part) in [
            ("\n<!doctype html><html>", "web page"),
            ("{\"choices\": [", "not JSON"),
            ("data: {}", "not JSON"),
            ("{\"error\": \"private words\"}", "not an answer"),
            ("{\"choices\": []}", "without a choice"),
            ("{\"choices\": [{\"message\": {\"content\": 7}}]}", "not an answer"),
        ] {
            let wrong = read(body.as_bytes()).expect_err(body);
            assert!(wrong.contains(part) && !wrong.contains("private"), "{body} gave: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&body).is_err());
        }
    }
}
