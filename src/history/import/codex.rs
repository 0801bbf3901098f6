//! Codex's record of a session, `~/.codex/sessions/<year>/<month>/<day>/rollout-….jsonl`:
//! lines of `{timestamp, type, payload}`, in the oldest versions the bare payloads.
//! It is read for the person's prompts and the answers that ended the turns. What the
//! person answers in a dialog stands in what a tool gave, and is kept, too.
//!
//! Both sides are recorded more than once, as items sent to the model and as events
//! of one kind or another, depending on the version. Of prompts the events are taken
//! where there are any, because the program puts text of its own into the items; of
//! answers the items, because nearly every version has them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde::Deserialize;

use super::claude_code::Turns;
use super::content::Content;
use super::dialogs::{CODEX_ASKS, answered};
use super::finish::{Tally, give, with_files};
use super::format::{Format, Layout, Parts, Place, Sink};
use super::json::{Either, Object, Str};
use super::time::Time;
use super::{Conversation, Item, Message, Role, json, scan, wrappers};
use crate::clock::Micros;

/// A session of Codex.
pub const FORMAT: Format = Format {
    platform: "codex",
    name: "Codex (session)",
    layouts: &[Layout::Split("\n")],
    is,
    start: || Box::new(Session::default()),
};

fn is(part: &[u8]) -> bool {
    // The first line of the oldest versions.
    if scan::has_keys(part, &["id", "timestamp", "instructions"]) {
        return true;
    }
    let mut scratch = Vec::new();
    let known = |line: Line<'_>| matches!(&*line.kind, "session_meta" | "response_item" | "turn_context");
    scan::has_keys(part, &["timestamp", "type", "payload"]) && json::parse(part, &mut scratch).is_ok_and(known)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    timestamp: Time,
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    payload: Object<Payload<'a>>,
    // The members of a bare payload.
    id: Str<'a>,
    role: Str<'a>,
    content: Content<'a>,
    record_type: Str<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    timestamp: Time,
    #[serde(rename = "type")]
    kind: Str<'a>,
    role: Str<'a>,
    phase: Str<'a>,
    content: Content<'a>,
    message: Either<'a, Nothing>,
    item: Object<Completed<'a>>,
    last_agent_message: Str<'a>,
    source: Object<Source>,
    thread_source: Str<'a>,
    num_turns: Number,
    // Of calls of tools, and what these gave.
    name: Str<'a>,
    call_id: Str<'a>,
    arguments: Str<'a>,
    output: Str<'a>,
}

/// What an event says that newer versions write instead of one for each kind.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Completed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    phase: Str<'a>,
    content: Content<'a>,
}

#[derive(Deserialize, Default)]
struct Nothing {}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    subagent: Option<serde::de::IgnoredAny>,
}

/// A count; anything else is 0.
#[derive(Default)]
struct Number(usize);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Str::deserialize(deserializer)?.parse().unwrap_or(0)))
    }
}

#[derive(Default)]
struct Session {
    id: String,
    created_at: Option<Micros>,
    sub_agent: bool,
    /// Whether a review goes on, whose prompt is the program's.
    in_review: bool,
    turns: Vec<Turn>,
    /// What was asked in a dialog, by the id of the call.
    asked: HashMap<String, String>,
    failed: Option<Item>,
    skipped: Tally,
}

/// A prompt, or several at once, and what followed.
#[derive(Default)]
struct Turn {
    prompts: Vec<(Record, Text)>,
    /// What the assistant did, in order.
    done: Vec<Done>,
}

/// In what form something was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    /// As an item that was sent to the model, or came from it.
    Item,
    /// As an event of its own kind.
    Event,
    /// As an event that an item is completed.
    Completed,
    /// With the end of the turn.
    End,
}

/// From where prompts are taken, the best first.
const PROMPTS: [Record; 3] = [Record::Event, Record::Completed, Record::Item];
/// From where answers are taken, the best first.
const ANSWERS: [Record; 4] = [Record::Item, Record::Event, Record::Completed, Record::End];

struct Text {
    id: String,
    time: Option<Micros>,
    text: String,
}

enum Done {
    Said(Record, Text),
    /// Said while working, and marked so.
    Remark,
    Tool,
    /// What the person answered in a dialog.
    Reply(Text),
}

