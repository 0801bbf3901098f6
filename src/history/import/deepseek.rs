//! `DeepSeek`'s data export: `conversations.json`, a list of trees of messages. Also
//! what browser tools save of its web API, one conversation each.
//!
//! `DeepSeek` documents none of it; this follows what public importers found in real exports. An export does not say
//! which branch was shown: the newest is taken.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::branch::{self, Node};
use super::format::{Format, Layout, Place, Sink};
use super::json::{List, Members, Object, Str, parse};
use super::text::{self, Files, add};
use super::time::Time;
use super::{Conversation, Item, Message, Role};

/// The format.
pub const FORMAT: Format = Format {
    platform: "deepseek",
    name: "DeepSeek (conversations.json)",
    layouts: &[Layout::Array(""), Layout::Array("conversations"), Layout::Whole],
    is,
    start: || Box::new(read),
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Exported<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    title: Str<'a>,
    inserted_at: Time,
    updated_at: Time,
    mapping: Members<'a, Object<Entry<'a>>>,
    /// Of the web API's answer.
    data: Object<Data<'a>>,
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
    message_id: Str<'a>,
    parent_id: Str<'a>,
    role: Str<'a>,
    content: Str<'a>,
    inserted_at: Time,
    fragments: List<Object<Fragment<'a>>>,
    files: List<Object<File<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fragment<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    content: Str<'a>,
    files: List<Object<File<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File<'a> {
    #[serde(borrow)]
    file_name: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    biz_data: Object<Business<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Business<'a> {
    #[serde(borrow)]
    chat_session: Object<Session<'a>>,
    chat_messages: List<Object<Said<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Session<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    title: Str<'a>,
    current_message_id: Str<'a>,
    inserted_at: Time,
    updated_at: Time,
}

fn is(part: &[u8]) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Probe<'a> {
        #[serde(borrow)]
        inserted_at: Str<'a>,
        mapping: Members<'a, IgnoredAny>,
        data: Object<Outer>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Outer {
        biz_data: Object<Inner>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Inner {
        chat_session: Object<Any>,
        chat_messages: List<IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Any {}
    let mut scratch = Vec::new();
    let Ok(Object(Some(probe))) = parse::<Object<Probe<'_>>>(part, &mut scratch) else { return false };
    let answer = probe.data.0.and_then(|data| data.biz_data.0);
    (probe.mapping.0.is_some() && !probe.inserted_at.is_empty())
        || answer.is_some_and(|answer| answer.chat_session.0.is_some() && answer.chat_messages.0.is_some())
}

fn read(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let exported: Exported<'_> = match parse::<Object<_>>(part, &mut scratch) {
        Ok(exported) => exported.0.unwrap_or_default(),
        Err(error) => return sink(place.failed(error)),
    };
    let (session, mut nodes) = match (exported.mapping.0, exported.data.0.and_then(|data| data.biz_data.0)) {
        (Some(mapping), _) => {
            let session = Session {
                id: exported.id,
                title: exported.title,
                current_message_id: Str::default(),
                inserted_at: exported.inserted_at,
                updated_at: exported.updated_at,
            };
            let entries = mapping.into_iter().map(|(id, entry)| (id, entry.0.unwrap_or_default()));
            (session, entries.map(|(id, entry)| (id, entry.parent, entry.message.0)).collect::<Vec<_>>())
        }
        (None, Some(answer)) => {
            let said = answer.chat_messages.0.unwrap_or_default().into_iter().filter_map(|said| said.0);
            let nodes = said.map(|mut said| {
                (std::mem::take(&mut said.message_id), std::mem::take(&mut said.parent_id), Some(said))
            });
            (answer.chat_session.0.unwrap_or_default(), nodes.collect())
        }
        (None, None) => {
            return sink(Item::Skipped { place: place.with_id(&exported.id), why: "no messages".into() });
        }
    };
    let tree: Vec<Node<'_>> = nodes.iter().map(|(id, parent, _)| Node { id, parent }).collect();
    // Ids are numbers that grow.
    let age = |at: usize| (nodes[at].2.as_ref().map(|said| said.inserted_at), nodes[at].0.parse::<u64>().ok(), at);
    let branch = branch::shown(&tree, &session.current_message_id, age);
    let mut messages = Vec::with_capacity(branch.len());
    for at in branch {
        let (id, _, said) = std::mem::take(&mut nodes[at]);
        let Some(said) = said else { continue };
        let created_at = said.inserted_at.0.or(session.inserted_at.0);
        let mut id = id.0.into_owned();
        for (role, text) in shown(&said) {
            messages.push(Message { id: id.clone(), role, text, created_at });
            id.push_str("-answer");
        }
    }
    let conversation = Conversation {
        id: session.id.0.into_owned(),
        title: session.title.trim().to_owned(),
        created_at: session.inserted_at.0,
        updated_at: session.updated_at.0,
        messages,
    };
    text::give(conversation, place, sink)
}

