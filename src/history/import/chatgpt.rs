//! `ChatGPT`'s data export: `conversations.json`, or its shards
//! `conversations-000.json` and so on; each is a list of conversations, which are
//! trees of messages.
//!
//! `OpenAI` documents none of it; this follows what public importers found in real exports.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;

use super::branch::{self, Node};
use super::format::{Format, Layout, Place, Sink};
use super::json::{Either, Flag, List, Members, Object, Str, parse};
use super::text::{self, Files, add};
use super::time::Time;
use super::{Conversation, Message, Role};

/// The format.
pub const FORMAT: Format = Format {
    platform: "chatgpt",
    name: "ChatGPT (conversations.json)",
    layouts: &[Layout::Array(""), Layout::Array("conversations"), Layout::Whole],
    is,
    start: || Box::new(read),
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exported<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    conversation_id: Str<'a>,
    title: Str<'a>,
    create_time: Time,
    update_time: Time,
    current_node: Str<'a>,
    mapping: Members<'a, Object<Entry<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    parent: Str<'a>,
    message: Object<Said<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    author: Object<Author<'a>>,
    create_time: Time,
    content: Object<Content<'a>>,
    recipient: Str<'a>,
    channel: Str<'a>,
    metadata: Object<Metadata<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Author<'a> {
    #[serde(borrow)]
    role: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    content_type: Str<'a>,
    parts: List<Either<'a, Part<'a>>>,
    text: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    content_type: Str<'a>,
    text: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'a> {
    is_visually_hidden_from_conversation: Flag,
    is_user_system_message: Flag,
    /// Whether the page said it to go on, when nobody answered the assistant's question.
    is_auto_proceed_message: Flag,
    #[serde(borrow)]
    attachments: List<Object<Attachment<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attachment<'a> {
    #[serde(borrow)]
    name: Str<'a>,
}

fn is(part: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow)]
        mapping: Members<'a, Object<Parent<'a>>>,
        #[serde(default)]
        inserted_at: Str<'a>,
    }
    #[derive(Deserialize)]
    struct Parent<'a> {
        #[serde(borrow, default, rename = "parent")]
        _parent: Str<'a>,
    }
    let mut scratch = Vec::new();
    let probe = parse::<Object<Probe<'_>>>(part, &mut scratch).ok().and_then(|probe| probe.0);
    // DeepSeek's export has the same shape, and other names for the times.
    probe.is_some_and(|probe| probe.mapping.0.is_some() && probe.inserted_at.is_empty())
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let exported: Exported<'_> = match parse::<Object<_>>(part, &mut scratch) {
        Ok(exported) => exported.0.unwrap_or_default(),
        Err(error) => return sink(place.failed(error)),
    };
    let id = if exported.id.is_empty() { exported.conversation_id } else { exported.id };
    let Some(mut mapping) = exported.mapping.0 else {
        return sink(super::Item::Skipped { place: place.with_id(&id), why: "no messages".into() });
    };
    let nodes: Vec<Node<'_>> = mapping
        .iter()
        .map(|(id, entry)| Node { id, parent: entry.0.as_ref().map_or("", |entry| &*entry.parent) })
        .collect();
    let time = |at: usize| Some(mapping[at].1.0.as_ref()?.message.0.as_ref()?.create_time);
    let branch = branch::shown(&nodes, &exported.current_node, |at| (time(at), nodes[at].id));
    let mut messages = Vec::with_capacity(branch.len());
    for at in branch {
        let (node, entry) = std::mem::take(&mut mapping[at]);
        let Some(said) = entry.0.and_then(|entry| entry.message.0) else { continue };
        let Some((role, text)) = shown(&said) else { continue };
        let id = if said.id.is_empty() { node } else { said.id };
        // Order is the tree's: answers are often stamped before their questions.
        let created_at = said.create_time.0.or(exported.create_time.0);
        messages.push(Message { id: id.0.into_owned(), role, text, created_at });
    }
    let conversation = Conversation {
        id: id.0.into_owned(),
        title: exported.title.trim().to_owned(),
        created_at: exported.create_time.0,
        updated_at: exported.update_time.0,
        messages,
    };
    text::give(conversation, place, sink)
}