/// What stands in the person's messages without being said by the person.
const WRAPPERS: [&str; 21] = [
    "environment_context",
    "ENVIRONMENT_CONTEXT",
    "user_action",
    "hook_prompt",
    "goal_context",
    "heartbeat",
    "app-context",
    "in-app-browser-context",
    "codex_internal_context",
    "recommended_plugins",
    "response-annotations",
    "user_instructions",
    "turn_aborted",
    "user_shell_command",
    "skill",
    "subagent_notification",
    "system-reminder",
    "permissions instructions",
    "collaboration_mode",
    "apps_instructions",
    "skills_instructions",
];

/// How a message begins that the program wrote.
const OPENINGS: [&str; 3] = [
    "Warning: apply_patch was requested via ",
    "Warning: The maximum number of unified exec processes ",
    "Warning: Your account was flagged ",
];

/// What stands before the prompt where something else does, too, and how that begins.
const REQUESTS: [&str; 2] = ["## My request for Codex:", "## My request:"];
const CONTEXTS: [&str; 3] = ["# Context from my IDE setup:", FILES, "# Response annotations:"];
const FILES: &str = "# Files mentioned by the user:";

/// The person's words in a message, and the names of files that go with them.
fn prompt(text: &str) -> String {
    let mut text = text.trim();
    if text.starts_with("# AGENTS.md") {
        // Without the tags there is no telling where the instructions end.
        text = text.rsplit_once("</INSTRUCTIONS>").map_or("", |(_, rest)| rest);
    }
    let text = wrappers::without(text, &WRAPPERS);
    if OPENINGS.iter().any(|opening| text.starts_with(opening)) {
        return String::new();
    }
    let is_context = |context: &str| context.is_empty() || CONTEXTS.iter().any(|begin| context.starts_with(begin));
    let request =
        REQUESTS.iter().filter_map(|heading| text.split_once(heading)).find(|(context, _)| is_context(context));
    let Some((context, request)) = request else { return text };
    let files = context.strip_prefix(FILES).unwrap_or_default().lines();
    // `## name: path`
    let names = files.filter_map(|line| Some(line.strip_prefix("## ")?.split_once(": ")?.0.to_owned()));
    with_files(request, &names.collect::<Vec<_>>())
}

/// The person's words in all blocks of a message.
fn prompts(content: &Content<'_>) -> String {
    // A picture has a block of its own for each of its tags.
    let is_tag =
        |text: &str| text == "</image>" || (text.starts_with("<image") && text.find('>') == Some(text.len() - 1));
    let blocks = content.blocks();
    let said = blocks.iter().filter(|(kind, text)| matches!(*kind, "input_text" | "text") && !is_tag(text.trim()));
    let texts: Vec<String> = said.map(|(_, text)| prompt(text)).filter(|text| !text.is_empty()).collect();
    // One alone is asked about, too, and what it is answered with is no part of the answer before.
    let is_picture = texts.is_empty() && blocks.iter().any(|(kind, _)| matches!(*kind, "input_image" | "image"));
    if is_picture { "[image]".to_owned() } else { texts.join("\n\n") }
}

/// The assistant's words in all blocks of a message.
fn said(content: &Content<'_>) -> String {
    content.text(&["output_text", "text", "Text"])
}

impl Session {
    fn person(&mut self, record: Record, text: Text) {
        if text.text.is_empty() {
            return;
        }
        if self.turns.last().is_none_or(|turn| !turn.done.is_empty()) {
            self.turns.push(Turn::default());
        }
        if let Some(turn) = self.turns.last_mut() {
            turn.prompts.push((record, text));
        }
    }

    fn answer(&mut self, record: Record, phase: &str, text: Text) {
        if phase == "commentary" {
            self.assistant(Done::Remark);
        } else if !text.text.is_empty() {
            self.assistant(Done::Said(record, text));
        }
    }

    fn assistant(&mut self, done: Done) {
        // Before the first prompt there is nothing to answer.
        if let Some(turn) = self.turns.last_mut() {
            turn.done.push(done);
        }
    }

    fn reply(&mut self, item: &Payload<'_>, time: Option<Micros>) {
        let Some(asked) = self.asked.remove(&*item.call_id) else { return };
        let text = answered(&asked, &item.output);
        if !text.is_empty() {
            self.assistant(Done::Reply(Text { id: String::new(), time, text }));
        }
    }

    fn message(&mut self, id: &str, role: &str, phase: &str, content: &Content<'_>, time: Option<Micros>) {
        let id = id.to_owned();
        match role {
            "user" if self.in_review => {}
            "user" => {
                self.person(Record::Item, Text { id, time, text: prompts(content) });
            }
            "assistant" => self.answer(Record::Item, phase, Text { id, time, text: said(content) }),
            // Of the developer and the system.
            _ => {}
        }
    }

