//! TypingMind's export: `{"data": {"chats": […]}}`, or the lists of chats in the
//! parts of its zip. Chats are lists without branches.

use std::ops::ControlFlow;

use serde::Deserialize;

use super::content::{Content, Names};
use super::finish::{either, give, give_unread, role, with_files};
use super::format::{Format, Layout, Place, Sink};
use super::json::{List, Object, Str};
use super::time::Time;
use super::{Conversation, Message, json, scan};

/// Chats of TypingMind.
pub const FORMAT: Format = Format {
    platform: "typingmind",
    name: "TypingMind (chats)",
    layouts: &[Layout::Array("data.chats"), Layout::Array("chats"), Layout::Array("")],
    is,
    start: || Box::new(read),
};

fn is(part: &[u8]) -> bool {
    let keys = scan::keys(part);
    let has = |key: &[u8]| keys.contains(&key);
    has(b"messages") && (has(b"chatID") || has(b"chatTitle"))
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Chat<'a> {
    #[serde(borrow, rename = "chatID")]
    chat_id: Str<'a>,
    id: Str<'a>,
    chat_title: Str<'a>,
    title: Str<'a>,
    created_at: Time,
    updated_at: Time,
    messages: List<Object<Turn<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Turn<'a> {
    #[serde(borrow)]
    uuid: Str<'a>,
    id: Str<'a>,
    role: Str<'a>,
    content: Content<'a>,
    attachments: Names<'a>,
    created_at: Time,
    /// The answers of several models, of which each is a list of messages.
    responses: List<Object<Response<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    messages: List<Object<Turn<'a>>>,
}

impl Turn<'_> {
    fn text(&self) -> String {
        with_files(&self.content.text(&["text"]), &self.attachments.names())
    }
}

/// A message; of the answers of several models the first model's, since an export doesn't tell which was chosen. `None`
/// for one that is of no known form.
fn first_responses<'a, 'b>(turn: &'a Object<Turn<'b>>) -> Vec<Option<&'a Turn<'b>>> {
    let Some(turn) = &turn.0 else { return vec![None] };
    match turn.responses.iter().find_map(|response| response.0.as_ref()) {
        Some(first) if turn.role.is_empty() => first.messages.iter().map(|turn| turn.0.as_ref()).collect(),
        _ => vec![Some(turn)],
    }
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let chat: Chat<'_> = match json::parse(part, &mut scratch) {
        Ok(chat) => chat,
        Err(error) => return sink(place.failed(error)),
    };
    let id = either(&chat.chat_id, &chat.id).to_owned();
    let mut messages = Vec::new();
    let mut unread = 0;
    for turn in chat.messages.iter().flat_map(first_responses) {
        let Some(turn) = turn.filter(|turn| !turn.role.is_empty()) else {
            unread += 1;
            continue;
        };
        let text = turn.text();
        let Some(role) = role(&turn.role).filter(|_| !text.is_empty()) else { continue };
        let id = either(&turn.uuid, &turn.id).to_owned();
        messages.push(Message { id, role, text, created_at: turn.created_at.0 });
    }
    give_unread(unread, &place, &id, sink)?;
    let title = either(&chat.chat_title, &chat.title).to_owned();
    give(
        Conversation { id, title, created_at: chat.created_at.0, updated_at: chat.updated_at.0, messages },
        place,
        sink,
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::FORMAT;
    use crate::history::import::examine::{conversation, conversations, read, said, skipped};

    pub const SAMPLE: &str = r#"{"data": {"folders": [{"id": "f"}], "chats": [
        {"chatID": "c1", "chatTitle": "Bread", "createdAt": "2026-01-02T03:04:05.000Z", "updatedAt": 1767323045000,
         "model": {"id": "m"}, "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "uuid": "u1", "createdAt": "2026-01-02T03:04:05.000Z", "content": "How long?"},
            {"role": "assistant", "content": [{"type": "text", "text": "An hour."}, {"type": "image_url", "image_url": {"url": "x"}}]},
            {"role": "tool", "content": "noise"},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "user", "content": "ok"}, {"role": "user", "content": "ok"},
            {"threads": [{"messages": []}]}, null
        ]},
        {"id": "c2", "chatTitle": null, "messages": []}
    ], "userPrompts": []}}"#;

    #[test]
    fn chats_are_read_without_system_and_tool_messages() {
        let items = read(&FORMAT, SAMPLE);
        let chat = conversation(&items);
        assert_eq!((chat.id.as_str(), chat.title.as_str()), ("c1", "Bread"));
        assert_eq!(said(chat), ["> How long?", "An hour.", "> ok", "> ok"]);
        assert_eq!(chat.messages[0].id, "u1");
        assert_eq!(chat.updated_at.expect("given").rfc3339(), "2026-01-02T03:04:05Z");
        assert_eq!(skipped(&items), ["2 messages of an unknown form", "no message shown"]);
    }

    #[test]
    fn messages_without_ids_keep_the_made_ones_when_a_chat_grows() {
        let ids = |json: &str| -> Vec<String> {
            let items = read(&FORMAT, json);
            conversation(&items).messages.iter().map(|message| message.id.clone()).collect()
        };
        let short =
            ids(r#"[{"chatID":"a","messages":[{"role":"user","content":"ok"},{"role":"user","content":"ok"}]}]"#);
        let long = ids(
            r#"[{"chatID":"a","messages":[{"role":"user","content":"ok"},{"role":"user","content":"ok"},{"role":"user","content":"ok"}]}]"#,
        );
        assert_eq!(short, long[..2]);
        assert!(long[0] != long[1] && long[1] != long[2]);
    }

    #[test]
    fn lists_of_the_zip_and_chats_without_ids_are_read() {
        for json in [
            r#"[{"chatTitle":"a","messages":[{"role":"user","content":"hi"}]}]"#,
            r#"{"chats":[{"chatTitle":"a","messages":[{"role":"user","content":"hi"}]}]}"#,
        ] {
            let items = read(&FORMAT, json);
            assert_eq!(conversations(&items).len(), 1, "{json}");
            assert_eq!(conversation(&items).id.len(), 32);
        }
    }

    #[test]
    fn of_the_answers_of_several_models_the_first_is_read() {
        let json = r#"[{"chatID":"a","messages":[{"role":"user","content":"colour?"},
            {"type":"tm_multi_responses","uuid":"m","responses":[null,
                {"model":"x","messages":[{"role":"assistant","uuid":"a1","content":"Red"},{"role":"assistant","content":"!"}]},
                {"model":"y","messages":[{"role":"assistant","content":"Blue"}]}]},
            {"role":"user","content":"thanks"}]}]"#;
        let items = read(&FORMAT, json);
        assert_eq!(said(conversation(&items)), ["> colour?", "Red", "!", "> thanks"]);
        assert_eq!(conversation(&items).messages[1].id, "a1");
        assert_eq!(skipped(&items), [] as [&str; 0]);
    }

    #[test]
    fn other_lists_of_chats_are_not_claimed() {
        assert!(!(FORMAT.is)(br#"{"id":"a","messages":[]}"#));
        assert!(!(FORMAT.is)(br#"{"chatID":"a"}"#));
    }
}
