//! Claude Code's record of a session, `~/.claude/projects/<folder>/<session>.jsonl`:
//! a line for each event. It is read for the person's prompts and the answers that
//! ended the turns; what tools did, what sub-agents said and what the program
//! wrote in the person's name is left out. What the person says in a dialog is kept.
//!
//! Lines name their parents, through kinds of lines that say nothing, and a line
//! can be written again. The file grows while the session is used: what was read
//! once is read with the same ids again.

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde::Deserialize;

use super::content::Content;
use super::dialogs;
use super::finish::{Tally, give};
use super::format::{Format, Layout, Parts, Place, Sink};
use super::json::{Flag, Object, Str};
use super::text::add;
use super::time::Time;
use super::{Conversation, Item, Message, Role, json, scan, wrappers};
use crate::clock::Micros;

/// A session of Claude Code.
pub const FORMAT: Format = Format {
    platform: "claude-code",
    name: "Claude Code (session)",
    layouts: &[Layout::Split("\n")],
    is: |part| scan::has_keys(part, &["type", "sessionId", "uuid", "message"]),
    start: || Box::new(Session::default()),
};

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    uuid: Str<'a>,
    parent_uuid: Str<'a>,
    logical_parent_uuid: Str<'a>,
    session_id: Str<'a>,
    timestamp: Time,
    is_sidechain: Flag,
    is_meta: Flag,
    is_compact_summary: Flag,
    is_visible_in_transcript_only: Flag,
    origin: Object<Origin<'a>>,
    is_api_error_message: Flag,
    message: Object<Said<'a>>,
    attachment: Object<Attachment<'a>>,
    leaf_uuid: Str<'a>,
    summary: Str<'a>,
    ai_title: Str<'a>,
    custom_title: Str<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    role: Str<'a>,
    model: Str<'a>,
    content: Content<'a>,
    stop_reason: Str<'a>,
}

/// What the program adds to a turn: of interest where it is what the person typed meanwhile.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Attachment<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    prompt: Content<'a>,
    command_mode: Str<'a>,
    origin: Object<Origin<'a>>,
    is_meta: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Origin<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
}

/// A line that has a place in the chain of parents.
struct Node {
    parent: String,
    time: Option<Micros>,
    /// When it was written first, counted in lines.
    line: usize,
    what: What,
}

enum What {
    Prompt(String),
    /// A prompt that was typed while the turn went on.
    Aside(String),
    /// An answer, or a part of one.
    Answer(String),
    /// A call of a tool or what it gave.
    Tool,
    Nothing,
}

#[derive(Default)]
struct Session {
    nodes: Vec<(String, Node)>,
    places: HashMap<String, usize>,
    lines: usize,
    id: String,
    /// The newest prompt's leaf, and the line that says so.
    leaf: Option<(String, usize)>,
    titles: [String; 2],
    /// Titles that the program made of branches, and the last message of each. Some versions wrote those of other
    /// sessions, too.
    summaries: Vec<(String, String)>,
    agents: usize,
    failed: Option<Item>,
    skipped: Tally,
}

/// What stands in the person's messages without being said by the person.
const WRAPPERS: [&str; 24] = [
    "system-reminder",
    "user-prompt-submit-hook",
    "session-start-hook",
    "teammate-message",
    "cross-session-message",
    "project_claude_message",
    "mcp-resource-update",
    "mcp-polling-update",
    "new-diagnostics",
    "ide_diagnostics",
    "fork-boilerplate",
    "command-name",
    "command-message",
    "command-args",
    "command-contents",
    "local-command-stdout",
    "local-command-stderr",
    "local-command-caveat",
    "bash-input",
    "bash-stdout",
    "bash-stderr",
    "task-notification",
    "ide_opened_file",
    "ide_selection",
];

/// What stands around what the person said somewhere else.
const FRAMES: [&str; 2] = ["user-memory-input", "channel"];

