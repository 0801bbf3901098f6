//! What holds of the importers, and of what takes texts apart, whatever they are
//! given: for each target of the fuzzer a function that panics where it does not.
//!
//! The targets in `fuzz_targets` and `tests/it/fuzz.rs` both include this file, so
//! that what the fuzzer looks for is what the seeds are tested for.

mod answers;
mod formats;
mod pieces;

/// What a target of the fuzzer does with its input.
pub type Check = fn(&[u8]);

/// The targets, by name. The seeds of each are in the folder `seeds/<name>`.
pub const TARGETS: &[(&str, Check)] = &[
    ("answers", answers::answer),
    ("chatgpt", |bytes| formats::read_as("ChatGPT (", bytes)),
    ("claude", |bytes| ["Claude (conv", "Claude (design"].iter().for_each(|name| formats::read_as(name, bytes))),
    ("claude_code", |bytes| formats::read_as("Claude Code (", bytes)),
    ("codex", |bytes| formats::read_as("Codex (", bytes)),
    ("container", formats::read_export),
    ("deepseek", |bytes| formats::read_as("DeepSeek (", bytes)),
    ("gemini", |bytes| {
        for file in ["MyActivity.json", "Gemini in"] {
            formats::read_as(&format!("Gemini (Takeout, {file}"), bytes);
        }
    }),
    ("gemini_html", |bytes| formats::read_as("Gemini (Takeout, MyActivity.html)", bytes)),
    ("grok", |bytes| formats::read_as("Grok (", bytes)),
    ("librechat", |bytes| formats::read_as("LibreChat (", bytes)),
    ("memories", |bytes| ["Claude (mem", "mem0 (", "Memories ("].iter().for_each(|name| formats::read_as(name, bytes))),
    ("open_webui", |bytes| formats::read_as("Open WebUI (", bytes)),
    ("pieces", pieces::take_apart),
    ("typingmind", |bytes| formats::read_as("TypingMind (", bytes)),
];