/// What the person saw of a message, if anything.
fn shown(said: &Said<'_>) -> Option<(Role, String)> {
    let role = match &*said.author.0.as_ref()?.role {
        "user" => Role::Human,
        "assistant" => Role::Assistant,
        _ => return None,
    };
    // To anyone but all is a call of a tool; the channel of reasoning is folded away.
    if !matches!(&*said.recipient, "" | "all") || &*said.channel == "analysis" {
        return None;
    }
    let metadata = said.metadata.0.as_ref();
    if metadata.is_some_and(|data| {
        data.is_visually_hidden_from_conversation.0 || data.is_user_system_message.0 || data.is_auto_proceed_message.0
    }) {
        return None;
    }
    let mut text = String::new();
    if let Some(content) = &said.content.0 {
        match &*content.content_type {
            "code" => add(&mut text, &content.text),
            "thoughts"
            | "reasoning_recap"
            | "execution_output"
            | "computer_output"
            | "citable_code_output"
            | "system_error"
            | "tether_quote"
            | "tether_browsing_display"
            | "sonic_webpage"
            | "user_editable_context"
            | "model_editable_context" => return None,
            // Also of types that are new: what they say is in their parts.
            _ => {
                for part in content.parts.iter() {
                    match part {
                        Either::Text(part) => add(&mut text, &plain(part)),
                        Either::Object(part) if matches!(&*part.content_type, "audio_transcription" | "text") => {
                            add(&mut text, &plain(&part.text));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    let attachments = metadata.into_iter().flat_map(|data| data.attachments.iter());
    let mut files = Files::default();
    for attachment in attachments.filter_map(|attachment| attachment.0.as_ref()) {
        files.add(&mut text, &attachment.name);
    }
    (!text.is_empty()).then_some((role, text))
}

/// What a marker in a text begins with, separates its fields by, and ends with.
const MARKER: [char; 3] = ['\u{e200}', '\u{e202}', '\u{e201}'];

/// How long a marker can be, in bytes.
const LONGEST: usize = 20_000;

/// The text without the markers that the page draws as links: spans in characters for private use, and `【12†L1】` in
/// older exports. A marker with a name that was read there becomes that name.
fn plain(text: &str) -> Cow<'_, str> {
    let text = text::without(Cow::Borrowed(text), "【", "】", |inner| inner.len() < 200 && inner.contains('†'));
    // All characters for private use have a first byte of 0xEE, or 0xEF with few others.
    if memchr::memchr2(0xEE, 0xEF, text.as_bytes()).is_none() {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(begin) = rest.find(is_private) {
        kept.push_str(&rest[..begin]);
        rest = &rest[begin..];
        match rest.strip_prefix(MARKER[0]).and_then(marker) {
            Some((inner, after)) => {
                kept.push_str(&label(inner).unwrap_or_default());
                rest = after;
            }
            None => rest = rest.trim_start_matches(is_private),
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// What a marker has inside, after its first character, and what follows it. One that isn't closed, because the answer
/// ends in it, goes to the end of the line.
fn marker(text: &str) -> Option<(&str, &str)> {
    let kind = text.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_');
    let is_named = kind.len() < text.len() && kind.starts_with(MARKER[1]);
    let end = text.find([MARKER[0], MARKER[2]]);
    match end.and_then(|end| Some((&text[..end], text[end..].strip_prefix(MARKER[2])?))) {
        Some((inner, after)) if inner.len() <= LONGEST && (is_named || !inner.contains('\n')) => Some((inner, after)),
        _ if is_named => Some(("", &text[text.find('\n').unwrap_or(text.len())..])),
        _ => None,
    }
}

/// The name in `entity␟["city","Paris","…"]`, `product_entity␟["id","Name"]` or `url␟name␟address`.
fn label(marker: &str) -> Option<String> {
    let (kind, fields) = marker.split_once(MARKER[1])?;
    match kind {
        "entity" | "product_entity" => serde_json::from_str::<Vec<String>>(fields).ok()?.into_iter().nth(1),
        "url" => match fields.split_once(MARKER[1]) {
            Some((name, address)) if address.starts_with("http") => Some(format!("{name} ({address})")),
            Some((name, _)) => Some(name.to_owned()),
            None => Some(fields.to_owned()),
        },
        _ => None,
    }
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}')
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::clock::Micros;
    use crate::history::import::Item;
    use crate::history::import::testing::{import, one, said, survives_damage};
    use serde_json::{Value, json};

    #[expect(clippy::needless_pass_by_value, reason = "calls read better")]
    fn node(id: &str, parent: Option<&str>, message: Value) -> (String, Value) {
        (id.into(), json!({"id": id, "parent": parent, "children": [], "message": message}))
    }

    fn message(role: &str, text: &str) -> Value {
        json!({"id": format!("m-{text}"), "author": {"role": role, "name": null, "metadata": {}}, "create_time": 1_700_000_000.5,
            "content": {"content_type": "text", "parts": [text]}, "status": "finished_successfully", "weight": 1.0,
            "recipient": "all", "metadata": {"timestamp_": "absolute"}})
    }

    fn with(mut message: Value, pointer: &str, value: Value) -> Value {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        message.pointer_mut(parent).unwrap()[key] = value;
        message
    }

    fn export(nodes: Vec<(String, Value)>, current: Option<&str>) -> Value {
        json!([{"title": "T", "create_time": 1_600_000_000.25, "update_time": "1600000001", "current_node": current,
            "mapping": nodes.into_iter().collect::<serde_json::Map<_, _>>(), "id": "c1", "conversation_id": "c1"}])
    }

    /// A chain below the root, each of these messages a node.
    fn chain(messages: Vec<Value>) -> Value {
        let mut nodes = vec![node("n0", None, Value::Null)];
        for (at, message) in messages.into_iter().enumerate() {
            nodes.push(node(&format!("n{}", at + 1), Some(&format!("n{at}")), message));
        }
        let last = format!("n{}", nodes.len() - 1);
        export(nodes, Some(&last))
    }

    #[test]
    fn the_shown_branch_is_read_with_ids_and_times() {
        let export = export(
            vec![
                node("d", Some("b"), message("assistant", "shown")),
                node("c", Some("b"), message("assistant", "older")),
                node("b", Some("a"), message("user", "question")),
                node("a", None, Value::Null),
            ],
            Some("d"),
        );
        let read = one("chatgpt", &export);
        assert_eq!((&*read.id, &*read.title), ("c1", "T"));
        assert_eq!(read.created_at, Some(Micros(1_600_000_000_250_000)));
        assert_eq!(read.updated_at, Some(Micros(1_600_000_001_000_000)));
        assert_eq!(said(&read), ["Human: question", "Assistant: shown"]);
        assert_eq!(read.messages[0].id, "m-question");
        assert_eq!(read.messages[0].created_at, Some(Micros(1_700_000_000_500_000)));
        survives_damage(&export);
    }

    #[test]
    fn without_a_current_node_the_newest_leaf_is_shown() {
        let old = with(message("assistant", "old"), "/create_time", json!(1.0));
        for current in [None, Some("gone")] {
            let export = export(
                vec![
                    node("a", None, message("user", "q")),
                    node("b", Some("a"), message("assistant", "new")),
                    node("c", Some("a"), old.clone()),
                ],
                current,
            );
            assert_eq!(said(&one("chatgpt", &export)), ["Human: q", "Assistant: new"]);
        }
    }

    #[test]
    fn order_is_the_trees_even_if_answers_are_stamped_before_questions() {
        let early = with(message("assistant", "a"), "/create_time", json!(5.0));
        assert_eq!(said(&one("chatgpt", &chain(vec![message("user", "q"), early]))), ["Human: q", "Assistant: a"]);
    }

    #[test]
    fn what_is_hidden_or_for_tools_is_left_out() {
        let kind = |kind: &str, content: Value| {
            let mut message = with(message("assistant", "x"), "/content", content);
            message["content"]["content_type"] = kind.into();
            message
        };
        let read = one(
            "chatgpt",
            &chain(vec![
                message("system", "s"),
                message("tool", "t"),
                with(message("user", "x"), "/metadata/is_visually_hidden_from_conversation", json!(true)),
                with(message("user", "x"), "/metadata/is_user_system_message", json!(true)),
                with(message("user", "x"), "/metadata/is_auto_proceed_message", json!(true)),
                with(message("assistant", "x"), "/recipient", json!("web.run")),
                with(message("assistant", "x"), "/channel", json!("analysis")),
                kind("thoughts", json!({"thoughts": [{"summary": "s", "content": "c"}]})),
                kind("reasoning_recap", json!({"content": "Thought for 3 s"})),
                kind("execution_output", json!({"text": "x"})),
                kind("tether_quote", json!({"text": "x", "url": "u"})),
                kind("sonic_webpage", json!({"text": "x"})),
                kind("system_error", json!({"text": "x", "name": "n"})),
                kind("user_editable_context", json!({"user_profile": "x", "user_instructions": "x"})),
                kind("model_editable_context", json!({"model_set_context": "x"})),
                with(message("user", "x"), "/content/parts", json!([null, "", "  "])),
                with(message("user", "weightless"), "/weight", json!(0.0)),
                with(message("assistant", "final"), "/channel", json!("final")),
                kind("code", json!({"language": "python", "text": "print(1)"})),
                kind("of_next_year", json!({"parts": ["new"]})),
            ]),
        );
        let expected = ["Human: weightless", "Assistant: final", "Assistant: print(1)", "Assistant: new"];
        assert_eq!(said(&read), expected);
    }

    #[test]
    fn speech_and_names_of_files_are_read() {
        let voice = with(
            message("user", "x"),
            "/content",
            json!({"content_type": "multimodal_text", "parts": [
                {"content_type": "audio_transcription", "text": "spoken", "direction": "in"},
                {"content_type": "real_time_user_audio_video_asset_pointer", "audio_asset_pointer": {}},
                {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_1", "width": 1},
                "typed", null]}),
        );
        let file = with(
            with(message("user", ""), "/metadata/attachments", json!([{"id": "f", "name": "a.pdf"}, 3])),
            "/id",
            Value::Null,
        );
        let read = one("chatgpt", &chain(vec![voice, file]));
        assert_eq!(said(&read), ["Human: spoken\n\ntyped", "Human: [file: a.pdf]"]);
        assert_eq!(read.messages[1].id, "n2");
    }

    #[test]
    fn missing_and_mistyped_members_lose_nothing() {
        let mut bare = message("user", "bare");
        bare.as_object_mut().unwrap().retain(|key, _| matches!(key.as_str(), "author" | "content"));
        let mut export = chain(vec![bare, message("assistant", "a")]);
        for (key, value) in
            [("title", Value::Null), ("create_time", json!({})), ("conversation_id", json!(7)), ("id", Value::Null)]
        {
            export[0][key] = value;
        }
        for key in ["metadata", "channel", "status", "create_time", "recipient"] {
            export[0]["mapping"]["n2"]["message"][key] = json!([1]);
        }
        export[0]["mapping"]["n2"].as_object_mut().unwrap().remove("children");
        let read = one("chatgpt", &export);
        assert_eq!((&*read.id, &*read.title, read.created_at), ("7", "", None));
        assert_eq!(said(&read), ["Human: bare", "Assistant: a"]);
        assert_eq!((&*read.messages[0].id, read.messages[0].created_at), ("n1", None));
    }

    #[test]
    fn markers_are_removed_and_names_of_entities_kept() {
        assert_eq!(plain("so\u{e200}cite\u{e202}turn0search1\u{e201}."), "so.");
        assert_eq!(plain("in \u{e200}entity\u{e202}[\"city\",\"Paris\",\"capital\"]\u{e201}!"), "in Paris!");
        assert_eq!(plain("a \u{e203}b\u{e204} \u{e200}open"), "a b open");
        assert_eq!(plain("at \u{e200}url\u{e202}OpenAI\u{e202}https://o.ai\u{e201}."), "at OpenAI (https://o.ai).");
        assert_eq!(plain("at \u{e200}url\u{e202}results\u{e202}turn0search0\u{e201}."), "at results.");
        assert_eq!(plain("a \u{e200}product_entity\u{e202}[\"t1\",\"Radio\"]\u{e201}"), "a Radio");
        assert_eq!(plain("a\u{e200}image_group\u{e202}{\"q\":\n[1]}\u{e201}b"), "ab");
        assert_eq!(plain("cut \u{e200}cite\u{e202}turn0sea"), "cut ");
        assert_eq!(plain("cut \u{e200}cite\u{e202}turn0sea\nnext"), "cut \nnext");
        assert_eq!(plain("a \u{e200}Note\nb\u{e201}"), "a Note\nb");
        assert_eq!(plain("see【12†L1-L3】 【note】"), "see 【note】");
        assert_eq!(plain("日本語 café"), "日本語 café");
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn many_markers_before_one_end_are_read_once() {
        let text = "\u{e200}x".repeat(1 << 20) + "\u{e201}";
        assert_eq!(plain(&text), "x".repeat((1 << 20) - 1));
    }

    #[test]
    fn other_elements_are_counted_and_the_rest_is_read() {
        let mut list = chain(vec![message("user", "q")]);
        let good = list[0].clone();
        list = json!([{"title": "no mapping"}, 3, chain(vec![message("system", "s")])[0], good]);
        let (items, summary) = import(list.to_string().as_bytes());
        let summary = summary.unwrap();
        assert_eq!((summary.conversations, summary.skipped, summary.failed), (1, 3, 0));
        assert!(
            matches!(&items[2].1, Item::Skipped { place, why } if place == "file.json[2] (c1)" && why == "no message shown")
        );
    }

    #[test]
    fn a_damaged_conversation_is_named_and_the_rest_is_read_wherever_it_is() {
        let good = chain(vec![message("user", "q")])[0].to_string();
        for (intact, damaged) in [("\"q\"", "\"q"), ("{", ""), ("}", ""), ("]", "")] {
            let bad = good.replacen(intact, damaged, 1);
            for before in [0, 1] {
                let list = [vec![&good; before], vec![&bad, &good, &good]].concat();
                let list = list.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(", ");
                let (items, summary) = import(format!("[{list}]").as_bytes());
                let summary = summary.unwrap();
                assert_eq!(summary.conversations, before as u64 + 2, "{bad}: {items:?}");
                let begin = 1 + before * (good.len() + 2);
                let within = |item: &Item| match item {
                    Item::Failed { place, .. } => {
                        let offset: usize = place.rsplit(' ').next().unwrap().parse().unwrap();
                        (begin..begin + bad.len()).contains(&offset)
                    }
                    _ => false,
                };
                assert!(items.iter().any(|(_, item)| within(item)), "{bad}: {items:?}");
            }
        }
    }

    #[test]
    fn a_lone_surrogate_or_a_broken_byte_costs_one_character() {
        let mut bytes =
            chain(vec![message("user", "brXken X")]).to_string().replacen("brXken X", "br\\ud83dken X", 1).into_bytes();
        let at = memchr::memmem::find(&bytes, b"ken X").unwrap() + 4;
        bytes[at] = 0xFF;
        let (items, _) = import(&bytes);
        let [(_, Item::Conversation(read))] = &items[..] else { panic!("{items:?}") };
        assert_eq!(said(read), ["Human: br\u{fffd}ken \u{fffd}"]);
    }

    #[test]
    fn a_list_in_an_object_and_one_conversation_are_read_too() {
        let list = chain(vec![message("user", "q")]);
        assert_eq!(said(&one("chatgpt", &json!({"conversations": list}))), ["Human: q"]);
        assert_eq!(said(&one("chatgpt", &list[0])), ["Human: q"]);
    }
}