/// Commands of the program itself, which nothing answers. Others are prompts that somebody wrote down.
const BUILT_IN: [&str; 40] = [
    "add-dir",
    "agents",
    "bashes",
    "bug",
    "clear",
    "compact",
    "config",
    "context",
    "copy",
    "cost",
    "doctor",
    "effort",
    "exit",
    "export",
    "fast",
    "feedback",
    "help",
    "hooks",
    "ide",
    "keybindings",
    "login",
    "logout",
    "mcp",
    "memory",
    "model",
    "output-style",
    "permissions",
    "plugin",
    "quit",
    "release-notes",
    "rename",
    "resume",
    "rewind",
    "skills",
    "stats",
    "status",
    "statusline",
    "theme",
    "usage",
    "vim",
];

/// How a message begins that the program wrote.
const OPENINGS: [&str; 5] = [
    "[SYSTEM NOTIFICATION - NOT USER INPUT]",
    "Stop hook feedback:",
    "[Request interrupted by user",
    "Caveat: The messages below were generated by the user while running local commands",
    "This session is being continued from a previous conversation that ran out of context",
];

/// What the program says beside what a search for tools gave.
const TOOL_LOADED: &str = "Tool loaded.";

fn prompt(content: &Content<'_>) -> String {
    let mut said = Vec::new();
    for (_, text) in content.blocks().into_iter().filter(|(kind, _)| *kind == "text") {
        let words = wrappers::unwrapped(&wrappers::without(text, &WRAPPERS), &FRAMES);
        let command = wrappers::inside(text, "command-name");
        if let Some(name) = command.filter(|name| !BUILT_IN.contains(&name.trim_start_matches('/'))) {
            let args = wrappers::inside(text, "command-args").unwrap_or_default();
            said.push(format!("{name} {args}").trim().to_owned());
        }
        if !words.is_empty() && !OPENINGS.iter().any(|opening| words.starts_with(opening)) {
            said.push(words);
        }
    }
    // A picture alone is asked about, too, and what it is answered with is no part of the answer before.
    let is_picture = said.is_empty() && content.blocks().iter().all(|(kind, _)| *kind == "image");
    if is_picture && !content.blocks().is_empty() { "[image]".to_owned() } else { said.join("\n\n") }
}

/// Whether a person said it, as far as it is told.
fn is_persons(origin: &Object<Origin<'_>>) -> bool {
    origin.0.as_ref().is_none_or(|origin| matches!(&*origin.kind, "" | "human"))
}

fn what(line: &Line<'_>, part: &[u8]) -> What {
    if let Some(added) = &line.attachment.0 {
        let is_command = &*added.kind == "queued_command" && &*added.command_mode == "prompt" && !added.is_meta.0;
        let said = if is_command && is_persons(&added.origin) { prompt(&added.prompt) } else { String::new() };
        return if said.is_empty() { What::Nothing } else { What::Aside(said) };
    }
    let Some(message) = &line.message.0 else { return What::Nothing };
    let has = |kind| message.content.blocks().iter().any(|(it, _)| *it == kind);
    match &*line.kind {
        "user" if line.is_meta.0 || line.is_compact_summary.0 || line.is_visible_in_transcript_only.0 => What::Nothing,
        "user" if !is_persons(&line.origin) => What::Nothing,
        "user" if has("tool_result") => {
            // Typed along with the leave to use the tool, or with a refusal.
            let beside = Some(prompt(&message.content)).filter(|said| said != TOOL_LOADED).unwrap_or_default();
            match dialogs::said(part) {
                Some(mut reply) => {
                    add(&mut reply, &beside);
                    What::Prompt(reply)
                }
                None if beside.is_empty() => What::Tool,
                None => What::Aside(beside),
            }
        }
        "user" => match prompt(&message.content) {
            said if said.is_empty() => What::Nothing,
            said => What::Prompt(said),
        },
        // The program's own words stand under the name of no model.
        "assistant" if line.is_api_error_message.0 || &*message.model == "<synthetic>" => What::Nothing,
        "assistant" if has("tool_use") || has("server_tool_use") => What::Tool,
        "assistant" => match message.content.text(&["text"]) {
            text if text.is_empty() => What::Nothing,
            // A call follows on a line of its own.
            _ if &*message.stop_reason == "tool_use" => What::Tool,
            text => What::Answer(text),
        },
        _ => What::Nothing,
    }
}

