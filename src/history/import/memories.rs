//! What other assistants remember, as facts: Claude's `memories.json`, lists that
//! mem0 gives, and lists of memories as text. (Commonplace's own forms are read
//! by `memory::transfer`.)

use std::ops::ControlFlow;

use serde::Deserialize;

use super::format::{Format, Layout, Place, Sink};
use super::json::{Either, List, Members, Object, Str};
use super::outline;
use super::time::Time;
use super::{Fact, Item, json, scan};
use crate::clock::Micros;

/// Claude's memories: of conversations, of projects, and files.
pub const CLAUDE: Format = Format {
    platform: "claude",
    name: "Claude (memories)",
    layouts: &[Layout::Array(""), Layout::Whole],
    is: is_claude,
    start: || Box::new(read_claude),
};

/// Memories of mem0, as its `get_all` gives them. Its export jobs have whatever form their caller asks for.
pub const MEM0: Format = Format {
    platform: "mem0",
    name: "mem0 (memories)",
    layouts: &[Layout::Array("results"), Layout::Array("memories"), Layout::Array("")],
    is: is_mem0,
    start: || Box::new(read_mem0),
};

/// A list of memories with dates, as assistants write it when they are asked for what they know:
/// `1. [2025-05-02]. The user likes tea.` Lists without dates can't be told from other texts; [`listed`] reads them.
pub const LIST: Format = Format {
    platform: "chatgpt",
    name: "Memories (list with dates)",
    layouts: &[Layout::Whole],
    is: is_list,
    start: || Box::new(read_list),
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Account<'a> {
    conversations_memory: Either<'a, Inner<'a>>,
    #[serde(borrow)]
    project_memories: Members<'a, Str<'a>>,
    memory_files: List<Object<File<'a>>>,
    // The older form, a row for each memory.
    title: Str<'a>,
    content: Str<'a>,
    created_at: Time,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner<'a> {
    #[serde(borrow)]
    content: Str<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File<'a> {
    #[serde(borrow)]
    path: Str<'a>,
    content: Str<'a>,
    updated_at: Time,
}

fn is_claude(part: &[u8]) -> bool {
    let keys = scan::keys(part);
    let has = |key: &str| keys.contains(&key.as_bytes());
    let account = ["conversations_memory", "project_memories", "memory_files"].into_iter().any(has);
    let row = ["uuid", "content", "created_at"].into_iter().all(has);
    // Messages and documents of conversations have these, too.
    let other = ["sender", "role", "filename", "chat_messages", "text"].into_iter().any(has);
    account || (row && !other)
}

fn read_claude(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let account: Account<'_> = match json::parse(part, &mut scratch) {
        Ok(account) => account,
        Err(error) => return sink(place.failed(error)),
    };
    let mut facts = Vec::new();
    match &account.conversations_memory {
        Either::Text(text) => prose(text, None, None, &mut facts),
        Either::Object(inner) => prose(&inner.content, None, None, &mut facts),
        Either::List(_) | Either::Other => {}
    }
    for (project, text) in account.project_memories.0.iter().flatten() {
        prose(text, named(project), None, &mut facts);
    }
    for file in account.memory_files.iter().filter_map(|file| file.0.as_ref()) {
        let name = file.path.trim_matches('/');
        let name = name.strip_suffix(".md").unwrap_or(name);
        prose(&file.content, named(name), file.updated_at.0, &mut facts);
    }
    if !account.content.trim().is_empty() {
        let (title, text) = (account.title.trim(), account.content.trim());
        let titled = !title.is_empty() && !text.starts_with(title);
        let text = if titled { format!("{title}: {text}") } else { text.to_owned() };
        facts.push(Fact { text, bucket: None, created_at: account.created_at.0 });
    }
    give(facts, &place, sink)
}

/// The longest name of a bucket, in characters; it goes with each fact in it.
const NAME: usize = 100;

/// The name of a bucket, if it is one; a long one is cut.
fn named(name: &str) -> Option<&str> {
    let name = name.trim();
    let end = name.char_indices().nth(NAME).map_or(name.len(), |(end, _)| end);
    Some(name[..end].trim_end()).filter(|name| !name.is_empty())
}

