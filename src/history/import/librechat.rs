//! LibreChat's export of a conversation: one object with `messages`, in older
//! versions `messagesTree`. They stand side by side and name their parents, or,
//! where `recursive` was chosen, each stands in the `children` of its parent. So
//! deep is more than a parser may go, so nested messages are first taken apart.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;

use super::branch::{Node, shown};
use super::content::{Content, Names};
use super::finish::{give, give_unread, role, with_files};
use super::format::{Format, Layout, Place, Sink};
use super::json::{Flag, List, Object, Str};
use super::time::Time;
use super::{Conversation, Message, Role, json, scan, text};

/// A conversation of LibreChat.
pub const FORMAT: Format = Format {
    platform: "librechat",
    name: "LibreChat (conversation)",
    layouts: &[Layout::Whole],
    is,
    start: || Box::new(read),
};

fn is(part: &[u8]) -> bool {
    let keys = scan::keys(part);
    let has = |key: &[u8]| keys.contains(&key);
    has(b"conversationId") && (has(b"messages") || has(b"messagesTree"))
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Chat<'a> {
    #[serde(borrow)]
    conversation_id: Str<'a>,
    title: Str<'a>,
    messages: List<Object<Turn<'a>>>,
    messages_tree: List<Object<Turn<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Turn<'a> {
    #[serde(borrow)]
    message_id: Str<'a>,
    parent_message_id: Str<'a>,
    sender: Str<'a>,
    is_created_by_user: Flag,
    error: Flag,
    text: Str<'a>,
    content: Content<'a>,
    files: Names<'a>,
    attachments: Names<'a>,
    created_at: Time,
}

/// How what a model thought begins.
const THOUGHT: &str = ":::thinking";

impl Turn<'_> {
    fn text(&self) -> String {
        // Where there are blocks, `text` is empty or repeats them.
        let blocks = self.content.text(&["text"]);
        let mut files = self.files.names();
        if self.is_created_by_user.0 {
            files.extend(self.attachments.names());
        }
        let text = Cow::Borrowed(if blocks.is_empty() { &*self.text } else { &blocks });
        // So older versions wrote what a model thought before it answered.
        let thought = text.trim_start().starts_with(THOUGHT) && self.role() == Role::Assistant;
        with_files(&if thought { text::without(text, THOUGHT, ":::", |_| true) } else { text }, &files)
    }

    fn role(&self) -> Role {
        let person = self.is_created_by_user.0 || role(&self.sender) == Some(Role::Human);
        if person { Role::Human } else { Role::Assistant }
    }
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let texts = flatten(part);
    let mut scratches = vec![Vec::new(); texts.len()];
    let mut parts = texts.iter().zip(&mut scratches);
    let chat: Chat<'_> = match parts.next().map(|(text, scratch)| json::parse(text, scratch)) {
        Some(Ok(chat)) => chat,
        Some(Err(error)) => return sink(place.failed(error)),
        None => Chat::default(),
    };
    let below = match parts.map(|(text, scratch)| json::parse(text, scratch)).collect::<Result<Vec<Turn<'_>>, _>>() {
        Ok(below) => below,
        Err(error) => return sink(place.failed(error)),
    };
    let list = if chat.messages.is_empty() { &chat.messages_tree } else { &chat.messages };
    let mut turns: Vec<&Turn<'_>> = list.iter().filter_map(|turn| turn.0.as_ref()).collect();
    let unread = list.len() - turns.len();
    turns.extend(&below);
    let mut messages = Vec::new();
    for turn in last_branch(&turns) {
        let text = turn.text();
        if turn.error.0 || text.is_empty() {
            continue;
        }
        let id = turn.message_id.to_string();
        messages.push(Message { id, role: turn.role(), text, created_at: turn.created_at.0 });
    }
    let id = chat.conversation_id.0.into_owned();
    give_unread(unread, &place, &id, sink)?;
    let title = chat.title.0.into_owned();
    give(Conversation { id, title, created_at: None, updated_at: None, messages }, place, sink)
}