impl Parts for Session {
    fn part(&mut self, part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if let Some(failed) = self.failed.take() {
            sink(failed)?;
        }
        self.lines += 1;
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
        match &*line.kind {
            "custom-title" => line.custom_title.trim().clone_into(&mut self.titles[0]),
            "ai-title" => line.ai_title.trim().clone_into(&mut self.titles[1]),
            "summary" => self.summaries.push((line.leaf_uuid.to_string(), line.summary.trim().to_owned())),
            "last-prompt" if !line.leaf_uuid.is_empty() => {
                self.leaf = Some((line.leaf_uuid.0.into_owned(), self.lines));
            }
            _ if line.uuid.is_empty() => {}
            _ if line.is_sidechain.0 => self.agents += 1,
            _ => {
                if matches!(&*line.kind, "user" | "assistant") {
                    if line.message.0.is_none() {
                        self.skipped.add("messages of an unknown form");
                    }
                    // A resumed session begins with lines of the one before, under its id or under the new one.
                    self.id = line.session_id.to_string();
                }
                self.add(&line, part);
            }
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, file: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
        if self.failed.take().is_some() {
            self.skipped.add("lines at the end that are not complete yet");
        }
        self.skipped.give(file, sink)?;
        if self.nodes.is_empty() {
            let why = if self.agents > 0 { "the session of a sub-agent" } else { "no message shown" };
            return sink(Item::Skipped { place: file.to_owned(), why: why.to_owned() });
        }
        let messages = self.messages();
        let own =
            self.summaries.iter().rev().filter(|(leaf, _)| self.places.contains_key(leaf)).map(|(_, title)| title);
        let title = self.titles.iter().chain(own).find(|title| !title.is_empty()).cloned().unwrap_or_default();
        let id = std::mem::take(&mut self.id);
        let place = Place { file, index: None, offset: 0 };
        give(Conversation { id, title, created_at: None, updated_at: None, messages }, place, sink)
    }
}

impl Session {
    fn add(&mut self, line: &Line<'_>, part: &[u8]) {
        let parent = if line.parent_uuid.is_empty() { &line.logical_parent_uuid } else { &line.parent_uuid };
        let node =
            Node { parent: parent.0.to_string(), time: line.timestamp.0, line: self.lines, what: what(line, part) };
        match self.places.get(&*line.uuid) {
            // Written again: the last counts, at the place of the first. When the program sums up what was said and
            // keeps the end of it, the messages kept are written again below the summary.
            Some(at) => {
                let old = &mut self.nodes[*at].1;
                let parent = std::mem::take(&mut old.parent);
                let parent = if parent.is_empty() { node.parent } else { parent };
                *old = Node { line: old.line, parent, ..node };
            }
            None => {
                self.places.insert(line.uuid.0.to_string(), self.nodes.len());
                self.nodes.push((line.uuid.0.to_string(), node));
            }
        }
    }

    /// Where the branch shown ends: at the newest prompt's leaf and what was written after it, or at the last line.
    fn end_of_branch(&self) -> usize {
        let named = self.leaf.as_ref().and_then(|(leaf, line)| Some((*self.places.get(leaf)?, *line)));
        let Some((mut leaf, since)) = named else { return self.nodes.len() - 1 };
        let mut children: HashMap<&str, usize> = HashMap::new();
        for (at, (_, node)) in self.nodes.iter().enumerate().filter(|(_, (_, node))| node.line > since) {
            children.insert(&node.parent, at);
        }
        // A child that was written after its parent was: so this ends.
        while let Some(child) = children.get(&*self.nodes[leaf].0).filter(|child| **child > leaf) {
            leaf = *child;
        }
        leaf
    }

