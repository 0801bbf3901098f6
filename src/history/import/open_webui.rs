//! Open WebUI's export of chats: a list of objects that hold a `chat`, whose
//! `history` is a tree with `currentId` as the leaf shown. Older chats have a
//! plain list of messages only.

use std::ops::ControlFlow;

use serde::Deserialize;

use super::branch::{Node, shown};
use super::content::{Content, Names};
use super::finish::{either, give, give_unread, role, with_files};
use super::format::{Format, Layout, Place, Sink};
use super::json::{List, Members, Object, Str};
use super::time::Time;
use super::{Conversation, Message, Role, json};

/// Chats of Open WebUI.
pub const FORMAT: Format = Format {
    platform: "open-webui",
    name: "Open WebUI (chats)",
    layouts: &[Layout::Array("")],
    is,
    start: || Box::new(read),
};

fn is(part: &[u8]) -> bool {
    let mut scratch = Vec::new();
    let chat = json::parse::<Entry<'_>>(part, &mut scratch).ok().and_then(|entry| entry.chat.0);
    chat.is_some_and(|chat| chat.history.0.is_some() || chat.messages.0.is_some())
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    title: Str<'a>,
    chat: Object<Chat<'a>>,
    created_at: Time,
    updated_at: Time,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chat<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    title: Str<'a>,
    history: Object<History<'a>>,
    messages: List<Object<Turn<'a>>>,
    timestamp: Time,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct History<'a> {
    #[serde(borrow)]
    current_id: Str<'a>,
    messages: Members<'a, Object<Turn<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Turn<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    parent_id: Str<'a>,
    role: Str<'a>,
    content: Content<'a>,
    timestamp: Time,
    files: Names<'a>,
    output: List<Object<Output<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    content: Content<'a>,
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let entry: Entry<'_> = match json::parse(part, &mut scratch) {
        Ok(entry) => entry,
        Err(error) => return sink(place.failed(error)),
    };
    let Some(chat) = &entry.chat.0 else {
        return sink(place.failed("there is no object 'chat'"));
    };
    let (turns, unread) = turns(chat);
    let created_at = entry.created_at.0.or(chat.timestamp.0);
    let id = either(&entry.id, &chat.id).to_owned();
    let mut messages = Vec::new();
    for (given, turn) in turns {
        let text = turn.text();
        let Some(role) = role(&turn.role).filter(|_| !text.is_empty()) else { continue };
        messages.push(Message { id: given.to_owned(), role, text, created_at: turn.timestamp.0 });
    }
    give_unread(unread, &place, &id, sink)?;
    let title = either(&entry.title, &chat.title).to_owned();
    give(Conversation { id, title, created_at, updated_at: entry.updated_at.0, messages }, place, sink)
}

/// The messages of the branch shown, with their ids, and how many of all are unreadable.
fn turns<'a>(chat: &'a Chat<'_>) -> (Vec<(&'a str, &'a Turn<'a>)>, usize) {
    let history = chat.history.0.as_ref();
    let members = history.and_then(|history| history.messages.0.as_deref()).unwrap_or_default();
    if members.is_empty() {
        let turns: Vec<_> =
            chat.messages.iter().filter_map(|turn| turn.0.as_ref()).map(|turn| (&*turn.id, turn)).collect();
        let unread = chat.messages.len() - turns.len();
        return (turns, unread);
    }
    // The links are keys; the id inside of a message can be missing.
    let turns: Vec<_> = members.iter().filter_map(|(key, turn)| Some((&**key, turn.0.as_ref()?))).collect();
    let nodes: Vec<_> = turns.iter().map(|(id, turn)| Node { id, parent: &turn.parent_id }).collect();
    let leaf = history.map_or("", |history| &history.current_id);
    let branch = shown(&nodes, leaf, |at| (turns[at].1.timestamp, at));
    (branch.into_iter().map(|at| turns[at]).collect(), members.len() - turns.len())
}

impl Turn<'_> {
    fn text(&self) -> String {
        let mut text = self.content.text(&["text"]);
        if role(&self.role) == Some(Role::Assistant) {
            text = without_details(&text);
            if text.is_empty() {
                // Newer versions can hold the answer in the list of outputs only.
                let outputs = self.output.iter().filter_map(|output| output.0.as_ref());
                let messages = outputs.filter(|output| &*output.kind == "message");
                text = messages.map(|output| output.content.text(&["output_text"])).collect::<Vec<_>>().join("\n\n");
            }
        }
        with_files(&text, &self.files.names())
    }
}