/// The branch that LibreChat shows unless another is chosen, which an export doesn't tell: from the last root, each
/// time the last answer.
fn last_branch<'a, 'b>(turns: &[&'a Turn<'b>]) -> Vec<&'a Turn<'b>> {
    let nodes: Vec<Node<'_>> =
        turns.iter().map(|turn| Node { id: &turn.message_id, parent: &turn.parent_message_id }).collect();
    let places: std::collections::HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(at, node)| (node.id, at)).collect();
    let mut last_child = vec![None; nodes.len()];
    let mut last_root = None;
    for (at, node) in nodes.iter().enumerate() {
        match places.get(node.parent).filter(|parent| **parent != at) {
            Some(parent) => last_child[*parent] = Some(at),
            None => last_root = Some(at),
        }
    }
    // Each message has one parent, so below a root there is no loop.
    let mut leaf = last_root;
    while let Some(child) = leaf.and_then(|at| last_child[at]) {
        leaf = Some(child);
    }
    shown(&nodes, leaf.map_or("", |at| nodes[at].id), |at| at).into_iter().map(|at| turns[at]).collect()
}

/// Takes the messages out of lists of `children`, leaving these empty: the whole without them, then each of them, a
/// parent before what is below it.
fn flatten(json: &[u8]) -> Vec<Vec<u8>> {
    enum Open {
        Object { text: usize, depth: usize },
        Children,
    }
    let mut texts = vec![Vec::new()];
    let mut open = vec![Open::Object { text: 0, depth: 0 }];
    let mut at = 0;
    while at < json.len() {
        let end = if json[at] == b'"' { scan::string_end(json, at).unwrap_or(json.len()) } else { at + 1 };
        match open.last_mut() {
            Some(Open::Object { text, depth }) => {
                let text = *text;
                texts[text].extend_from_slice(&json[at..end]);
                match json[at] {
                    b'{' | b'[' => *depth += 1,
                    b'}' | b']' => *depth = depth.saturating_sub(1),
                    _ => {}
                }
                if *depth == 0 && text > 0 {
                    open.pop();
                } else if let Some(list) = children(json, at, end) {
                    texts[text].extend_from_slice(b":[]");
                    open.push(Open::Children);
                    at = list;
                    continue;
                }
            }
            Some(Open::Children) => match json[at] {
                b'{' => {
                    texts.push(b"{".to_vec());
                    open.push(Open::Object { text: texts.len() - 1, depth: 1 });
                }
                b'[' => open.push(Open::Children),
                b']' => _ = open.pop(),
                _ => {}
            },
            None => break,
        }
        at = end;
    }
    texts
}