    fn messages(&mut self) -> Vec<Message> {
        let mut branch = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut next = Some(self.end_of_branch());
        while let Some(at) = next.filter(|at| !seen[*at]) {
            seen[at] = true;
            branch.push(at);
            let parent = &self.nodes[at].1.parent;
            next = match self.places.get(parent) {
                // Kept messages that stand below the summary alone are what it follows on, too.
                Some(parent) if seen[*parent] => (0..at).rev().find(|before| !seen[*before]),
                Some(parent) => Some(*parent),
                None if parent.is_empty() => None,
                // A parent that isn't there: its line was lost, and the one before it is the best that is known.
                None => at.checked_sub(1),
            };
        }
        branch.reverse();
        let mut turns = Turns::default();
        let mut aside = None;
        for at in branch {
            let (id, node) = &mut self.nodes[at];
            let message = |role, text: &mut String| Message {
                id: id.clone(),
                role,
                text: std::mem::take(text),
                created_at: node.time,
            };
            match &mut node.what {
                // What is typed meanwhile can be a message as well.
                What::Prompt(text) if aside.take().as_ref() == Some(text) => {}
                What::Prompt(text) => turns.prompt(message(Role::Human, text)),
                What::Aside(text) => {
                    aside = Some(text.clone());
                    turns.aside(message(Role::Human, text));
                }
                What::Answer(text) => turns.answer(message(Role::Assistant, text)),
                What::Tool => turns.tool(),
                What::Nothing => {}
            }
        }
        turns.finish()
    }
}

/// Keeps, of what is said in a turn, the prompts and the last answer: what was said since the last call of a tool.
#[derive(Debug, Default)]
pub(super) struct Turns {
    messages: Vec<Message>,
    answer: Option<Message>,
    /// Whether a tool was called after the answer, so that it wasn't the last word.
    went_on: bool,
}

impl Turns {
    /// The person says something: what was answered until now stays, even where tools were called after it, because
    /// the turn was stopped.
    pub fn prompt(&mut self, prompt: Message) {
        self.messages.extend(self.answer.take());
        self.messages.push(prompt);
        self.went_on = false;
    }

    /// The person says something and the turn goes on, unless it was over: a remark before a call of a tool is no
    /// answer yet.
    pub fn aside(&mut self, prompt: Message) {
        if self.went_on {
            self.answer = None;
        }
        self.prompt(prompt);
    }

    /// The assistant says something.
    pub fn answer(&mut self, said: Message) {
        match &mut self.answer {
            Some(answer) if !self.went_on => {
                answer.text.push_str("\n\n");
                answer.text.push_str(&said.text);
            }
            _ => self.answer = Some(said),
        }
        self.went_on = false;
    }

    /// A tool is called.
    pub fn tool(&mut self) {
        self.went_on = true;
    }

