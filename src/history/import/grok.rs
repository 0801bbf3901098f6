//! Grok's data export: `prod-grok-backend.json`, an object with conversations and
//! much else.
//!
//! xAI documents none of it; this follows what public importers found in real exports.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::branch::{self, Node};
use super::format::{Format, Layout, Place, Sink};
use super::json::{Either, List, Object, Str, parse};
use super::text::{self, Files, add};
use super::time::Time;
use super::{Conversation, Item, Message, Role};

/// The format.
pub const FORMAT: Format = Format {
    platform: "grok",
    name: "Grok (prod-grok-backend.json)",
    layouts: &[Layout::Array("conversations"), Layout::Array("")],
    is,
    start: || Box::new(read),
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exported<'a> {
    #[serde(borrow)]
    conversation: Object<Head<'a>>,
    responses: List<Object<Said<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    conversation_id: Str<'a>,
    title: Str<'a>,
    create_time: Time,
    modify_time: Time,
    leaf_response_id: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    /// Where a response is wrapped, it is in this member and the others are absent.
    #[serde(borrow)]
    response: Object<Box<Said<'a>>>,
    #[serde(rename = "_id")]
    id: Str<'a>,
    response_id: Str<'a>,
    message: Str<'a>,
    sender: Str<'a>,
    create_time: Time,
    parent_response_id: Str<'a>,
    is_control: super::json::Flag,
    file_attachments: List<Either<'a, Attachment<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attachment<'a> {
    #[serde(borrow)]
    file_name: Str<'a>,
    name: Str<'a>,
}

fn is(part: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        conversation: Object<Any>,
        responses: List<IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Any {}
    parse::<Object<Probe>>(part, &mut Vec::new()).is_ok_and(|Object(probe)| {
        probe.is_some_and(|probe| probe.conversation.0.is_some() && probe.responses.0.is_some())
    })
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let exported: Exported<'_> = match parse::<Object<_>>(part, &mut scratch) {
        Ok(exported) => exported.0.unwrap_or_default(),
        Err(error) => return sink(place.failed(error)),
    };
    let head = exported.conversation.0.unwrap_or_default();
    let id = if head.id.is_empty() { head.conversation_id } else { head.id };
    let Some(responses) = exported.responses.0 else {
        return sink(Item::Skipped { place: place.with_id(&id), why: "no messages".into() });
    };
    let mut said: Vec<Said<'_>> = responses.into_iter().filter_map(|wrapped| Some(unwrapped(wrapped.0?))).collect();
    let mut by_time: Vec<usize> = (0..said.len()).collect();
    by_time.sort_by_key(|&at| said[at].create_time);
    let mut nodes: Vec<Node<'_>> =
        said.iter().map(|said| Node { id: said.id(), parent: &said.parent_response_id }).collect();
    let tree = nodes.iter().any(|node| !node.parent.is_empty()) && nodes.iter().all(|node| !node.id.is_empty());
    let branch = if tree {
        // An answer begins no conversation: where its parent is missing, it is what was said before it.
        for pair in by_time.windows(2).filter(|pair| !said[pair[1]].is_human()) {
            if nodes[pair[1]].parent.is_empty() {
                nodes[pair[1]].parent = nodes[pair[0]].id;
            }
        }
        branch::shown(&nodes, &head.leaf_response_id, |at| (said[at].create_time, at))
    } else {
        by_time
    };
    let mut messages = Vec::with_capacity(branch.len());
    for at in branch {
        let said = std::mem::take(&mut said[at]);
        let text = shown(&said);
        if text.is_empty() || said.is_control.0 {
            continue;
        }
        let role = if said.is_human() { Role::Human } else { Role::Assistant };
        let created_at = said.create_time.0.or(head.create_time.0);
        messages.push(Message { id: said.id().to_owned(), role, text, created_at });
    }
    let conversation = Conversation {
        id: id.0.into_owned(),
        title: head.title.trim().to_owned(),
        created_at: head.create_time.0,
        updated_at: head.modify_time.0,
        messages,
    };
    text::give(conversation, place, sink)
}

fn unwrapped(mut said: Said<'_>) -> Said<'_> {
    said.response.0.take().map_or(said, |inner| *inner)
}

impl Said<'_> {
    /// The sender of an answer is the assistant in any spelling, or the name of a model.
    fn is_human(&self) -> bool {
        self.sender.eq_ignore_ascii_case("human")
    }

    fn id(&self) -> &str {
        if self.id.is_empty() { &self.response_id } else { &self.id }
    }
}