/// Where the list of children begins, after its bracket, if its key stands here.
fn children(json: &[u8], start: usize, end: usize) -> Option<usize> {
    if &json[start..end] != b"\"children\"" {
        return None;
    }
    let colon = scan::skip_space(json, end);
    let list = scan::skip_space(json, colon + 1);
    (json.get(colon) == Some(&b':') && json.get(list) == Some(&b'[')).then_some(list + 1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::FORMAT;
    use crate::history::import::examine::{conversation, failed, read, said, skipped};

    pub const SAMPLE: &str = r#"{"conversationId": "l1", "endpoint": "openAI", "title": "Tales", "exportAt": "13:18:04 GMT-0400 (Eastern Daylight Time)",
      "branches": true, "recursive": true, "options": {"title": "Tales"}, "messages": [
        {"messageId": "m1", "parentMessageId": "00000000-0000-0000-0000-000000000000", "isCreatedByUser": true, "sender": "User",
         "text": "A [tale] {please}, \"long\"", "createdAt": "2024-05-01T16:35:11.530Z", "files": [{"filename": "t.md"}], "children": [
          {"messageId": "m2", "parentMessageId": "m1", "isCreatedByUser": false, "sender": "GPT-4", "text": "Once", "children": []},
          {"messageId": "m3", "parentMessageId": "m1", "isCreatedByUser": false, "sender": "GPT-4", "text": "", "content": [
             {"type": "think", "think": "hm"}, {"type": "text", "text": {"value": "Twice"}}, {"type": "tool_call", "tool_call": {}}],
           "children" : [ {"messageId": "m4", "parentMessageId": "m3", "sender": "user", "text": "thanks", "children": []},
             {"messageId": "m5", "parentMessageId": "m3", "sender": "user", "text": "more", "children": [
               {"messageId": "m6", "parentMessageId": "m5", "sender": "GPT-4", "error": true, "text": "No credit", "children": []}]} ]}]},
        null]}"#;

    #[test]
    fn nested_messages_are_read_along_the_last_branch() {
        let items = read(&FORMAT, SAMPLE);
        let chat = conversation(&items);
        assert_eq!((chat.id.as_str(), chat.title.as_str()), ("l1", "Tales"));
        assert_eq!(said(chat), ["> A [tale] {please}, \"long\"\n\n[file: t.md]", "Twice", "> more"]);
        assert_eq!(chat.created_at.expect("of the first message").rfc3339(), "2024-05-01T16:35:11.53Z");
        assert_eq!(skipped(&items), ["1 messages of an unknown form"]);
    }

    #[test]
    fn messages_side_by_side_and_the_older_name_are_read() {
        let flat = r#"{"conversationId":"a","recursive":false,"messagesTree":[
            {"messageId":"1","parentMessageId":"0","sender":"User","isCreatedByUser":true,"text":"old"},
            {"messageId":"2","parentMessageId":"1","sender":"M","text":"x"},
            {"messageId":"3","parentMessageId":"0","sender":"User","isCreatedByUser":true,"text":"new"},
            {"messageId":"4","parentMessageId":"3","sender":"M","text":"y"}]}"#;
        assert_eq!(said(conversation(&read(&FORMAT, flat))), ["> new", "y"]);
    }

    #[test]
    fn what_a_model_thought_before_it_answered_is_left_out() {
        let json = r#"{"conversationId":"a","messages":[
            {"messageId":"1","parentMessageId":"0","isCreatedByUser":true,"text":":::thinking\nis how I mark it\n:::\n"},
            {"messageId":"2","parentMessageId":"1","sender":"M","text":":::thinking\n15*17…\n:::\n\n255"}]}"#;
        assert_eq!(said(conversation(&read(&FORMAT, json))), ["> :::thinking\nis how I mark it\n:::", "255"]);
    }

    #[test]
    fn a_conversation_as_deep_as_it_likes_is_read() {
        use std::fmt::Write as _;

        let mut json = r#"{"conversationId":"a","recursive":true,"messages":["#.to_owned();
        for at in 1..=1000 {
            let _ = write!(
                json,
                r#"{{"messageId":"{at}","parentMessageId":"{}","sender":"M","text":"{at}","children":["#,
                at - 1
            );
        }
        json += &"]}".repeat(1000);
        json += "]}";
        let items = read(&FORMAT, &json);
        assert_eq!(conversation(&items).messages.len(), 1000);
        assert_eq!(conversation(&items).messages[999].text, "1000");
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn much_white_space_is_passed_once() {
        let spaces = " ".repeat(1 << 20);
        let items = read(&FORMAT, &format!(r#"{{"conversationId":"l","messages":[{{"text":"a"}}]{spaces}}}"#));
        assert_eq!(said(conversation(&items)), ["a"]);
    }

    #[test]
    fn a_file_that_was_cut_off_fails() {
        assert_eq!(failed(&read(&FORMAT, &SAMPLE[..SAMPLE.len() / 2])).len(), 1);
        assert!(!(FORMAT.is)(br#"{"conversationId":"a"}"#));
    }
}
