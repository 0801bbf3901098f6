//! Writes an export as `ChatGPT` makes them, of any size and always the same for the same seed: trees with edited and
//! repeated turns, hidden messages, calls of tools, thoughts, citations, long texts with code, and the metadata that
//! is most of the rest of a real file. What a person saw is about 40% of it, nearly as much as in conversations with
//! long answers that people have published; where there is more searching by tools it is far less.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// The most frequent words, in order.
const WORDS: &[&str] = &[
    "the",
    "to",
    "and",
    "a",
    "of",
    "is",
    "in",
    "for",
    "you",
    "it",
    "that",
    "with",
    "on",
    "can",
    "this",
    "be",
    "as",
    "are",
    "or",
    "if",
    "use",
    "your",
    "from",
    "by",
    "an",
    "will",
    "not",
    "which",
    "have",
    "data",
    "function",
    "when",
    "each",
    "value",
    "server",
    "file",
    "query",
    "index",
    "memory",
    "change",
    "error",
    "because",
    "model",
    "table",
    "between",
    "should",
    "without",
    "example",
    "return",
    "request",
    "thread",
    "token",
    "update",
    "conversation",
    "performance",
    "implementation",
    "migration",
    "deployment",
    "kitchen",
    "holiday",
    "sourdough",
    "mortgage",
    "consistency",
    "throughput",
];
/// What isn't ASCII: with one in a hundred words, about two of three stretches of 200 words have some.
const OTHERS: &[&str] = &["café", "naïve", "“quoted”", "don’t", "it’s", "→", "—", "–", "日本語", "✅", "😀"];
/// Sounds that the other words are made of.
const SOUNDS: &[&str] = &[
    "ba", "co", "de", "er", "fi", "ra", "in", "ko", "lu", "me", "no", "or", "re", "qui", "ta", "sta", "te", "un", "ve",
    "wa", "xi", "yo", "za", "chi", "the", "mu", "po", "tri", "al", "en", "is", "o",
];
/// What they end with, so that many have a stem in common.
const ENDINGS: &[&str] = &["", "", "", "", "", "", "s", "s", "ed", "ing", "er", "ation"];
/// How many words there are. By Zipf's law a hundred make 43% of a text then, and 15% of it are beyond the ten
/// thousandth.
const VOCABULARY: f64 = 50_000.0;

/// Numbers that look random and are always the same (`SplitMix64`).
pub struct Numbers(pub u64);

impl Numbers {
    /// Any.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One below `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        u32::try_from((u128::from(self.any()) * u128::from(end)) >> 64).expect("it is below a u32")
    }

    /// True in so many of a hundred.
    pub fn percent(&mut self, share: u32) -> bool {
        self.below(100) < share
    }
}

/// What an export of this program holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Conversations.
    pub conversations: u64,
    /// Messages of the shown branches that a person saw.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Writes an export of at least so many bytes.
///
/// # Errors
/// The writer's.
pub fn export(out: &mut impl Write, size: u64, seed: u64) -> io::Result<Written> {
    let mut writer = Writer { numbers: Numbers(seed), json: String::new() };
    let mut written = Written::default();
    let mut open = "[";
    while written.bytes + 2 < size {
        writer.json.clear();
        writer.json.push_str(open);
        open = ", ";
        written.messages += u64::from(writer.conversation());
        written.conversations += 1;
        written.bytes += writer.json.len() as u64;
        out.write_all(writer.json.as_bytes())?;
    }
    let end: &[u8] = if written.conversations == 0 { b"[]" } else { b"]" };
    out.write_all(end)?;
    written.bytes += end.len() as u64;
    Ok(written)
}

/// So many words of such an export, with blanks between them.
pub fn words(numbers: &mut Numbers, count: usize) -> String {
    let mut writer = Writer { numbers: Numbers(numbers.any()), json: String::new() };
    for _ in 0..count {
        writer.word();
        writer.json.push(' ');
    }
    writer.json
}

struct Writer {
    numbers: Numbers,
    json: String,
}

