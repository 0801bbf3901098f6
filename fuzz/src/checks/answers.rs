//! Answers made of quotations: `compose` is given questions with what was found.
//!
//! An input is a text: questions are parted by U+001C, the passages of one by
//! U+001D, and a passage's title and what was said by U+001E. The first character
//! of a question is its budget, and that of a title the passage's score.

use std::collections::{BTreeSet, HashMap};

use commonplace::history::compose::{Ask, MOST_TOKENS, Passage, Recall, Turn, compose};
use commonplace::history::import::Role;
use commonplace::history::tokens;
use jiff::civil::{Date, date};

/// What breaks a line for anyone who reads it.
const BREAKS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

/// Answers what the bytes ask.
pub fn answer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let asks: Vec<Ask<'_>> = text.split('\u{1c}').take(4).map(ask).collect();
    let recalls = compose(&asks);
    assert_eq!(recalls, compose(&asks), "asked again it is another answer");
    assert_eq!(recalls.len(), asks.len());
    let mut marks = HashMap::new();
    for (ask, recall) in asks.iter().zip(&recalls) {
        assert!(recall.tokens <= ask.budget.min(MOST_TOKENS), "{} of {} tokens", recall.tokens, ask.budget);
        assert_eq!(recall.tokens, tokens::count(&recall.content));
        sources(ask, recall);
        quotations(ask, recall);
        for source in &recall.sources {
            let named = (source.conversation.clone(), source.message.clone());
            assert_eq!(marks.entry(source.mark).or_insert_with(|| named.clone()), &named, "a mark of two messages");
        }
    }
}

/// A number from a character, and the rest.
fn number(text: &str) -> (usize, &str) {
    let mut rest = text.chars();
    (rest.next().map_or(0, |first| first as usize), rest.as_str())
}

fn ask(text: &str) -> Ask<'_> {
    let mut parts = text.split('\u{1d}');
    let (budget, query) = number(parts.next().unwrap_or_default());
    let passages = parts.take(16).map(|part| {
        let mut turns = part.split('\u{1e}');
        let (score, title) = number(turns.next().unwrap_or_default());
        let turns = turns.enumerate().map(|(place, text)| Turn {
            message: ["m0", "m1", "m2", "m3"][place.min(3)],
            role: if place.is_multiple_of(2) { Role::Human } else { Role::Assistant },
            text,
        });
        #[expect(clippy::cast_precision_loss, reason = "of a character")]
        let score = if score == 0 { f32::NAN } else { score as f32 / 100.0 };
        let date: Option<Date> = title.len().is_multiple_of(2).then(|| date(2026, 3, 4));
        Passage {
            score,
            conversation: title.split(' ').next().unwrap_or_default(),
            title,
            date,
            turns: turns.collect(),
        }
    });
    Ask { query, budget: budget * 4, passages: passages.collect() }
}

/// What stands at the margin is ours, and names exactly the sources.
fn sources(ask: &Ask<'_>, recall: &Recall) {
    let mut cited = BTreeSet::new();
    for line in recall.content.split(BREAKS).filter(|line| !line.is_empty() && !line.starts_with(' ')) {
        let names = line.starts_with('[') || line.starts_with("See also [");
        assert!(names || line.starts_with("human: ") || line.starts_with("assistant: "), "{line:?} at the margin");
        if names {
            let marks = line.split('[').skip(1).map(|rest| rest.split(']').next().unwrap_or_default());
            cited.extend(marks.map(|mark| mark.parse::<usize>().expect("a mark")));
        }
    }
    let given: BTreeSet<usize> = recall.sources.iter().map(|source| source.mark).collect();
    assert_eq!(cited, given, "{recall:?}");
    assert_eq!(given.len(), recall.sources.len());
    assert!(recall.sources.is_sorted_by_key(|source| source.mark));
    assert!(recall.sources.iter().all(|source| source.mark > 0 && (0.0..=1.0).contains(&source.relevance)));
    assert!(!ask.passages.is_empty() || recall.content.is_empty());
}

/// Whatever is quoted was said as it stands.
fn quotations(ask: &Ask<'_>, recall: &Recall) {
    let texts = || ask.passages.iter().flat_map(|passage| &passage.turns).map(|turn| turn.text);
    for line in recall.content.lines().filter(|line| !line.starts_with('[') && !line.starts_with("See also [")) {
        let line = line.strip_prefix("human: ").or_else(|| line.strip_prefix("assistant: ")).unwrap_or(line);
        for part in line.split('…').map(str::trim) {
            assert!(texts().any(|text| text.contains(part)) || part.is_empty(), "{part:?} was not said");
        }
    }
}