/// Facts of a text in Markdown. In a bucket of their own, the headings would be lost, so they go before the facts.
fn prose(text: &str, bucket: Option<&str>, created_at: Option<Micros>, facts: &mut Vec<Fact>) {
    for entry in outline::entries(text, false) {
        let said = ["[stated]", "[inferred]", "[observed]"].into_iter();
        let text = said.fold(&*entry.text, |text, mark| text.strip_prefix(mark).unwrap_or(text).trim_start());
        let text = match (bucket, entry.heading) {
            (Some(_), Some(heading)) => format!("{heading}: {text}"),
            _ => text.to_owned(),
        };
        let bucket = bucket.or(entry.heading).map(str::to_owned);
        facts.push(Fact { text, bucket, created_at });
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory<'a> {
    #[serde(borrow)]
    memory: Str<'a>,
    categories: List<Str<'a>>,
    metadata: Object<Metadata<'a>>,
    created_at: Time,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata<'a> {
    #[serde(borrow)]
    category: Str<'a>,
}

fn is_mem0(part: &[u8]) -> bool {
    let keys = scan::keys(part);
    let has = |key: &str| keys.contains(&key.as_bytes());
    has("memory") && ["hash", "user_id", "agent_id", "categories", "metadata", "score"].into_iter().any(has)
}

fn read_mem0(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let mut scratch = Vec::new();
    let memory: Memory<'_> = match json::parse(part, &mut scratch) {
        Ok(memory) => memory,
        Err(error) => return sink(place.failed(error)),
    };
    let category = memory.metadata.0.as_ref().map(|metadata| &*metadata.category);
    let bucket = memory.categories.iter().map(|category| &**category).chain(category).find_map(named);
    let text = memory.memory.trim().to_owned();
    let fact = Fact { text, bucket: bucket.map(str::to_owned), created_at: memory.created_at.0 };
    give(vec![fact], &place, sink)
}

/// The facts of a list as text, one a line, with or without bullets, numbers, dates in brackets and headings.
#[must_use]
pub fn listed(text: &str) -> Vec<Fact> {
    // What settings show around the list, and which is copied along.
    let around = ["Saved memories", "Manage memories", "Manage", "Memory", "Delete", "Delete all"];
    let entries = outline::entries(text, true).into_iter().filter(|entry| !around.contains(&entry.text.trim()));
    facts_of(entries.collect())
}

fn facts_of(entries: Vec<outline::Entry<'_>>) -> Vec<Fact> {
    let facts = entries.into_iter().map(|entry| {
        let (created_at, text) = dated(&entry.text).unwrap_or((None, &entry.text));
        Fact { text: text.to_owned(), bucket: entry.heading.map(str::to_owned), created_at }
    });
    facts.filter(|fact| !fact.text.is_empty()).collect()
}

/// The date in brackets before a text, and the text; `[unknown]` is no date.
fn dated(text: &str) -> Option<(Option<Micros>, &str)> {
    let (date, rest) = text.strip_prefix('[')?.split_once(']')?;
    // What has a time of day is the line of a log.
    let time = Time::from_text(date).0.filter(|_| date.len() >= 8 && date.contains('-') && !date.contains(':'));
    let known = time.is_some() || date.eq_ignore_ascii_case("unknown");
    known.then(|| (time, rest.trim_start_matches(['.', ':', '-', '–', '—', ' '])))
}

fn is_list(part: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(part) else { return false };
    let entries = outline::entries(text, true);
    let marked = entries.iter().filter(|entry| dated(&entry.text).is_some()).count();
    marked > 0 && marked * 2 >= entries.len()
}

/// What is said before and after the facts with dates, such as "Here is what I know:", is no fact.
fn read_list(part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let text = String::from_utf8_lossy(part);
    let mut entries = outline::entries(&text, true);
    let is_marked = |entry: &outline::Entry<'_>| dated(&entry.text).is_some();
    entries.truncate(entries.iter().rposition(is_marked).map_or(0, |last| last + 1));
    entries.drain(..entries.iter().position(is_marked).unwrap_or(0));
    give(facts_of(entries), &place, sink)
}