impl Writer {
    fn id(&mut self) -> String {
        let (a, b) = (self.numbers.any(), self.numbers.any());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFF,
            b >> 52,
            b & 0xFFFF_FFFF_FFFF
        )
    }

    /// Adds a word. The one of rank r comes up about once in r times as many words.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number from 1 to the vocabulary's")]
    fn word(&mut self) {
        if self.numbers.percent(1) {
            let place = self.numbers.below(u32::try_from(OTHERS.len()).expect("there are few")) as usize;
            return self.escaped(OTHERS[place]);
        }
        let share = f64::from(self.numbers.below(u32::MAX)) / f64::from(u32::MAX);
        let rank = VOCABULARY.powf(share) as usize;
        if let Some(word) = WORDS.get(rank - 1) {
            return self.json.push_str(word);
        }
        let mut letters = Numbers(rank as u64);
        for _ in 0..=rank.ilog(32) {
            self.json.push_str(SOUNDS[letters.below(32) as usize]);
        }
        self.json.push_str(ENDINGS[letters.below(12) as usize]);
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.json.write_fmt(text).expect("memory takes everything");
    }

    /// Adds text as the inside of a JSON string, with what isn't ASCII escaped, as Python does.
    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '"' => self.json.push_str("\\\""),
                '\\' => self.json.push_str("\\\\"),
                '\n' => self.json.push_str("\\n"),
                ' '..='~' => self.json.push(c),
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.put(format_args!("\\u{unit:04x}"));
                    }
                }
            }
        }
    }

    fn prose(&mut self, words: u32) {
        for at in 0..words {
            if at > 0 {
                self.json.push_str(match self.numbers.below(40) {
                    0 => "\\n\\n",
                    1 => "\\n- ",
                    2 => ". ",
                    3 => " **",
                    4 => ", ",
                    _ => " ",
                });
            }
            self.word();
        }
    }

    fn code(&mut self, lines: u32) {
        self.json.push_str("\\n\\n```python\\n");
        for _ in 0..lines {
            self.json.push_str("    ");
            self.word();
            self.json.push_str(" = load(\\\"");
            self.word();
            self.json.push_str("\\\", depth=4)  # ");
            self.word();
            self.json.push_str("\\n");
        }
        self.json.push_str("```\\n\\n");
    }

    fn text(&mut self, answer: bool) {
        let words = if answer { 60 + self.numbers.below(500) } else { 4 + self.numbers.below(60) };
        self.prose(words);
        if answer && self.numbers.percent(30) {
            let lines = 3 + self.numbers.below(40);
            self.code(lines);
            self.prose(20);
        }
        if answer && self.numbers.percent(15) {
            self.json.push_str(" \\ue200cite\\ue202turn0search3\\ue201.");
        }
        if !answer && self.numbers.percent(3) {
            // Once in a while a person pastes a whole document.
            let words = 1000 + self.numbers.below(4000);
            self.prose(words);
        }
    }

    fn metadata(&mut self, kind: Kind) {
        let request = self.id();
        match kind {
            Kind::System => {
                return self.json.push_str(r#"{"can_save": false, "is_visually_hidden_from_conversation": true}"#);
            }
            Kind::Profile => {
                self.json.push_str(r#"{"is_visually_hidden_from_conversation": true, "user_context_message_data": {"about_user_message": ""#);
                self.prose(60);
                self.json.push_str(r#"", "about_model_message": ""#);
                self.prose(60);
                return self.json.push_str(r#""}, "is_user_system_message": true}"#);
            }
            Kind::Question => {
                return self.put(format_args!(
                    r#"{{"developer_mode_connector_ids": [], "selected_sources": [], "selected_github_repos": [], "serialization_metadata": {{"custom_symbol_offsets": []}}, "request_id": "{request}", "message_source": null, "turn_exchange_id": "{request}", "timestamp_": "absolute"}}"#
                ));
            }
            _ => {}
        }
        let parent = self.id();
        self.json.push_str(
            r#"{"finish_details": {"type": "stop", "stop_tokens": [200002]}, "is_complete": true, "can_save": true, "citations": [], "content_references": ["#,
        );
        if kind == Kind::Answer && self.numbers.percent(15) {
            for at in 0..=self.numbers.below(6) {
                if at > 0 {
                    self.json.push_str(", ");
                }
                self.put(format_args!(r#"{{"matched_text": "\ue200cite\ue202turn0search{at}\ue201", "start_idx": {at}, "end_idx": 240, "safe_urls": ["https://example.org/articles/{request}"], "refs": [], "type": "grouped_webpages", "items": [{{"title": ""#));
                self.prose(8);
                self.put(format_args!(r#"", "url": "https://example.org/articles/{request}?utm_source=chatgpt.com", "pub_date": null, "snippet": ""#));
                self.prose(40);
                self.json.push_str(r#"", "attribution_segments": null, "supporting_websites": [], "refs": [{"turn_index": 0, "ref_type": "search", "ref_index": 3}], "hue": null, "attributions": null}], "fallback_items": null, "status": "done", "error": null, "style": null}"#);
            }
        }
        self.json.push_str(r#"], "search_result_groups": ["#);
        if kind == Kind::Result {
            for at in 0..=self.numbers.below(8) {
                if at > 0 {
                    self.json.push_str(", ");
                }
                self.put(format_args!(r#"{{"type": "search_result_group", "domain": "example.org", "entries": [{{"type": "search_result", "url": "https://example.org/articles/{request}", "title": ""#));
                self.prose(8);
                self.json.push_str(r#"", "snippet": ""#);
                self.prose(30);
                self.put(format_args!(r#"", "ref_id": {{"turn_index": 0, "ref_type": "search", "ref_index": {at}}}, "pub_date": null, "attribution": "example.org"}}]}}"#));
            }
        }
        self.put(format_args!(
            r#"], "message_type": "next", "model_slug": "gpt-5-2", "resolved_model_slug": "gpt-5-2", "default_model_slug": "auto", "parent_id": "{parent}", "request_id": "{request}", "timestamp_": "absolute", "turn_exchange_id": "{parent}", "safe_urls": [], "message_locale": "en-GB", "image_results": []}}"#
        ));
    }

    fn node(&mut self, node: &Node, parent: &str, children: &[&str], time: f64) {
        let Node { id, kind, .. } = node;
        let children = children.iter().map(|child| format!("\"{child}\"")).collect::<Vec<_>>().join(", ");
        let (role, content_type, recipient, weight) = match kind {
            Kind::System => ("system", "text", "all", "0.0"),
            Kind::Profile => ("user", "user_editable_context", "all", "1.0"),
            Kind::Question => ("user", "text", "all", "1.0"),
            Kind::Answer => ("assistant", "text", "all", "1.0"),
            Kind::Thoughts => ("assistant", "thoughts", "all", "1.0"),
            Kind::Context => ("assistant", "model_editable_context", "all", "1.0"),
            Kind::Call => ("assistant", "code", "web.run", "1.0"),
            Kind::Result => ("tool", "text", "all", "1.0"),
        };
        self.put(format_args!(
            r#", "{id}": {{"id": "{id}", "message": {{"id": "{id}", "author": {{"role": "{role}", "name": null, "metadata": {{}}}}, "create_time": {time}, "update_time": null, "content": {{"content_type": "{content_type}", "#
        ));
        match kind {
            Kind::System | Kind::Result => self.json.push_str(r#""parts": [""]"#),
            Kind::Question | Kind::Answer => {
                self.json.push_str(r#""parts": [""#);
                self.text(*kind == Kind::Answer);
                self.json.push_str("\"]");
            }
            Kind::Thoughts => {
                self.json.push_str(r#""thoughts": [{"summary": "Weighing options", "content": ""#);
                self.prose(120);
                self.json.push_str(r#"", "chunks": [], "finished": true}], "source_analysis_msg_id": ""#);
                self.json.push_str(id);
                self.json.push('"');
            }
            Kind::Profile => {
                self.json.push_str(r#""user_profile": "The user provided the following information about themselves. This user profile is shown to you in all conversations they have: "#);
                self.prose(60);
                self.json.push_str(r#"", "user_instructions": "The user provided the additional info about how they would like you to respond: "#);
                self.prose(60);
                self.json.push('"');
            }
            Kind::Context => self.json.push_str(
                r#""model_set_context": "", "repository": null, "repo_summary": null, "structured_context": null"#,
            ),
            Kind::Call => {
                self.json.push_str(
                    r#""language": "unknown", "response_format_name": null, "text": "{\"search_query\":[{\"q\":\""#,
                );
                self.prose(8);
                self.json.push_str(r#"\"}]}""#);
            }
        }
        self.put(format_args!(
            r#"}}, "status": "finished_successfully", "end_turn": true, "weight": {weight}, "metadata": "#
        ));
        self.metadata(*kind);
        self.put(format_args!(
            r#", "recipient": "{recipient}", "channel": null}}, "parent": "{parent}", "children": [{children}]}}"#
        ));
    }

    /// The kinds of the nodes of a conversation, in order.
    fn kinds(&mut self, turns: u32) -> Vec<Kind> {
        let mut kinds = vec![Kind::System, Kind::System];
        if self.numbers.percent(30) {
            kinds.push(Kind::Profile);
        }
        for _ in 0..turns {
            kinds.push(Kind::Question);
            if self.numbers.percent(40) {
                kinds.push(Kind::Context);
            }
            if self.numbers.percent(20) {
                kinds.push(Kind::Thoughts);
            }
            if self.numbers.percent(12) {
                kinds.extend([Kind::Call, Kind::Result]);
            }
            kinds.push(Kind::Answer);
        }
        kinds
    }

    /// One conversation; how many messages of it a person saw.
    fn conversation(&mut self) -> u32 {
        let id = self.id();
        let mut time = 1_680_000_000.0 + f64::from(self.numbers.below(90_000_000)) + 0.125_731;
        self.json.push_str("{\"title\": \"");
        self.prose(4);
        let turns = 1 + self.numbers.below(6) * self.numbers.below(6);
        let ends = time + f64::from(turns) * 60.0;
        let mut nodes = Vec::new();
        for kind in self.kinds(turns) {
            let is_said = matches!(kind, Kind::Answer | Kind::Question);
            let id = self.id();
            // An answer given again, or a question before it was edited.
            let other = (is_said && self.numbers.percent(8)).then(|| self.id());
            nodes.push(Node { id, other, kind });
        }
        let mut parent = "client-created-root";
        self.put(format_args!(
            r#"", "create_time": {time}, "update_time": {ends}, "mapping": {{"{parent}": {{"id": "{parent}", "message": null, "parent": null, "children": ["{}"]}}"#,
            nodes[0].id
        ));
        for (place, node) in nodes.iter().enumerate() {
            if let Some(other) = &node.other {
                self.node(&Node { id: other.clone(), other: None, kind: node.kind }, parent, &[], time);
            }
            let next = nodes.get(place + 1);
            let children = next.iter().flat_map(|next| next.other.iter().chain([&next.id])).map(String::as_str);
            self.node(node, parent, &children.collect::<Vec<_>>(), time);
            parent = &node.id;
            time += 11.380_402;
        }
        self.put(format_args!(
            r#"}}, "moderation_results": [], "current_node": "{parent}", "plugin_ids": null, "conversation_id": "{id}", "conversation_template_id": null, "gizmo_id": null, "gizmo_type": null, "is_archived": false, "is_starred": null, "safe_urls": [], "blocked_urls": [], "default_model_slug": "auto", "conversation_origin": null, "is_read_only": null, "voice": null, "async_status": null, "disabled_tool_ids": [], "is_do_not_remember": false, "memory_scope": "global_enabled", "sugar_item_id": null, "id": "{id}"}}"#
        ));
        2 * turns
    }
}

/// A node of the tree.
struct Node {
    id: String,
    /// One beside it, which isn't shown.
    other: Option<String>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Empty and hidden.
    System,
    /// What the person says about themselves, hidden.
    Profile,
    Question,
    /// What the model is given beside the question, hidden.
    Context,
    Thoughts,
    Call,
    Result,
    Answer,
}
