//! Claude's data export: `conversations.json`, a list of conversations. So are the
//! objects that browser extensions save, one conversation each, which also say
//! which branch was shown; and the chats of Claude's designs.
//!
//! Anthropic documents none of it; this follows what public importers found in real exports.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::branch::{self, Node};
use super::finish::either;
use super::format::{Format, Layout, Place, Sink};
use super::json::{Either, List, Object, Str, parse};
use super::text::{self, Files, add};
use super::time::Time;
use super::{Conversation, Item, Message, Role};

/// The format.
pub const FORMAT: Format = Format {
    platform: "claude",
    name: "Claude (conversations.json)",
    layouts: &[Layout::Array(""), Layout::Array("conversations"), Layout::Whole],
    is,
    start: || Box::new(read),
};

/// The format of chats about a design.
pub const DESIGN: Format = Format {
    platform: "claude",
    name: "Claude (design_chats)",
    layouts: &[Layout::Array(""), Layout::Whole],
    is: is_design,
    start: || Box::new(read),
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exported<'a> {
    #[serde(borrow)]
    uuid: Str<'a>,
    name: Str<'a>,
    title: Str<'a>,
    created_at: Time,
    updated_at: Time,
    current_leaf_message_uuid: Str<'a>,
    chat_messages: List<Object<Said<'a>>>,
    messages: List<Object<Said<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    uuid: Str<'a>,
    id: Str<'a>,
    sender: Str<'a>,
    role: Str<'a>,
    text: Str<'a>,
    content: Either<'a, Block<'a>>,
    created_at: Time,
    attachments: List<Object<Attachment<'a>>>,
    files: List<Object<Attachment<'a>>>,
    parent_message_uuid: Str<'a>,
}

/// A block; or the object around blocks that designs have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    text: Str<'a>,
    title: Str<'a>,
    content: Str<'a>,
    #[serde(rename = "contentBlocks")]
    blocks: List<Object<Inner<'a>>>,
    timestamp: Time,
    attachments: List<Object<Attachment<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    text: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attachment<'a> {
    #[serde(borrow)]
    file_name: Str<'a>,
    name: Str<'a>,
    extracted_content: Str<'a>,
}

impl<'a> Said<'a> {
    fn id(&self) -> &str {
        either(&self.uuid, &self.id)
    }

    /// What designs have instead of blocks.
    fn design(&self) -> Option<&Block<'a>> {
        match &self.content {
            Either::Object(design) => Some(design),
            _ => None,
        }
    }
}

fn is(part: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        chat_messages: List<IgnoredAny>,
    }
    parse::<Object<Probe>>(part, &mut Vec::new())
        .is_ok_and(|Object(probe)| probe.is_some_and(|probe| probe.chat_messages.0.is_some()))
}

fn is_design(part: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow)]
        uuid: Str<'a>,
        project: Object<Project<'a>>,
        messages: List<Object<Message<'a>>>,
    }
    #[derive(Deserialize)]
    struct Project<'a> {
        #[serde(borrow, rename = "uuid")]
        _uuid: Str<'a>,
    }
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, rename = "role")]
        _role: Str<'a>,
    }
    parse::<Object<Probe<'_>>>(part, &mut Vec::new()).is_ok_and(|Object(probe)| {
        probe.is_some_and(|probe| !probe.uuid.is_empty() && probe.project.0.is_some() && probe.messages.0.is_some())
    })
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let exported: Exported<'_> = match parse::<Object<_>>(part, &mut scratch) {
        Ok(exported) => exported.0.unwrap_or_default(),
        Err(error) => return sink(place.failed(error)),
    };
    let Some(said) = exported.chat_messages.0.or(exported.messages.0) else {
        return sink(Item::Skipped { place: place.with_id(&exported.uuid), why: "no messages".into() });
    };
    let mut said: Vec<_> = said.into_iter().filter_map(|said| said.0).collect();
    let nodes: Vec<Node<'_>> =
        said.iter().map(|said| Node { id: said.id(), parent: &said.parent_message_uuid }).collect();
    // Older exports name no parents, and are of the shown branch alone.
    let tree = nodes.iter().skip(1).all(|node| !node.parent.is_empty()) && nodes.iter().all(|node| !node.id.is_empty());
    let branch = if tree {
        branch::shown(&nodes, &exported.current_leaf_message_uuid, |at| (said[at].created_at, at))
    } else {
        (0..nodes.len()).collect()
    };
    let mut messages = Vec::with_capacity(branch.len());
    for at in branch {
        let said = std::mem::take(&mut said[at]);
        let role = match either(&said.sender, &said.role) {
            "human" | "user" => Role::Human,
            "assistant" => Role::Assistant,
            _ => continue,
        };
        let text = shown(&said, role);
        if !text.is_empty() {
            let of_design = said.design().and_then(|design| design.timestamp.0);
            let created_at = said.created_at.0.or(of_design).or(exported.created_at.0);
            messages.push(Message { id: said.id().to_owned(), role, text, created_at });
        }
    }
    let title = if exported.name.is_empty() { exported.title } else { exported.name };
    let conversation = Conversation {
        id: exported.uuid.0.into_owned(),
        title: title.trim().to_owned(),
        created_at: exported.created_at.0,
        updated_at: exported.updated_at.0,
        messages,
    };
    text::give(conversation, place, sink)
}