    fn event(&mut self, payload: &Payload<'_>, time: Option<Micros>) {
        let message = match &payload.message {
            Either::Text(text) => text.as_ref(),
            _ => "",
        };
        let text = |text: String| Text { id: String::new(), time, text };
        match (&*payload.kind, &payload.item.0) {
            ("user_message", _) => self.person(Record::Event, text(prompt(message))),
            ("agent_message", _) => self.answer(Record::Event, &payload.phase, text(message.trim().to_owned())),
            ("item_completed", Some(item)) => match &*item.kind {
                "UserMessage" => self.person(Record::Completed, text(prompts(&item.content))),
                "AgentMessage" => self.answer(Record::Completed, &item.phase, text(said(&item.content))),
                _ => {}
            },
            ("task_complete" | "turn_complete", _) => {
                self.answer(Record::End, "", text(payload.last_agent_message.trim().to_owned()));
            }
            ("entered_review_mode", _) => self.in_review = true,
            ("exited_review_mode", _) => self.in_review = false,
            ("thread_rolled_back", _) => {
                let kept = self.turns.len().saturating_sub(payload.num_turns.0);
                self.skipped.add_many("turns that were taken back", self.turns.len() - kept);
                self.turns.truncate(kept);
            }
            _ => {}
        }
    }
}

