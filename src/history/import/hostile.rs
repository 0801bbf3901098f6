//! Properties that hold for every format of this folder whatever it is given.

use proptest::prelude::*;

use super::examine::{conversations, cut, facts, read_parts};
use super::format::{Format, Layout};
use super::{
    Item, claude_code, codex, gemini, gemini_html, gemini_workspace, librechat, memories, open_webui, typingmind,
};

/// Each format with a sound file of it.
fn samples() -> Vec<(&'static Format, &'static str)> {
    let mut samples: Vec<(&Format, &str)> = vec![
        (&typingmind::FORMAT, typingmind::tests::SAMPLE),
        (&open_webui::FORMAT, open_webui::tests::SAMPLE),
        (&librechat::FORMAT, librechat::tests::SAMPLE),
        (&gemini::FORMAT, gemini::tests::SAMPLE),
        (&gemini_html::FORMAT, gemini_html::tests::SAMPLE),
        (&gemini_workspace::FORMAT, gemini_workspace::tests::SAMPLE),
        (&claude_code::FORMAT, claude_code::tests::SAMPLE),
        (&codex::FORMAT, codex::tests::SAMPLE),
    ];
    samples.extend(memories::tests::SAMPLES);
    samples
}

/// What was found is whole: it has ids, texts, and something in it.
fn check(items: &[Item]) {
    for conversation in conversations(items) {
        assert!(!conversation.id.is_empty() && !conversation.messages.is_empty(), "{conversation:?}");
        assert!(conversation.messages.iter().all(|message| !message.id.is_empty() && !message.text.trim().is_empty()));
    }
    assert!(facts(items).iter().all(|fact| !fact.text.trim().is_empty()));
    for item in items {
        if let Item::Skipped { place, why } | Item::Failed { place, why } = item {
            assert!(!place.is_empty() && !why.is_empty());
        }
    }
}

/// Parts of a text, as each layout of the format has them.
fn parts(format: &Format, text: &str) -> Vec<(Layout, Vec<String>)> {
    format.layouts.iter().filter_map(|layout| Some((*layout, cut(*layout, text)?))).collect()
}

#[test]
fn no_two_formats_claim_the_same_file() {
    for (format, sample) in samples() {
        for (other, _) in samples().into_iter().filter(|(other, _)| other.name != format.name) {
            for (_, parts) in parts(other, sample) {
                assert!(!parts.iter().any(|part| (other.is)(part.as_bytes())), "{} claims {}", other.name, format.name);
            }
        }
    }
}

#[test]
fn a_file_read_again_gives_the_same() {
    for (format, sample) in samples() {
        for (layout, parts) in parts(format, sample) {
            let items = read_parts(format, layout, &parts);
            check(&items);
            assert_eq!(items, read_parts(format, layout, &parts));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (format, _) in samples() {
            let _ = (format.is)(&bytes);
            check(&read_parts(format, format.layouts[0], &[&bytes]));
        }
    }

    #[test]
    fn damaged_parts_are_survived(
        sample in 0_usize..11,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        truncated: bool,
    ) {
        let (format, text) = samples()[sample];
        for (layout, parts) in parts(format, text) {
            let mut parts: Vec<Vec<u8>> = parts.into_iter().map(String::into_bytes).collect();
            for (at, byte) in &damage {
                let part = at.index(parts.len());
                let within = at.index(parts[part].len());
                parts[part][within] = *byte;
            }
            if truncated {
                let part = length.index(parts.len());
                let within = length.index(parts[part].len());
                parts[part].truncate(within);
            }
            for part in &parts {
                let _ = (format.is)(part);
            }
            check(&read_parts(format, layout, &parts));
        }
    }

    #[test]
    fn values_of_another_kind_are_survived(
        sample in 0_usize..11,
        from in any::<prop::sample::Index>(),
        to in prop::sample::select(vec!["null", "[]", "{}", "0", "-1.5", "true", "\"\"", "[[1]]", "{\"$date\":[]}", "1e400"]),
    ) {
        let (format, text) = samples()[sample];
        // Any of the strings of a file, keys among them, becomes something else.
        let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
        if quotes.len() >= 2 {
            let at = from.index(quotes.len() - 1);
            let text = format!("{}{to}{}", &text[..quotes[at]], &text[quotes[at + 1] + 1..]);
            for layout in format.layouts {
                let parts = cut(*layout, &text).unwrap_or_else(|| vec![text.clone()]);
                check(&read_parts(format, *layout, &parts));
            }
        }
    }
}