/// What the person saw of a node: one message, unless question and answer are in the same.
fn shown(said: &Said<'_>) -> Vec<(Role, String)> {
    let mut human = String::new();
    let mut assistant = String::new();
    let mut named = Vec::new();
    for fragment in said.fragments.iter().filter_map(|fragment| fragment.0.as_ref()) {
        match &*fragment.kind {
            "REQUEST" => add(&mut human, &fragment.content),
            "RESPONSE" => add(&mut assistant, &plain(&fragment.content)),
            "FILE" => named.extend(fragment.files.iter().filter_map(|file| file.0.as_ref())),
            // Thoughts, searches and tools are folded away.
            _ => {}
        }
    }
    if said.fragments.is_empty() {
        match &*said.role {
            "USER" => add(&mut human, &said.content),
            "ASSISTANT" => add(&mut assistant, &plain(&said.content)),
            _ => {}
        }
    }
    named.extend(said.files.iter().filter_map(|file| file.0.as_ref()));
    let is_answer = human.is_empty() && !assistant.is_empty();
    let mut files = Files::default();
    for file in named {
        files.add(if is_answer { &mut assistant } else { &mut human }, &file.file_name);
    }
    [(Role::Human, human), (Role::Assistant, assistant)].into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

/// The text without marks of what was found where, such as `[citation:3]`.
fn plain(text: &str) -> Cow<'_, str> {
    let number = |inner: &str| !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit());
    text::without(text::without(Cow::Borrowed(text), "[citation:", "]", number), "[reference:", "]", number)
}

#[cfg(test)]
mod tests {
    use crate::clock::Micros;
    use crate::history::import::testing::{one, said, survives_damage};
    use serde_json::{Value, json};

    #[expect(clippy::needless_pass_by_value, reason = "calls read better")]
    fn node(id: &str, parent: &str, fragments: Value) -> (String, Value) {
        let inserted_at = format!("2025-02-01T10:00:0{id}.000001+08:00");
        let message =
            json!({"model": "deepseek-chat", "inserted_at": inserted_at, "fragments": fragments, "files": []});
        (id.into(), json!({"id": id, "parent": parent, "children": [], "message": message}))
    }

    fn export(nodes: Vec<(String, Value)>) -> Value {
        let mut mapping: serde_json::Map<_, _> = nodes.into_iter().collect();
        mapping.insert("root".into(), json!({"id": "root", "parent": null, "children": ["1"], "message": null}));
        json!([{"id": "c1", "title": "T", "inserted_at": "2025-02-01T10:00:00.5+08:00", "updated_at": "2025-02-01T11:00:00+08:00", "mapping": mapping}])
    }

    #[test]
    fn questions_and_answers_are_told_by_their_fragments() {
        let export = export(vec![
            node(
                "1",
                "root",
                json!([{"type": "REQUEST", "content": "q"}, {"type": "FILE", "files": [{"file_name": "a.pdf"}]}]),
            ),
            node(
                "2",
                "1",
                json!([{"type": "THINK", "content": "hm"}, {"type": "SEARCH", "results": [{"title": "t"}]},
                {"type": "TOOL_CALL", "content": "x"}, {"type": "RESPONSE", "content": "a[citation:3] b[reference:0] [citation:x]"}]),
            ),
            node("3", "2", json!([{"type": "THINK", "content": "only thoughts"}])),
        ]);
        let read = one("deepseek", &export);
        assert_eq!((&*read.id, &*read.title), ("c1", "T"));
        assert_eq!(read.created_at, Some(Micros(1_738_375_200_500_000)));
        assert_eq!(said(&read), ["Human: q\n\n[file: a.pdf]", "Assistant: a b [citation:x]"]);
        assert_eq!((&*read.messages[1].id, read.messages[1].created_at), ("2", Some(Micros(1_738_375_202_000_001))));
        survives_damage(&export);
    }

    #[test]
    fn a_file_goes_with_what_is_said_beside_it() {
        let file = json!({"type": "FILE", "files": [{"file_name": "map.png"}]});
        let read = one(
            "deepseek",
            &export(vec![
                node("1", "root", json!([file, {"type": "REQUEST", "content": "q"}])),
                node("2", "1", json!([file, {"type": "RESPONSE", "content": "a"}])),
                node("3", "2", json!([file])),
            ]),
        );
        let file = "[file: map.png]";
        assert_eq!(
            said(&read),
            [format!("Human: q\n\n{file}"), format!("Assistant: a\n\n{file}"), format!("Human: {file}")]
        );
    }

    #[test]
    fn of_branches_the_newest_is_shown() {
        let answer = |text: &str| json!([{"type": "RESPONSE", "content": text}]);
        let export = export(vec![
            node("1", "root", json!([{"type": "REQUEST", "content": "q"}])),
            node("3", "1", answer("new")),
            node("2", "1", answer("old")),
        ]);
        assert_eq!(said(&one("deepseek", &export)), ["Human: q", "Assistant: new"]);
    }

    #[test]
    fn what_the_web_api_answers_is_read_with_its_own_branch() {
        let message = |id: u64, parent: Option<u64>, role: &str, text: &str| json!({"message_id": id, "parent_id": parent, "role": role, "inserted_at": 1_738_375_200.5, "fragments": [], "content": text});
        let dump = json!({"code": 0, "data": {"biz_code": 0, "biz_data": {
            "chat_session": {"id": "s", "title": null, "current_message_id": 2, "inserted_at": 1_738_375_200.25},
            "chat_messages": [message(1, None, "USER", "q"), message(2, Some(1), "ASSISTANT", "shown"), message(3, Some(1), "ASSISTANT", "newer")]}}});
        let read = one("deepseek", &dump);
        assert_eq!((&*read.id, &*read.title, &*read.messages[0].id), ("s", "", "1"));
        assert_eq!(said(&read), ["Human: q", "Assistant: shown"]);
    }
}