/// The text without the tags that the page draws as cards and links.
fn shown(said: &Said<'_>) -> String {
    let any = |_: &str| true;
    let message = text::without(Cow::Borrowed(&*said.message), "<xai:tool_usage_card", "</xai:tool_usage_card>", any);
    let message = text::without(message, "<grok:render", "</grok:render>", any);
    let mut text = String::new();
    add(&mut text, &message);
    let mut files = Files::default();
    for file in said.file_attachments.iter() {
        // Where a file is text it is an id, which says nothing.
        if let Either::Object(file) = file {
            files.add(&mut text, if file.file_name.is_empty() { &file.name } else { &file.file_name });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::clock::Micros;
    use crate::history::import::testing::{one, said, survives_damage};
    use serde_json::{Value, json};

    fn response(id: &str, sender: &str, parent: Option<&str>, second: u64) -> Value {
        json!({"_id": id, "conversation_id": "c1", "message": format!("said {id}"), "sender": sender, "parent_response_id": parent,
            "create_time": {"$date": {"$numberLong": (1_700_000_000_000 + second * 1000).to_string()}}, "model": "grok-4", "partial": false})
    }

    #[expect(clippy::needless_pass_by_value, reason = "calls read better")]
    fn export(responses: Vec<Value>, leaf: Value) -> Value {
        let responses: Vec<Value> =
            responses.into_iter().map(|response| json!({"response": response, "share_link": null})).collect();
        json!({"projects": [], "tasks": [], "media_posts": [{"id": "x"}], "conversations": [{"conversation": {"id": "c1", "title": "T",
            "create_time": "2025-01-02T03:04:05.123Z", "modify_time": "2025-01-02T04:04:05Z", "leaf_response_id": leaf}, "responses": responses}]})
    }

    #[test]
    fn without_parents_responses_are_read_by_time() {
        let export = export(vec![response("2", "ASSISTANT", None, 9), response("1", "human", None, 3)], Value::Null);
        let read = one("grok", &export);
        assert_eq!((&*read.id, &*read.title), ("c1", "T"));
        assert_eq!(said(&read), ["Human: said 1", "Assistant: said 2"]);
        assert_eq!(read.messages[0].created_at, Some(Micros(1_700_000_003_000_000)));
        survives_damage(&export);
    }

    #[test]
    fn the_branch_of_the_leaf_is_shown_or_the_newest() {
        let responses = || {
            vec![
                response("1", "human", None, 0),
                response("2", "grok-4", Some("1"), 1),
                response("3", "assistant", Some("1"), 2),
            ]
        };
        assert_eq!(said(&one("grok", &export(responses(), json!("2")))), ["Human: said 1", "Assistant: said 2"]);
        assert_eq!(said(&one("grok", &export(responses(), Value::Null))), ["Human: said 1", "Assistant: said 3"]);
    }

    #[test]
    fn an_answer_without_a_parent_follows_on_what_was_said_before() {
        let responses = vec![
            response("4", "assistant", None, 4),
            response("1", "human", None, 1),
            response("2", "assistant", Some("1"), 2),
            response("3", "human", Some("2"), 3),
            response("5", "human", Some("4"), 5),
        ];
        let read = one("grok", &export(responses, Value::Null));
        let ids: Vec<&str> = read.messages.iter().map(|message| &*message.id).collect();
        assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    }

    #[test]
    fn cards_empty_answers_and_control_messages_are_left_out() {
        let mut card = response("1", "assistant", None, 1);
        card["message"] = "a <grok:render card_id=\"x\"><argument>1</argument></grok:render>b<xai:tool_usage_card>c</xai:tool_usage_card>".into();
        let mut empty = response("2", "assistant", None, 2);
        empty["message"] = "".into();
        let mut control = response("3", "human", None, 3);
        control["is_control"] = true.into();
        let mut file = response("4", "human", None, 4);
        file["message"] = Value::Null;
        file["file_attachments"] = json!(["0f3a", {"file_name": "a.pdf"}]);
        let read = one("grok", &export(vec![card, empty, control, file], Value::Null));
        assert_eq!(said(&read), ["Assistant: a b", "Human: [file: a.pdf]"]);
    }

    #[test]
    fn responses_that_are_not_wrapped_are_read_too() {
        let mut flat = export(vec![], Value::Null);
        let mut one_more = response("x", "human", None, 0);
        one_more.as_object_mut().unwrap().remove("_id");
        one_more["response_id"] = "r".into();
        flat["conversations"][0]["responses"] = json!([one_more]);
        let read = one("grok", &flat);
        assert_eq!((&*read.messages[0].id, said(&read)), ("r", vec!["Human: said x".to_owned()]));
    }
}