    /// All messages. In a turn that isn't over, nothing is an answer yet.
    pub fn finish(mut self) -> Vec<Message> {
        self.messages.extend(self.answer.filter(|_| !self.went_on));
        self.messages
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::FORMAT;
    use crate::history::import::examine::{conversation, conversations, failed, read, said, skipped};

    pub const SAMPLE: &str = r#"{"type":"mode","mode":"default","sessionId":"s1"}
{"type":"file-history-snapshot","messageId":"x","snapshot":{}}
{"type":"user","uuid":"u0","parentUuid":null,"sessionId":"s1","isMeta":true,"timestamp":"2026-09-01T10:00:00.000Z","message":{"role":"user","content":"<local-command-caveat>Caveat</local-command-caveat>"}}
{"type":"attachment","uuid":"t0","parentUuid":"u0","sessionId":"s1","attachment":{}}
{"type":"user","uuid":"u1","parentUuid":"t0","sessionId":"s1","cwd":"/w","isSidechain":false,"timestamp":"2026-09-01T10:00:01.000Z","message":{"role":"user","content":"<system-reminder>secret</system-reminder>Fix the <b>bug</b>"}}
{"type":"assistant","uuid":"a1","parentUuid":"u1","sessionId":"s1","timestamp":"2026-09-01T10:00:02.000Z","message":{"id":"m1","role":"assistant","model":"claude","content":[{"type":"thinking","thinking":"hm"}]}}
{"type":"assistant","uuid":"a2","parentUuid":"a1","sessionId":"s1","timestamp":"2026-09-01T10:00:03.000Z","message":{"id":"m1","role":"assistant","model":"claude","content":[{"type":"text","text":"I'll look."}]}}
{"type":"assistant","uuid":"a3","parentUuid":"a2","sessionId":"s1","timestamp":"2026-09-01T10:00:04.000Z","message":{"id":"m1","role":"assistant","model":"claude","content":[{"type":"tool_use","id":"c1","name":"Bash","input":{"command":"ls"}}]}}
{"type":"user","uuid":"r1","parentUuid":"a3","sessionId":"s1","timestamp":"2026-09-01T10:00:05.000Z","toolUseResult":{},"message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"files"}]}}
{"type":"user","uuid":"sub","parentUuid":null,"sessionId":"s1","isSidechain":true,"timestamp":"2026-09-01T10:00:05.500Z","message":{"role":"user","content":"sub-agent prompt"}}
{"type":"assistant","uuid":"a4","parentUuid":"r1","sessionId":"s1","timestamp":"2026-09-01T10:00:06.000Z","message":{"id":"m2","role":"assistant","model":"claude","stop_reason":null,"content":[{"type":"text","text":"Fixed:"}]}}
{"type":"assistant","uuid":"a5","parentUuid":"a4","sessionId":"s1","timestamp":"2026-09-01T10:00:07.000Z","message":{"id":"m2","role":"assistant","model":"claude","stop_reason":"end_turn","content":[{"type":"text","text":"it was a typo."}]}}
{"type":"ai-title","aiTitle":"A bug","sessionId":"s1"}
{"type":"system","subtype":"compact_boundary","uuid":"b1","parentUuid":null,"logicalParentUuid":"a5","sessionId":"s1","timestamp":"2026-09-01T10:00:08.000Z"}
{"type":"user","uuid":"cs","parentUuid":"b1","sessionId":"s1","isCompactSummary":true,"timestamp":"2026-09-01T10:00:08.500Z","message":{"role":"user","content":"This session is being continued"}}
{"type":"user","uuid":"cm","parentUuid":"cs","sessionId":"s1","timestamp":"2026-09-01T10:00:09.000Z","message":{"role":"user","content":"<command-message>plan</command-message>\n<command-name>/plan</command-name>\n<command-args>a new parser</command-args>"}}
{"type":"assistant","uuid":"a6","parentUuid":"cm","sessionId":"s1","timestamp":"2026-09-01T10:00:10.000Z","message":{"id":"m3","role":"assistant","model":"claude","content":[{"type":"text","text":"Wrong plan"}]}}
{"type":"user","uuid":"int","parentUuid":"a6","sessionId":"s1","timestamp":"2026-09-01T10:00:11.000Z","message":{"role":"user","content":[{"type":"text","text":"[Request interrupted by user]"}]}}
{"type":"assistant","uuid":"a7","parentUuid":"cm","sessionId":"s1","timestamp":"2026-09-01T10:00:12.000Z","message":{"id":"m4","role":"assistant","model":"claude","content":[{"type":"text","text":"Right plan"}]}}
{"type":"assistant","uuid":"a8","parentUuid":"a7","sessionId":"s1","timestamp":"2026-09-01T10:00:12.000Z","message":{"id":"m5","role":"assistant","model":"<synthetic>","content":[{"type":"text","text":"No response requested."}]}}
{"type":"custom-title","customTitle":"My bug","sessionId":"s1"}
{"type":"last-prompt","leafUuid":"a8","sessionId":"s1"}
"#;

    #[test]
    fn prompts_and_final_answers_of_the_shown_branch_are_read() {
        let items = read(&FORMAT, SAMPLE);
        let chat = conversation(&items);
        assert_eq!((chat.id.as_str(), chat.title.as_str()), ("s1", "My bug"));
        assert_eq!(
            said(chat),
            ["> Fix the <b>bug</b>", "Fixed:\n\nit was a typo.", "> /plan a new parser", "Right plan"]
        );
        assert_eq!(chat.messages[1].id, "a4");
        assert_eq!(skipped(&items), [] as [&str; 0]);
    }

    #[test]
    fn a_file_that_grows_gives_the_same_ids() {
        let whole = read(&FORMAT, SAMPLE);
        let known: Vec<&str> = conversation(&whole).messages.iter().map(|message| message.id.as_str()).collect();
        let linear: Vec<&str> = SAMPLE
            .lines()
            .filter(|line| !line.contains("\"uuid\":\"a6\"") && !line.contains("\"uuid\":\"int\""))
            .collect();
        for length in 5..=linear.len() {
            // Between a remark and the call that it announces, the remark looks like the answer.
            if linear[length - 1].contains("I'll look.") {
                continue;
            }
            let items = read(&FORMAT, &linear[..length].join("\n"));
            for (message, known) in conversation(&items).messages.iter().zip(&known) {
                assert_eq!(message.id, *known, "{length} lines");
            }
        }
        let working = read(&FORMAT, &linear[..9].join("\n"));
        assert_eq!(said(conversation(&working)), ["> Fix the <b>bug</b>"]);
    }

    #[test]
    fn without_a_pointer_the_last_line_ends_the_branch() {
        let lines: Vec<&str> = SAMPLE.lines().filter(|line| !line.contains("last-prompt")).collect();
        assert_eq!(said(conversation(&read(&FORMAT, &lines.join("\n"))))[3], "Right plan");
    }

    #[test]
    fn what_is_written_after_the_pointer_belongs_to_the_branch() {
        let more = r#"{"type":"user","uuid":"u9","parentUuid":"a8","sessionId":"s1","message":{"role":"user","content":"go on"}}"#;
        assert_eq!(said(conversation(&read(&FORMAT, &format!("{SAMPLE}{more}")))).last().expect("said"), "> go on");
    }

    #[test]
    fn a_line_written_again_counts_once_and_the_last_time() {
        let again = SAMPLE.replace("it was a typo.", "it was two typos.");
        let items = read(&FORMAT, &format!("{SAMPLE}{again}"));
        assert_eq!(said(conversation(&items))[1], "Fixed:\n\nit was two typos.");
        assert_eq!(conversation(&items).messages.len(), 4);
    }

    #[test]
    fn what_was_said_before_a_summary_stays_where_its_end_was_kept() {
        let line = |uuid: &str, parent: &str, text: &str| {
            let message = format!(r#"{{"role":"user","content":"{text}"}}"#);
            format!(r#"{{"type":"user","uuid":"{uuid}","parentUuid":"{parent}","sessionId":"s","message":{message}}}"#)
        };
        let boundary =
            r#"{"type":"system","uuid":"cut","parentUuid":null,"logicalParentUuid":"3","sessionId":"s"}"#.to_owned();
        let summary = line("sum", "cut", "x").replace(r#""sessionId""#, r#""isCompactSummary":true,"sessionId""#);
        let (one, gone, two, three) =
            (line("1", "", "one"), line("9", "1", "taken back"), line("2", "1", "two"), line("3", "2", "three"));
        let (kept, four) = (line("3", "sum", "three"), line("4", "3", "four"));
        // The message kept stands below the summary alone, or there again.
        for before in [vec![&one, &gone, &two], vec![&one, &two, &three, &gone]] {
            let file = [before, vec![&boundary, &summary, &kept, &four]].concat();
            let file: Vec<&str> = file.into_iter().map(String::as_str).collect();
            assert_eq!(said(conversation(&read(&FORMAT, &file.join("\n")))), ["> one", "> two", "> three", "> four"]);
        }
    }

    #[test]
    fn what_is_typed_while_the_turn_goes_on_is_said() {
        let queued = |uuid: &str, parent: &str, more: &str| {
            format!(
                r#"{{"type":"attachment","uuid":"{uuid}","parentUuid":"{parent}","sessionId":"s1","attachment":{{"type":"queued_command","prompt":"and tests","commandMode":"prompt"{more}}}}}"#
            )
        };
        let spoken = r#","origin":{"kind":"human"}"#;
        let read_with = |line: &str| {
            let text = SAMPLE.replace(r#""uuid":"a4","parentUuid":"r1""#, r#""uuid":"a4","parentUuid":"q1""#);
            said(conversation(&read(
                &FORMAT,
                &text.replacen(
                    r#"{"type":"user","uuid":"sub""#,
                    &format!("{line}\n{{\"type\":\"user\",\"uuid\":\"sub\""),
                    1,
                ),
            )))
        };
        let with =
            ["> Fix the <b>bug</b>", "> and tests", "Fixed:\n\nit was a typo.", "> /plan a new parser", "Right plan"];
        assert_eq!(read_with(&queued("q1", "r1", spoken)), with);
        assert_eq!(read_with(&queued("q1", "r1", "")), with);
        let again = r#"{"type":"user","uuid":"q1","parentUuid":"q0","sessionId":"s1","message":{"role":"user","content":"and tests"}}"#;
        assert_eq!(read_with(&format!("{}\n{again}", queued("q0", "r1", spoken))), with);
        let without: Vec<&str> = with.iter().copied().filter(|said| *said != "> and tests").collect();
        assert_eq!(read_with(&queued("q1", "r1", r#","origin":{"kind":"coordinator"}"#)), without);
        assert_eq!(read_with(&queued("q1", "r1", r#","isMeta":true"#)), without);
    }

    #[test]
    fn what_the_person_says_in_a_dialog_is_said() {
        let with = |block: &str, result: &str| {
            let given = r#""toolUseResult":{},"message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"files"}]"#;
            let instead = format!(r#""toolUseResult":{result},"message":{{"role":"user","content":[{block}]"#);
            said(conversation(&read(&FORMAT, &SAMPLE.replace(given, &instead))))[1..3].to_vec()
        };
        let refused = r#"{"type":"tool_result","is_error":true,"content":"The user doesn't want to proceed with this tool use. To tell you how to proceed, the user said:\nNo, ask first"}"#;
        assert_eq!(with(refused, "\"Error: x\""), ["I'll look.", "> No, ask first"]);
        let answered = r#"{"questions":[{"question":"Which one?"}],"answers":{"Which one?":"The first"}}"#;
        assert_eq!(
            with(r#"{"type":"tool_result","content":"x"}"#, answered),
            ["I'll look.", "> Q: Which one?\nA: The first"]
        );
        let both = with(&format!(r#"{refused},{{"type":"text","text":"And be quick"}}"#), "\"Error: x\"");
        assert_eq!(both, ["I'll look.", "> No, ask first\n\nAnd be quick"]);
        let beside = |words: &str| {
            with(&format!(r#"{{"type":"tool_result","content":"x"}},{{"type":"text","text":"{words}"}}"#), "{}")
        };
        assert_eq!(beside("and be quick"), ["> and be quick", "Fixed:\n\nit was a typo."]);
        for written in
            ["Tool loaded.", "<system-reminder>x</system-reminder>", "[Request interrupted by user for tool use]"]
        {
            assert_eq!(beside(written)[0], "Fixed:\n\nit was a typo.", "{written}");
        }
    }

    #[test]
    fn what_the_program_wrote_in_the_persons_name_is_left_out() {
        let read_as = |content: &str, more: &str| {
            let line = |kind: &str, id: u8, content: &str, more: &str| {
                format!(
                    r#"{{"type":"{kind}","uuid":"{id}","parentUuid":"{}","sessionId":"s"{more},"message":{{"role":"{kind}","content":{content}}}}}"#,
                    id - 1
                )
            };
            let answer = r#"[{"type":"text","text":"a"}]"#;
            let lines =
                [line("user", 1, "\"q\"", ""), line("assistant", 2, answer, ""), line("user", 3, content, more)];
            let said = said(conversation(&read(
                &FORMAT,
                &[&lines[..], &[line("assistant", 4, answer, "")]].concat().join("\n"),
            )));
            said[2..].iter().filter_map(|said| said.strip_prefix("> ").map(str::to_owned)).collect::<Vec<_>>().join("|")
        };
        for written in [
            "<teammate-message teammate_id='x'>do</teammate-message>",
            "<session-start-hook>x</session-start-hook>",
            "Stop hook feedback:\\nx",
            "[SYSTEM NOTIFICATION - NOT USER INPUT] x",
            "<command-name>/model</command-name><command-args>opus</command-args>",
        ] {
            assert_eq!(read_as(&format!("\"{written}\""), ""), "", "{written}");
        }
        for origin in [r#","origin":{"kind":"coordinator"}"#, r#","isVisibleInTranscriptOnly":true"#] {
            assert_eq!(read_as("\"x\"", origin), "", "{origin}");
        }
        for (written, said) in [
            ("\"fix it<user-prompt-submit-hook>x</user-prompt-submit-hook>\"", "fix it"),
            ("\"<command-name>/review</command-name><command-args></command-args>\"", "/review"),
            ("\"<command-name>/fix</command-name><command-args>1234</command-args>\"", "/fix 1234"),
            ("\"<user-memory-input>use tabs</user-memory-input>\"", "use tabs"),
            ("\"<channel source='x'>from my phone</channel>\"", "from my phone"),
            (r#"[{"type":"image","source":{}}]"#, "[image]"),
            (r#"[{"type":"image","source":{}},{"type":"text","text":"this?"}]"#, "this?"),
        ] {
            assert_eq!(read_as(written, r#","origin":{"kind":"human"}"#), said);
        }
    }

    #[test]
    fn zeros_before_a_line_are_no_part_of_it() {
        use crate::history::import::testing::import;

        let lines: Vec<&str> = SAMPLE.lines().collect();
        let (items, _) = import(
            lines
                .join("\n")
                .replace("{\"type\":\"ai-title\"", &format!("{}{{\"type\":\"ai-title\"", "\0".repeat(5_000)))
                .as_bytes(),
        );
        let items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
        assert_eq!((conversation(&items).messages.len(), failed(&items).len()), (4, 0));
    }

    #[test]
    fn a_title_of_another_session_is_not_taken() {
        let title =
            |leaf: &str| format!("{{\"type\":\"summary\",\"summary\":\"Title of {leaf}\",\"leafUuid\":\"{leaf}\"}}\n");
        let untitled: Vec<&str> = SAMPLE.lines().filter(|line| !line.contains("-title")).collect();
        let file = format!("{}{}{}{}", title("x"), title("a5"), title("y"), untitled.join("\n"));
        assert_eq!(conversation(&read(&FORMAT, &file)).title, "Title of a5");
    }

    #[test]
    fn a_session_that_begins_with_many_titles_is_recognised() {
        use crate::history::import::testing::import;

        let titles = "{\"type\":\"summary\",\"summary\":\"x\",\"leafUuid\":\"y\"}\n".repeat(200);
        assert_eq!(import(format!("{titles}{SAMPLE}").as_bytes()).1.expect("is known").conversations, 1);
    }

    #[test]
    fn an_abandoned_branch_that_is_written_again_stays_abandoned() {
        let line = |uuid: &str, parent: &str, text: &str| {
            let message = format!(r#"{{"role":"user","content":"{text}"}}"#);
            format!(r#"{{"type":"user","uuid":"{uuid}","parentUuid":"{parent}","sessionId":"s","message":{message}}}"#)
        };
        let old = line("old", "kept", "abandoned");
        let pointer = r#"{"type":"last-prompt","leafUuid":"kept","sessionId":"s"}"#;
        let file = [&line("kept", "", "kept"), &old, pointer, &old].map(str::to_owned).join("\n");
        assert_eq!(said(conversation(&read(&FORMAT, &file))), ["> kept"]);
    }

    #[test]
    fn lost_and_broken_lines_are_counted_and_lose_nothing_else() {
        let broken = SAMPLE.replace(r#"{"type":"assistant","uuid":"a3""#, r#"{"type":"assistant","uuid":"#).replace(
            r#"{"type":"mode""#,
            "\"a bare string\"\n{\"type\":\"user\",\"uuid\":\"odd\",\"message\":\"text\"}\n{\"type\":\"mode\"",
        );
        let items = read(&FORMAT, &format!("{broken}{{\"type\":\"us"));
        assert_eq!(said(conversation(&items)).len(), 4);
        assert_eq!(failed(&items).len(), 1);
        assert_eq!(
            skipped(&items),
            [
                "1 lines at the end that are not complete yet",
                "1 lines that are no record",
                "1 messages of an unknown form"
            ]
        );
    }

    #[test]
    fn the_session_of_a_sub_agent_is_left_out() {
        let line =
            r#"{"type":"user","uuid":"u","sessionId":"s1","isSidechain":true,"message":{"role":"user","content":"x"}}"#;
        let items = read(&FORMAT, line);
        assert!(conversations(&items).is_empty());
        assert_eq!(skipped(&items), ["the session of a sub-agent"]);
    }

    #[test]
    fn journals_and_transcripts_of_other_tools_are_not_claimed() {
        assert!(!(FORMAT.is)(br#"{"role":"user","message":{"content":[]}}"#));
        assert!(!(FORMAT.is)(br#"{"type":"started","agentId":"a"}"#));
    }
}
