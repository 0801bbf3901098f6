//! Gemini beside documents and mail, as Google's Takeout has it: for each
//! conversation a file `Gemini in Workspace/Conversation History/conversation_….txt`,
//! which is JSON. A conversation has no id but the number in that name, and its
//! messages have none.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde::Deserialize;

use super::content::Names;
use super::finish::{give, give_unread, with_files};
use super::format::{Format, Layout, Place, Sink};
use super::json::{List, Object, Str};
use super::text::add;
use super::time::Time;
use super::{Conversation, Message, Role, json, scan};

/// A conversation of Gemini in Workspace.
pub const FORMAT: Format = Format {
    platform: "gemini",
    name: "Gemini (Takeout, Gemini in Workspace)",
    layouts: &[Layout::Whole],
    is: |part| scan::has_keys(part, &["conversation_turns", "creation_time"]),
    start: || Box::new(read),
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chat<'a> {
    #[serde(borrow)]
    title: Str<'a>,
    creation_time: Time,
    last_modification_time: Time,
    conversation_turns: List<Object<Turn<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Turn<'a> {
    #[serde(borrow)]
    user_turn: Object<Said<'a>>,
    /// The assistant's.
    system_turn: Object<Said<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    prompt: Str<'a>,
    text: List<Object<Piece<'a>>>,
    images: Names<'a>,
    turn_index: Str<'a>,
    turn_last_modified: Time,
}

/// A piece of an answer; what stands before it can be the whole of it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Piece<'a> {
    #[serde(borrow)]
    preamble: Str<'a>,
    data: Str<'a>,
    cards: List<Object<Card<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Card<'a> {
    #[serde(borrow)]
    content: Str<'a>,
}

impl Said<'_> {
    fn text(&self) -> String {
        let mut text = String::new();
        add(&mut text, &self.prompt);
        for piece in self.text.iter().filter_map(|piece| piece.0.as_ref()) {
            add(&mut text, &piece.preamble);
            add(&mut text, &piece.data);
            piece.cards.iter().filter_map(|card| card.0.as_ref()).for_each(|card| add(&mut text, &card.content));
        }
        with_files(&text, &self.images.names())
    }
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let chat: Chat<'_> = match json::parse(part, &mut scratch) {
        Ok(chat) => chat,
        Err(error) => return sink(place.failed(error)),
    };
    let mut kept: Vec<(Role, &Said<'_>)> = Vec::new();
    let mut places = HashMap::new();
    let mut unread = 0;
    for turn in chat.conversation_turns.iter() {
        let turn = turn.0.as_ref().map(|turn| (&turn.user_turn.0, &turn.system_turn.0));
        let (role, said) = match turn {
            Some((Some(said), _)) => (Role::Human, said),
            Some((None, Some(said))) => (Role::Assistant, said),
            _ => {
                unread += 1;
                continue;
            }
        };
        // What is asked or answered anew has the number of what it replaces, with all that followed on that.
        let number = &*said.turn_index;
        let again = places.insert((role, number), kept.len()).filter(|_| !number.is_empty());
        let is_it = |(by, old): &(Role, &Said<'_>)| *by == role && *old.turn_index == *number;
        if let Some(again) = again.filter(|place| kept.get(*place).is_some_and(is_it)) {
            kept.truncate(again);
            places.insert((role, number), again);
        }
        kept.push((role, said));
    }
    let messages = kept.into_iter().map(|(role, said)| Message {
        id: String::new(),
        role,
        text: said.text(),
        created_at: said.turn_last_modified.0,
    });
    let messages = messages.filter(|message| !message.text.is_empty()).collect();
    give_unread(unread, &place, "", sink)?;
    let conversation = Conversation {
        id: String::new(),
        title: chat.title.trim().to_owned(),
        created_at: chat.creation_time.0,
        updated_at: chat.last_modification_time.0,
        messages,
    };
    give(conversation, place, sink)
}

#[cfg(test)]
pub(super) mod tests {
    use super::FORMAT;
    use crate::history::import::examine::{conversation, read, said, skipped};

    pub const SAMPLE: &str = r#"{"title": "A letter ", "creation_time": "2026-08-09T17:29:41.209311+00:00",
      "last_modification_time": "2026-08-09T17:34:58.153871+00:00", "conversation_turns": [
      {"user_turn": {"prompt": "Write a letter", "turn_index": 0, "turn_last_modified": "2026-08-09T17:29:41.209311+00:00"}},
      {"system_turn": {"text": [{"data": "Old"}], "turn_index": 1, "turn_last_modified": "2026-08-09T17:29:42+00:00"}},
      {"system_turn": {"text": [{"data": "", "preamble": "Here it is:"}, {"data": "Dear all"}, {"cards": [{"content": "A card"}, null]}],
        "images": ["conversation_1_turn_1_images_0"], "model_thoughts": [{"headline": "h", "description": "d"}],
        "turn_index": 1, "turn_last_modified": "2026-08-09T17:30:00+00:00"}},
      {"user_turn": {"prompt": "", "turn_index": 2}},
      {"user_turn": {"prompt": "Shorter", "turn_index": 2, "turn_last_modified": "2026-08-09T17:34:00+00:00"}},
      {"system_turn": {"text": [{"data": "Dear"}], "turn_index": 3, "turn_last_modified": "2026-08-09T17:34:58+00:00"}},
      {"other_turn": {}}]}"#;

    #[test]
    fn turns_are_read_and_what_was_done_again_is_read_once() {
        let items = read(&FORMAT, SAMPLE);
        let chat = conversation(&items);
        assert_eq!((chat.title.as_str(), chat.messages.len()), ("A letter", 4));
        assert_eq!(chat.created_at.expect("given").rfc3339(), "2026-08-09T17:29:41.209311Z");
        let answer = "Here it is:\n\nDear all\n\nA card\n\n[file: conversation_1_turn_1_images_0]";
        assert_eq!(said(chat), ["> Write a letter", answer, "> Shorter", "Dear"]);
        assert_eq!(chat.messages[1].created_at.expect("given").rfc3339(), "2026-08-09T17:30:00Z");
        assert_eq!(skipped(&items), ["1 messages of an unknown form"]);
    }

    #[test]
    fn without_numbers_all_turns_are_read() {
        let items = read(&FORMAT, &SAMPLE.replace("turn_index", "x"));
        assert_eq!(said(conversation(&items))[..2], ["> Write a letter", "Old"]);
    }
}