fn give(facts: Vec<Fact>, place: &Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let (facts, empty): (Vec<_>, Vec<_>) = facts.into_iter().partition(|fact| !fact.text.trim().is_empty());
    if facts.is_empty() || !empty.is_empty() {
        sink(Item::Skipped { place: place.to_string(), why: "empty memory".to_owned() })?;
    }
    facts.into_iter().try_for_each(|fact| sink(Item::Fact(fact)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::{CLAUDE, LIST, MEM0, listed};
    use crate::history::import::examine::{facts, read, skipped};

    pub const SAMPLES: [(&super::Format, &str); 4] = [
        (
            &CLAUDE,
            r###"[{"account_uuid": "x", "conversations_memory": "**Work context**\n\nRuns a lab.\n\n**Home**\n- Has a cat\n- Has a dog",
                "project_memories": {"p-1": "## Goal\nShip it."}, "memory_files": [
                {"path": "/areas/podium.md", "content": "- [stated] Scoped to Greece", "updated_at": "2026-09-01T00:00:00Z"}, {"path": "/empty.md"}, null]}]"###,
        ),
        (
            &CLAUDE,
            r#"[{"uuid": "m", "title": "Distribution", "content": "By mail.", "created_at": "2026-08-19T09:00:00Z"}]"#,
        ),
        (
            &MEM0,
            r#"{"count": 2, "results": [{"id": "1", "memory": "Likes tea", "user_id": "u", "categories": ["food"], "created_at": "2026-01-01T00:00:00-08:00"},
                {"id": "2", "memory": "Lives in Rome", "hash": "h", "categories": null, "metadata": {"category": "home"}}, {"id": "3", "memory": "", "hash": "h"}]}"#,
        ),
        (
            &LIST,
            "## Food\n1. [2025-05-02]. The user likes tea.\n2. [unknown] - Hates milk.\n\n[2025-06-01] - Has a [red] bike\n",
        ),
    ];

    fn found(sample: usize) -> Vec<(String, String)> {
        let (format, text) = SAMPLES[sample];
        let items = read(format, text);
        facts(&items).into_iter().map(|fact| (fact.text.clone(), fact.bucket.clone().unwrap_or_default())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(text, bucket)| ((*text).to_owned(), (*bucket).to_owned())).collect()
    }

    #[test]
    fn parts_of_claudes_memory_are_cut_by_headings_and_bullets() {
        let expected = [
            ("Runs a lab.", "Work context"),
            ("Has a cat", "Home"),
            ("Has a dog", "Home"),
            ("Goal: Ship it.", "p-1"),
            ("Scoped to Greece", "areas/podium"),
        ];
        assert_eq!(found(0), pairs(&expected));
        assert_eq!(found(1), pairs(&[("Distribution: By mail.", "")]));
    }

    #[test]
    fn any_part_of_claudes_memory_can_be_missing_and_it_can_stand_alone() {
        let items = read(&CLAUDE, r#"{"account_uuid": "x", "conversations_memory": "One fact."}"#);
        assert_eq!(facts(&items)[0].text, "One fact.");
        assert_eq!(skipped(&read(&CLAUDE, r#"[{"conversations_memory": null}]"#)), ["empty memory"]);
        for other in [
            r#"{"uuid":"a","sender":"human","content":[],"created_at":""}"#,
            r#"{"uuid":"a","name":"x","chat_messages":[]}"#,
        ] {
            assert!(!(CLAUDE.is)(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn memories_of_mem0_have_their_category_and_time() {
        assert_eq!(found(2), pairs(&[("Likes tea", "food"), ("Lives in Rome", "home")]));
        let items = read(&MEM0, SAMPLES[2].1);
        assert_eq!(facts(&items)[0].created_at.expect("given").rfc3339(), "2026-01-01T08:00:00Z");
        assert_eq!(skipped(&items), ["empty memory"]);
        assert!(!(MEM0.is)(br#"{"memory":"x","bucket":"y"}"#));
    }

    #[test]
    fn lists_are_read_with_and_without_dates() {
        assert_eq!(
            found(3),
            pairs(&[("The user likes tea.", "Food"), ("Hates milk.", "Food"), ("Has a [red] bike", "Food")])
        );
        assert_eq!(listed("[2025-05-02] a")[0].created_at.expect("given").rfc3339(), "2025-05-02T00:00:00Z");
        let pasted: Vec<String> = listed("Saved memories\n\nLikes tea.\n\n• Has a cat\n[sic] stays\nManage\n")
            .into_iter()
            .map(|fact| fact.text)
            .collect();
        assert_eq!(pasted, ["Likes tea.", "Has a cat", "[sic] stays"]);
    }

    #[test]
    fn what_is_said_around_a_list_is_no_fact() {
        let text = "Here is what I know:\n```\n[unknown] - Likes tea.\n[2025-05-02] - Has a cat.\nNamed Tom.\n[unknown] - Runs.\n```\nThat is all.";
        let items = read(&LIST, text);
        let found: Vec<&str> = facts(&items).into_iter().map(|fact| &*fact.text).collect();
        assert_eq!(found, ["Likes tea.", "Has a cat.", "Named Tom.", "Runs."]);
    }

    #[test]
    fn other_texts_are_not_claimed_as_lists() {
        let log = "[2025-11-24 10:00:00] INFO started\n".repeat(6);
        for text in ["# Readme\n\nSome text.", "[1, 2]", "- a\n- b\n- [2025-01-01] c\n- d", "", "\u{0}", &log] {
            assert!(!(LIST.is)(text.as_bytes()), "{text}");
        }
    }
}