/// What the person saw of a message. It is taken from the blocks: the member `text` has the same with thoughts, calls
/// of tools and placeholders between, and so only counts where there is nothing else.
fn shown(said: &Said<'_>, role: Role) -> String {
    let mut text = String::new();
    let mut blocks = false;
    match &said.content {
        Either::Text(content) => add(&mut text, content),
        Either::Object(block) => add_block(&mut text, block),
        Either::List(list) => {
            blocks = !list.is_empty();
            for block in list {
                match block {
                    Either::Text(block) => add(&mut text, block),
                    Either::Object(block) => add_block(&mut text, block),
                    _ => {}
                }
            }
        }
        Either::Other => {}
    }
    if text.is_empty() && (!blocks || role == Role::Human) {
        let fence = "```";
        let placeholder = |inner: &str| inner.trim().starts_with("This block is not supported on your current device");
        add(&mut text, &text::without(Cow::Borrowed(&*said.text), fence, fence, placeholder));
    }
    let mut files = Files::default();
    let of_design = said.design().into_iter().flat_map(|design| design.attachments.iter());
    for file in said.attachments.iter().chain(said.files.iter()).chain(of_design).filter_map(|file| file.0.as_ref()) {
        files.add(&mut text, either(&file.file_name, &file.name));
        add(&mut text, &file.extracted_content);
    }
    text
}

