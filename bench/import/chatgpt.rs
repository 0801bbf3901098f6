//! Writes an export as `ChatGPT` makes them, of any size and always the same for the same seed: trees with edited and
//! repeated turns, hidden messages, calls of tools, thoughts, citations, long texts with code, and the metadata that
//! is most of the rest of a real file.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// Words, the frequent ones first; picked by a Zipf-like rule.
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
    "café",
    "naïve",
    "“quoted”",
    "don’t",
    "→",
    "日本語",
    "😀",
];

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

    fn word(&mut self) -> &'static str {
        let (a, b) = (self.numbers.below(1 << 12), self.numbers.below(1 << 12));
        // The product of two is small more often than large.
        WORDS[(WORDS.len() * (a * b) as usize) >> 24]
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
            let word = self.word();
            self.escaped(word);
        }
    }

    fn code(&mut self, lines: u32) {
        self.json.push_str("\\n\\n```python\\n");
        for _ in 0..lines {
            let (a, b) = (self.word(), self.word());
            self.escaped(&format!("    {a} = load(\"{b}\", depth=4)  # {b}\n"));
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
            let words = 1000 + self.numbers.below(8000);
            self.prose(words);
        }
    }

    fn metadata(&mut self, answer: bool) {
        let request = self.id();
        if !answer {
            self.put(format_args!(
                r#"{{"selected_sources": [], "selected_github_repos": [], "serialization_metadata": {{"custom_symbol_offsets": []}}, "request_id": "{request}", "message_source": null, "timestamp_": "absolute", "turn_exchange_id": "{request}"}}"#
            ));
            return;
        }
        let parent = self.id();
        self.json.push_str(
            r#"{"finish_details": {"type": "stop", "stop_tokens": [200002]}, "is_complete": true, "citations": [], "content_references": ["#,
        );
        if self.numbers.percent(15) {
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
        self.put(format_args!(
            r#"], "message_type": "next", "model_slug": "gpt-5", "default_model_slug": "auto", "parent_id": "{parent}", "request_id": "{request}", "timestamp_": "absolute", "turn_exchange_id": "{parent}", "search_result_groups": [], "safe_urls": [], "message_locale": "en-GB", "image_results": []}}"#
        ));
    }

    /// A node; the caller has opened the mapping.
    fn node(&mut self, id: &str, parent: &str, children: &[&str], time: f64, kind: Kind) {
        let children = children.iter().map(|child| format!("\"{child}\"")).collect::<Vec<_>>().join(", ");
        let (role, content_type, recipient) = match kind {
            Kind::Hidden => ("system", "text", "all"),
            Kind::Question => ("user", "text", "all"),
            Kind::Answer => ("assistant", "text", "all"),
            Kind::Thoughts => ("assistant", "thoughts", "all"),
            Kind::Call => ("assistant", "code", "web.run"),
            Kind::Result => ("tool", "text", "assistant"),
        };
        self.put(format_args!(
            r#""{id}": {{"id": "{id}", "message": {{"id": "{id}", "author": {{"role": "{role}", "name": null, "metadata": {{}}}}, "create_time": {time}, "update_time": null, "content": {{"content_type": "{content_type}", "#
        ));
        match kind {
            Kind::Hidden => self.json.push_str(r#""parts": [""]"#),
            Kind::Question | Kind::Answer | Kind::Result => {
                self.json.push_str(r#""parts": [""#);
                self.text(kind == Kind::Answer);
                self.json.push_str("\"]");
            }
            Kind::Thoughts => {
                self.json.push_str(r#""thoughts": [{"summary": "Weighing options", "content": ""#);
                self.prose(120);
                self.json.push_str(r#"", "chunks": [], "finished": true}], "source_analysis_msg_id": ""#);
                self.json.push_str(id);
                self.json.push('"');
            }
            Kind::Call => {
                self.json.push_str(
                    r#""language": "unknown", "response_format_name": null, "text": "{\"search_query\":[{\"q\":\""#,
                );
                self.prose(8);
                self.json.push_str(r#"\"}]}""#);
            }
        }
        self.json.push_str(r#"}, "status": "finished_successfully", "end_turn": true, "weight": 1.0, "metadata": "#);
        if kind == Kind::Hidden {
            self.json.push_str(r#"{"is_visually_hidden_from_conversation": true}"#);
        } else {
            self.metadata(matches!(kind, Kind::Answer | Kind::Thoughts));
        }
        self.put(format_args!(
            r#", "recipient": "{recipient}", "channel": null}}, "parent": "{parent}", "children": [{children}]}}"#
        ));
    }

    /// One conversation; how many messages of it a person saw.
    fn conversation(&mut self) -> u32 {
        let id = self.id();
        let mut time = 1_680_000_000.0 + f64::from(self.numbers.below(90_000_000)) + 0.125_731;
        self.json.push_str("{\"title\": \"");
        self.prose(4);
        let turns = 1 + self.numbers.below(6) * self.numbers.below(6);
        let ends = time + f64::from(turns) * 60.0;
        self.put(format_args!(
            r#"", "create_time": {time}, "update_time": {ends}, "mapping": {{"client-created-root": {{"id": "client-created-root", "message": null, "parent": null, "children": []}}, "#
        ));
        let mut parent = "client-created-root".to_owned();
        let mut seen = 0;
        for turn in 0..=turns {
            let mut kinds = vec![Kind::Question];
            if turn == 0 {
                kinds = vec![Kind::Hidden];
            } else {
                if self.numbers.percent(20) {
                    kinds.push(Kind::Thoughts);
                }
                if self.numbers.percent(12) {
                    kinds.extend([Kind::Call, Kind::Result]);
                }
                kinds.push(Kind::Answer);
            }
            for kind in kinds {
                if turn + seen > 0 {
                    self.json.push_str(", ");
                }
                let node = self.id();
                if matches!(kind, Kind::Answer | Kind::Question) && self.numbers.percent(8) {
                    // An answer given again, or a question before it was edited.
                    let other = self.id();
                    self.node(&other, &parent, &[], time, kind);
                    self.json.push_str(", ");
                }
                self.node(&node, &parent, &[], time, kind);
                seen += u32::from(matches!(kind, Kind::Answer | Kind::Question));
                parent = node;
                time += 11.380_402;
            }
        }
        self.put(format_args!(
            r#"}}, "moderation_results": [], "current_node": "{parent}", "plugin_ids": null, "conversation_id": "{id}", "conversation_template_id": null, "gizmo_id": null, "gizmo_type": null, "is_archived": false, "is_starred": null, "safe_urls": [], "blocked_urls": [], "default_model_slug": "auto", "conversation_origin": null, "is_read_only": null, "voice": null, "async_status": null, "disabled_tool_ids": [], "is_do_not_remember": false, "memory_scope": "global_enabled", "sugar_item_id": null, "id": "{id}"}}"#
        ));
        seen
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hidden,
    Question,
    Answer,
    Thoughts,
    Call,
    Result,
}
