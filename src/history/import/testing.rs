//! What the tests of the formats share.

use std::io::Cursor;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::container::{Summary, Unreadable, read_from};
use super::{Conversation, Item, Limits};

/// Reads bytes as an export; what was found, each with its platform.
pub fn import(bytes: &[u8]) -> (Vec<(&'static str, Item)>, Result<Summary, Unreadable>) {
    let mut items = Vec::new();
    let summary = read_from(Cursor::new(bytes), "file.json", &Limits::default(), &mut |format, item| {
        items.push((format.map_or("", |format| format.platform), item));
        ControlFlow::Continue(())
    });
    (items, summary)
}

/// The only conversation of an export of this platform.
pub fn one(platform: &str, json: &serde_json::Value) -> Conversation {
    let (mut items, summary) = import(json.to_string().as_bytes());
    assert!(summary.is_ok(), "{summary:?}");
    match items.pop() {
        Some((found, Item::Conversation(conversation))) if items.is_empty() => {
            assert_eq!(found, platform);
            conversation
        }
        other => panic!("{items:?} {other:?}"),
    }
}

/// The texts of a conversation, each with the first letter of who said it.
pub fn said(conversation: &Conversation) -> Vec<String> {
    conversation.messages.iter().map(|message| format!("{:?}: {}", message.role, message.text)).collect()
}

/// Cuts an export off at every byte and changes bytes of it at random: it is never more than it was, and never a panic.
pub fn survives_damage(json: &serde_json::Value) {
    let sound = json.to_string().into_bytes();
    for end in 0..sound.len() {
        let (items, _) = import(&sound[..end]);
        let complete = items.iter().filter(|(_, item)| matches!(item, Item::Conversation(_))).count();
        // A file that was cut off says so, or holds nothing that is known.
        assert!(complete == 0 || items.iter().any(|(_, item)| matches!(item, Item::Failed { .. })), "{end}: {items:?}");
    }
    let length = sound.len();
    let changes = prop::collection::vec((0..length, any::<u8>()), 1..6);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    runner
        .run(&changes, |changes| {
            let mut broken = sound.clone();
            for (at, byte) in changes {
                broken[at] = byte;
            }
            let (items, _) = import(&broken);
            for (_, item) in items {
                if let Item::Conversation(conversation) = item {
                    prop_assert!(!conversation.id.is_empty() && !conversation.messages.is_empty());
                    prop_assert!(conversation.messages.iter().all(|m| !m.id.is_empty() && !m.text.is_empty()));
                }
            }
            Ok(())
        })
        .unwrap();
}