fn add_block(text: &mut String, block: &Block<'_>) {
    match &*block.kind {
        "text" => add(text, &block.text),
        "voice_note" => {
            add(text, &block.title);
            add(text, &block.text);
        }
        "" => {
            let blocks = block.blocks.iter().filter_map(|block| block.0.as_ref());
            let mut any = false;
            for inner in blocks.filter(|inner| matches!(&*inner.kind, "text" | "user_interjection")) {
                any |= !inner.text.is_empty();
                add(text, &inner.text);
            }
            if !any {
                add(text, &block.content);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Micros;
    use crate::history::import::testing::{import, one, said, survives_damage};
    use serde_json::{Value, json};

    const ROOT: &str = "00000000-0000-4000-8000-000000000000";

    fn message(uuid: &str, sender: &str, parent: Option<&str>) -> Value {
        let mut message = json!({"uuid": uuid, "sender": sender, "text": "polluted", "created_at": "2026-01-02T03:04:05.000006Z",
            "content": [{"type": "text", "text": format!("said {uuid}"), "citations": [], "start_timestamp": null}],
            "attachments": [], "files": []});
        if let Some(parent) = parent {
            message["parent_message_uuid"] = parent.into();
        }
        message
    }

    #[expect(clippy::needless_pass_by_value, reason = "calls read better")]
    fn export(messages: Vec<Value>) -> Value {
        json!([{"uuid": "c1", "name": "N", "summary": "", "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-03T00:00:00Z",
            "account": {"uuid": "a"}, "chat_messages": messages}])
    }

    #[test]
    fn an_older_export_is_read_in_the_order_of_the_list() {
        let export = export(vec![message("1", "human", None), message("2", "assistant", None)]);
        let read = one("claude", &export);
        assert_eq!((&*read.id, &*read.title), ("c1", "N"));
        assert_eq!(said(&read), ["Human: said 1", "Assistant: said 2"]);
        assert_eq!(read.messages[0].created_at, Some(Micros(1_767_323_045_000_006)));
        survives_damage(&export);
    }

    #[test]
    fn of_branches_the_newest_is_shown() {
        let mut retry = message("3", "assistant", Some("1"));
        retry["created_at"] = "2026-01-02T04:00:00Z".into();
        let messages = vec![message("1", "human", Some(ROOT)), retry, message("2", "assistant", Some("1"))];
        assert_eq!(said(&one("claude", &export(messages))), ["Human: said 1", "Assistant: said 3"]);
    }

    #[test]
    fn a_dump_of_the_api_is_one_object_and_names_its_leaf() {
        let mut dump = export(vec![
            message("1", "human", Some(ROOT)),
            message("2", "assistant", Some("1")),
            message("3", "assistant", Some("1")),
        ])[0]
            .take();
        dump["current_leaf_message_uuid"] = "2".into();
        assert_eq!(said(&one("claude", &dump)), ["Human: said 1", "Assistant: said 2"]);
        assert_eq!(said(&one("claude", &json!([dump]))), ["Human: said 1", "Assistant: said 2"]);
    }

    #[test]
    fn only_what_was_said_is_read_of_the_blocks() {
        let mut human = message("1", "human", None);
        human["content"] = json!([{"type": "voice_note", "title": "Note", "text": "spoken"}, 3, null]);
        human["attachments"] = json!([{"file_name": "a.txt", "file_size": 3, "extracted_content": "inside"}]);
        human["files"] = json!([{"file_name": "a.txt", "file_uuid": "u"}, {"file_name": "b.png"}]);
        let mut assistant = message("2", "assistant", None);
        assistant["content"] = json!([
            {"type": "thinking", "thinking": "hm", "summaries": [{"summary": "s"}]},
            {"type": "text", "text": "first"},
            {"type": "tool_use", "id": null, "name": "web", "input": {"a": 1}},
            {"type": "tool_result", "content": [{"type": "text", "text": "found"}]},
            {"type": "token_budget"}, {"type": "of_next_year", "text": "x"},
            {"type": "text", "text": "second"}]);
        let mut tools = message("3", "assistant", None);
        tools["content"] = json!([{"type": "tool_use", "name": "web"}]);
        let read = one("claude", &export(vec![human, assistant, tools]));
        let human = "Human: Note\n\nspoken\n\n[file: a.txt]\n\ninside\n\n[file: b.png]";
        assert_eq!(said(&read), [human, "Assistant: first\n\nsecond"]);
    }

    #[test]
    fn the_text_counts_where_there_are_no_blocks_and_without_placeholders() {
        let mut human = message("1", "human", None);
        human["content"] = json!([]);
        human["text"] = "typed".into();
        let mut assistant = message("2", "assistant", None);
        assistant["content"] = Value::Null;
        assistant["text"] =
            "a\n```\nThis block is not supported on your current device yet.\n```\nb\n```\ncode\n```".into();
        let read = one("claude", &export(vec![human, assistant]));
        assert_eq!(said(&read), ["Human: typed", "Assistant: a\n\nb\n```\ncode\n```"]);
    }

    #[test]
    fn a_chat_about_a_design_is_read() {
        let design = json!({"uuid": "d", "title": "Logo", "project": {"uuid": "p", "name": "P"}, "messages": [
            {"role": "user", "content": {"content": "draw"}},
            {"role": "assistant", "content": {"contentBlocks": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "done"},
                {"type": "user_interjection", "text": "bigger"}]}}]});
        let read = one("claude", &design);
        assert_eq!(said(&read), ["Human: draw", "Assistant: done\n\nbigger"]);
        assert_eq!(read.messages[0].id.len(), 32);
        assert_eq!(one("claude", &design), read);
    }

    #[test]
    fn times_and_files_of_a_design_are_read() {
        let design = json!({"uuid": "d", "project": {"uuid": "p"}, "created_at": "2026-08-14T06:36:35Z", "messages": [
            {"uuid": "1", "id": "x", "role": "user", "content": {"content": "redo", "attachments": [{"name": "a.png", "type": "image"}]}},
            {"uuid": "2", "role": "assistant", "content": {"content": "done", "timestamp": "2026-08-14T06:37:10Z"}}]});
        let read = one("claude", &design);
        assert_eq!(said(&read), ["Human: redo\n\n[file: a.png]", "Assistant: done"]);
        let times: Vec<String> = read.messages.iter().map(|message| message.created_at.unwrap().rfc3339()).collect();
        assert_eq!(times, ["2026-08-14T06:36:35Z", "2026-08-14T06:37:10Z"]);
        assert_eq!(read.messages[0].id, "1");
    }

    /// Dumps by other tools have a member under both of its names.
    #[test]
    fn a_member_under_two_names_loses_nothing() {
        let mut message = message("1", "human", None);
        message["id"] = "other".into();
        message["role"] = "user".into();
        let mut export = export(vec![message]);
        export[0]["messages"] = json!([]);
        assert_eq!(said(&one("claude", &export)), ["Human: said 1"]);
    }

    #[test]
    fn an_empty_conversation_is_left_out() {
        let (items, summary) = import(export(vec![]).to_string().as_bytes());
        assert_eq!(summary.unwrap().skipped, 1, "{items:?}");
    }
}