impl Parts for Session {
    fn part(&mut self, part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if let Some(failed) = self.failed.take() {
            sink(failed)?;
        }
        let mut scratch = Vec::new();
        let line: Line<'_> = match json::parse::<Object<Line<'_>>>(part, &mut scratch) {
            Ok(Object(Some(line))) => line,
            Ok(Object(None)) => {
                self.skipped.add("lines that are no record");
                return ControlFlow::Continue(());
            }
            Err(error) => {
                // If it is the last, it is being written.
                self.failed = Some(place.failed(error));
                return ControlFlow::Continue(());
            }
        };
        let time = line.timestamp.0;
        match (&*line.kind, &line.payload.0) {
            // A fork holds the first line of the session that it was taken from, after its own.
            ("session_meta", Some(meta)) if self.id.is_empty() => {
                self.id = meta.id.to_string();
                self.created_at = meta.timestamp.0.or(time);
                let source = meta.source.0.as_ref().is_some_and(|source| source.subagent.is_some());
                self.sub_agent = source || &*meta.thread_source == "subagent";
            }
            ("response_item", Some(item)) => match &*item.kind {
                "message" => self.message(&item.id, &item.role, &item.phase, &item.content, time),
                "function_call_output" => self.reply(item, time),
                kind if kind.ends_with("_call") => {
                    if &*item.name == CODEX_ASKS {
                        self.asked.insert(item.call_id.to_string(), item.arguments.to_string());
                    }
                    self.assistant(Done::Tool);
                }
                _ => {}
            },
            ("event_msg", Some(event)) => self.event(event, time),
            ("message", None) => self.message(&line.id, &line.role, "", &line.content, time),
            (kind, None) if kind.ends_with("_call") => self.assistant(Done::Tool),
            ("", None) if self.id.is_empty() && line.record_type.is_empty() => {
                self.id = line.id.to_string();
                self.created_at = time;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, file: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if self.failed.take().is_some() {
            self.skipped.add("lines at the end that are not complete yet");
        }
        self.skipped.give(file, sink)?;
        if self.sub_agent {
            return sink(Item::Skipped { place: file.to_owned(), why: "the session of a sub-agent".to_owned() });
        }
        let id = std::mem::take(&mut self.id);
        let messages = self.messages();
        let place = Place { file, index: None, offset: 0 };
        let (title, created_at) = (String::new(), self.created_at);
        give(Conversation { id, title, created_at, updated_at: None, messages }, place, sink)
    }
}

impl Session {
    fn messages(&mut self) -> Vec<Message> {
        let mut turns = Turns::default();
        let message = |role, text: Text| {
            // A prompt can be read from an event, which has no id, once the file has grown; so its items' aren't used.
            let id = if role == Role::Human { String::new() } else { text.id };
            Message { id, role, text: text.text, created_at: text.time }
        };
        for turn in std::mem::take(&mut self.turns) {
            let best = PROMPTS.into_iter().find(|best| turn.prompts.iter().any(|(record, _)| record == best));
            for (_, prompt) in turn.prompts.into_iter().filter(|(record, _)| Some(*record) == best) {
                turns.prompt(message(Role::Human, prompt));
            }
            let is_said =
                |best: &Record| turn.done.iter().any(|done| matches!(done, Done::Said(record, _) if record == best));
            let best = ANSWERS.into_iter().find(is_said);
            for done in turn.done {
                match done {
                    Done::Said(record, text) if Some(record) == best => turns.answer(message(Role::Assistant, text)),
                    Done::Said(..) => {}
                    Done::Remark | Done::Tool => turns.tool(),
                    Done::Reply(text) => turns.prompt(message(Role::Human, text)),
                }
            }
        }
        turns.finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{FORMAT, prompt};
    use crate::history::import::examine::{conversation, conversations, failed, read, said, skipped};

    pub const SAMPLE: &str = r##"{"timestamp":"2026-08-01T10:00:00.000Z","type":"session_meta","payload":{"id":"x1","timestamp":"2026-08-01T09:59:59Z","cwd":"/w","originator":"cli","source":"cli","instructions":"long"}}
{"timestamp":"2026-08-01T10:00:00.100Z","type":"session_meta","payload":{"id":"parent","timestamp":"2026-07-01T00:00:00Z","source":{"subagent":"x"}}}
{"timestamp":"2026-08-01T10:00:00.200Z","type":"response_item","payload":{"type":"message","role":"developer","content":[{"type":"input_text","text":"rules"}]}}
{"timestamp":"2026-08-01T10:00:00.300Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>be good</INSTRUCTIONS>"},{"type":"input_text","text":"<environment_context><cwd>/w</cwd></environment_context>"}]}}
{"timestamp":"2026-08-01T10:00:00.400Z","type":"turn_context","payload":{"model":"gpt"}}
{"timestamp":"2026-08-01T10:00:01.000Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"<environment_context><cwd>/w</cwd></environment_context>Fix it"}]}}
{"timestamp":"2026-08-01T10:00:01.000Z","type":"event_msg","payload":{"type":"user_message","message":"Fix it","images":[]}}
{"timestamp":"2026-08-01T10:00:02.000Z","type":"response_item","payload":{"type":"reasoning","summary":[],"encrypted_content":"x"}}
{"timestamp":"2026-08-01T10:00:03.000Z","type":"event_msg","payload":{"type":"agent_message","message":"Looking."}}
{"timestamp":"2026-08-01T10:00:03.000Z","type":"response_item","payload":{"type":"message","role":"assistant","id":"i1","content":[{"type":"output_text","text":"Looking."}]}}
{"timestamp":"2026-08-01T10:00:04.000Z","type":"response_item","payload":{"type":"function_call","name":"shell","arguments":"{}","call_id":"c"}}
{"timestamp":"2026-08-01T10:00:05.000Z","type":"response_item","payload":{"type":"function_call_output","call_id":"c","output":"files"}}
{"timestamp":"2026-08-01T10:00:06.000Z","type":"event_msg","payload":{"type":"agent_message","message":"Fixed."}}
{"timestamp":"2026-08-01T10:00:06.000Z","type":"response_item","payload":{"type":"message","role":"assistant","id":"i2","content":[{"type":"output_text","text":"Fixed."}]}}
{"timestamp":"2026-08-01T10:00:07.000Z","type":"event_msg","payload":{"type":"token_count","info":null}}
{"timestamp":"2026-08-01T10:00:08.000Z","type":"compacted","payload":{"message":"summary","replacement_history":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Fix it"}]}]}}
{"timestamp":"2026-08-01T10:01:00.000Z","type":"event_msg","payload":{"type":"user_message","message":"Wrong turn"}}
{"timestamp":"2026-08-01T10:01:01.000Z","type":"response_item","payload":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Wrong answer"}]}}
{"timestamp":"2026-08-01T10:01:02.000Z","type":"event_msg","payload":{"type":"thread_rolled_back","num_turns":1}}
{"timestamp":"2026-08-01T10:02:00.000Z","type":"response_item","payload":{"type":"message","role":"user","content":"Thanks"}}
{"timestamp":"2026-08-01T10:02:01.000Z","type":"response_item","payload":{"type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"Hm."}]}}
{"timestamp":"2026-08-01T10:02:02.000Z","type":"response_item","payload":{"type":"message","role":"assistant","phase":"final_answer","content":[{"type":"output_text","text":"Welcome."}]}}
{"timestamp":"2026-08-01T10:02:03.000Z","type":"brand_new","payload":[1]}
"##;

    #[test]
    fn prompts_and_final_answers_are_read_once() {
        let items = read(&FORMAT, SAMPLE);
        let chat = conversation(&items);
        assert_eq!(chat.id, "x1");
        assert_eq!(said(chat), ["> Fix it", "Fixed.", "> Thanks", "Welcome."]);
        assert_eq!(chat.messages[1].id, "i2");
        assert_eq!(chat.created_at.expect("given").rfc3339(), "2026-08-01T09:59:59Z");
        assert_eq!(skipped(&items), ["1 turns that were taken back"]);
    }

    #[test]
    fn answers_in_a_dialog_are_said_by_the_person() {
        let asks =
            r#""name":"request_user_input","arguments":"{\"questions\":[{\"id\":\"q\",\"question\":\"Which?\"}]}""#;
        let answer = r#""output":"{\"answers\":{\"q\":{\"answers\":[\"Both\"]}}}""#;
        let calls = r#""name":"shell","arguments":"{}""#;
        let with = |call: &str, output: &str| {
            let file = SAMPLE.replace(calls, call).replace(r#""output":"files""#, output);
            said(conversation(&read(&FORMAT, &file)))
        };
        let rest = ["Fixed.", "> Thanks", "Welcome."];
        assert_eq!(with(asks, answer), [&["> Fix it", "Looking.", "> Q: Which?\nA: Both"], &rest[..]].concat());
        // What another tool gave is nobody's answer.
        assert_eq!(with(calls, answer), [&["> Fix it"], &rest[..]].concat());
    }

    #[test]
    fn a_file_that_grows_gives_the_same_ids_and_no_answer_before_its_end() {
        let whole = read(&FORMAT, SAMPLE);
        let lines: Vec<&str> = SAMPLE.lines().collect();
        let first = |length: usize| read(&FORMAT, &lines[..length].join("\n"));
        assert_eq!(said(conversation(&first(12))), ["> Fix it"]);
        assert_eq!(conversation(&first(14)).messages[..], conversation(&whole).messages[..2]);
        assert_eq!(conversation(&first(6)).messages[0].id, conversation(&whole).messages[0].id);
    }

    #[test]
    fn the_oldest_files_are_read() {
        let old = r#"{"id":"old","timestamp":"2025-05-01T00:00:00Z","instructions":null}
{"record_type":"state"}
{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}],"id":null}
{"type":"message","role":"assistant","content":[{"type":"output_text","text":"let me see"}]}
{"type":"function_call","name":"shell","arguments":"{}"}
{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]}"#;
        let items = read(&FORMAT, old);
        assert_eq!(conversation(&items).id, "old");
        assert_eq!(said(conversation(&items)), ["> hi", "hello"]);
    }

    #[test]
    fn newer_files_that_say_what_is_completed_are_read() {
        let line = |kind: &str, payload: &str| {
            format!(r#"{{"timestamp":"2026-08-19T01:48:10Z","type":"{kind}","payload":{payload}}}"#)
        };
        let sent = |role: &str, text: &str| {
            let content =
                format!(r#"[{{"type":"input_text","text":"{text}"}},{{"type":"output_text","text":"{text}"}}]"#);
            line("response_item", &format!(r#"{{"type":"message","role":"{role}","content":{content}}}"#))
        };
        let done = |kind: &str, text: &str, more: &str| {
            let item = format!(r#"{{"type":"{kind}","content":[{{"type":"Text","text":"{text}"}}]{more}}}"#);
            line("event_msg", &format!(r#"{{"type":"item_completed","item":{item}}}"#))
        };
        let asked = |text: &str| done("UserMessage", text, "").replace("Text", "text");
        let event = |kind: &str, member: &str, text: &str| {
            line("event_msg", &format!(r#"{{"type":"{kind}","{member}":"{text}"}}"#))
        };
        let file = [
            line("session_meta", r#"{"id":"n","timestamp":"2026-08-19T01:48:09Z"}"#),
            sent("user", "<recommended_plugins>x</recommended_plugins>"),
            sent("user", "<in-app-browser-context source='a'>x</in-app-browser-context>## My request:\\nOne?"),
            asked("One?"),
            done("AgentMessage", "Looking", r#","phase":"commentary""#),
            done("AgentMessage", "First", ""),
            sent("assistant", "First"),
            event("task_complete", "last_agent_message", "First"),
            asked("Two?"),
            event("user_message", "message", "Two?"),
            done("AgentMessage", "Second", ""),
            event("task_complete", "last_agent_message", "Second"),
            asked("Three?"),
            event("task_complete", "last_agent_message", "Third"),
            sent("user", "Four?"),
        ];
        let items = read(&FORMAT, &file.join("\n"));
        let expected = ["> One?", "First", "> Two?", "Second", "> Three?", "Third", "> Four?"];
        assert_eq!(said(conversation(&items)), expected);
    }

    #[test]
    fn pictures_are_named_where_nothing_is_said_and_what_the_program_says_is_left_out() {
        let message = |role: &str, blocks: &str| {
            format!(
                r#"{{"timestamp":"2026-08-19T01:48:10Z","type":"response_item","payload":{{"type":"message","role":"{role}","content":[{blocks}]}}}}"#
            )
        };
        let text = |text: &str| format!(r#"{{"type":"input_text","text":"{text}"}}"#);
        let event = |kind: &str| {
            format!(r#"{{"timestamp":"2026-08-19T01:48:10Z","type":"event_msg","payload":{{"type":"{kind}"}}}}"#)
        };
        let picture =
            [&text("<image name=[Image #1] path='/x/y.png'>"), r#"{"type":"input_image"}"#, &text("</image>")]
                .join(",");
        let answer = message("assistant", r#"{"type":"output_text","text":"a"}"#);
        let file = [
            r#"{"timestamp":"2026-08-19T01:48:10Z","type":"session_meta","payload":{"id":"p"}}"#.to_owned(),
            message("user", &format!("{picture},{}", text("what is it?"))),
            answer.clone(),
            message("user", &picture),
            answer.clone(),
            message("user", &text("Warning: apply_patch was requested via exec_command. Use it.")),
            message("user", &text("<hook_prompt hook_run_id='1'>x</hook_prompt>")),
            event("entered_review_mode"),
            message("user", &text("Review the changes.")),
            event("exited_review_mode"),
            message("user", &text("<user_action>reviewed</user_action>")),
            message("user", &text("thanks")),
        ];
        let items = read(&FORMAT, &file.join("\n"));
        assert_eq!(said(conversation(&items)), ["> what is it?", "a", "> [image]", "a", "> thanks"]);
    }

    #[test]
    fn sub_agents_are_left_out() {
        for meta in [r#""thread_source":"subagent""#, r#""source":{"subagent":{"thread_spawn":{}}}"#] {
            let json = SAMPLE.replacen(r#""source":"cli""#, meta, 1);
            let items = read(&FORMAT, &json);
            assert!(conversations(&items).is_empty());
            assert!(skipped(&items).contains(&"the session of a sub-agent"));
        }
    }

    #[test]
    fn words_after_a_wrapper_are_kept() {
        assert_eq!(prompt("<environment_context>x</environment_context>[a] b"), "[a] b");
        assert_eq!(prompt("# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>\nDo it"), "Do it");
        assert_eq!(prompt("# AGENTS.md\nAll of it"), "");
        assert_eq!(
            prompt("# Context from my IDE setup:\n\n## Open tabs:\n- a\n\n## My request for Codex:\nDo it\n"),
            "Do it"
        );
        assert_eq!(
            prompt(
                "# Files mentioned by the user:\n\n## a.png: C:/tmp/a.png\n\nBeware.\n\n## My request:\nIs it right?"
            ),
            "Is it right?\n\n[file: a.png]"
        );
        assert_eq!(
            prompt(
                "# Response annotations:\n<response-annotations>[]</response-annotations>\n\n## My request for Codex:\nGo"
            ),
            "Go"
        );
        assert_eq!(prompt("What does this do?\n## My request:\nx"), "What does this do?\n## My request:\nx");
        assert_eq!(prompt("<b>is bold</b>, why?"), "<b>is bold</b>, why?");
    }

    #[test]
    fn broken_lines_are_reported_and_the_unfinished_one_is_not_a_failure() {
        let json = SAMPLE.replacen(r#"{"timestamp":"2026-08-01T10:00:07"#, r#"{"timestamp:"2026-08-01T10:00:07"#, 1);
        let items = read(&FORMAT, &format!("{json}{{\"times"));
        assert_eq!(failed(&items).len(), 1);
        assert_eq!(conversation(&items).messages.len(), 4);
        assert_eq!(skipped(&items)[0], "1 lines at the end that are not complete yet");
    }
}