/// The text without `<details type="…">…</details>`, in which reasoning and calls of tools stand. Those without a type
/// are the assistant's own.
fn without_details(text: &str) -> String {
    const OPEN: &str = "<details type=\"";
    const CLOSE: &str = "</details>";
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let Some(end) = rest[start..].find(CLOSE) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + end + CLOSE.len()..];
    }
    out.push_str(rest);
    out.trim().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::{FORMAT, without_details};
    use crate::history::import::examine::{conversation, failed, read, said, skipped};

    pub const SAMPLE: &str = r#"[{"id": "w1", "user_id": "u", "title": "Sums", "chat": {"title": "Sums", "models": ["m"], "history": {
        "currentId": "a2", "messages": {
            "u1": {"id": "u1", "parentId": null, "childrenIds": ["a1", "a2"], "role": "user", "content": "15 * 17?", "timestamp": 1700000000,
                   "files": [{"type": "file", "name": "sums.csv", "file": {"id": "f"}}]},
            "a1": {"id": "a1", "parentId": "u1", "role": "assistant", "content": "250", "timestamp": 1700000090},
            "a2": {"id": "a2", "parentId": "u1", "role": "assistant", "timestamp": 1700000010,
                   "content": "<details type=\"reasoning\" done=\"true\"><summary>Thought</summary>&gt; hm</details>\n255",
                   "output": [{"type": "message", "content": [{"type": "output_text", "text": "255"}]}]},
            "bad": null
        }}}, "created_at": 1700000000, "updated_at": 1700000010, "archived": false, "folder_id": null},
        {"id": "w2", "title": "", "chat": {"history": {"currentId": null, "messages": {}}, "messages": []}}]"#;

    #[test]
    fn the_current_branch_is_read_without_reasoning() {
        let items = read(&FORMAT, SAMPLE);
        let chat = conversation(&items);
        assert_eq!((chat.id.as_str(), chat.title.as_str()), ("w1", "Sums"));
        assert_eq!(said(chat), ["> 15 * 17?\n\n[file: sums.csv]", "255"]);
        assert_eq!(chat.created_at.expect("given").0, 1_700_000_000_000_000);
        assert_eq!(skipped(&items), ["1 messages of an unknown form", "no message shown"]);
    }

    #[test]
    fn without_a_current_message_the_newest_leaf_is_shown() {
        for current in ["null", "\"gone\""] {
            let json = SAMPLE.replace("\"currentId\": \"a2\"", &format!("\"currentId\": {current}"));
            assert_eq!(said(conversation(&read(&FORMAT, &json)))[1], "250");
        }
    }

    #[test]
    fn an_answer_can_stand_in_the_outputs_only() {
        let json = SAMPLE.replace("</details>\\n255", "</details>");
        assert_eq!(said(conversation(&read(&FORMAT, &json)))[1], "255");
    }

    #[test]
    fn chats_with_a_plain_list_are_read() {
        let json =
            r#"[{"id":"a","chat":{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}}]"#;
        assert_eq!(said(conversation(&read(&FORMAT, json))), ["> hi", "ho"]);
    }

    #[test]
    fn a_cycle_of_parents_ends() {
        let json = r#"[{"id":"a","chat":{"history":{"currentId":"x","messages":{
            "x":{"parentId":"y","role":"assistant","content":"2"},"y":{"parentId":"x","role":"user","content":"1"}}}}}]"#;
        assert_eq!(said(conversation(&read(&FORMAT, json))), ["> 1", "2"]);
    }

    #[test]
    fn details_without_a_type_or_an_end_stay() {
        let own = "<details><summary>More</summary>text</details>";
        assert_eq!(without_details(own), own);
        assert_eq!(without_details("a <details type=\"x\">b"), "a <details type=\"x\">b");
        assert_eq!(
            without_details("<details type=\"tool_calls\">x</details>a<details type=\"reasoning\">y</details>b"),
            "ab"
        );
    }

    #[test]
    fn an_entry_without_a_chat_fails_by_its_place() {
        let json = format!("{},{{\"id\":\"w3\"}}]", SAMPLE.trim_end_matches(']'));
        assert_eq!(failed(&read(&FORMAT, &json)).len(), 1);
    }
}
