//! Files of exports: each format by itself, and whatever the container holds.

use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use commonplace::history::chunk::Said;
use commonplace::history::import::container::{Unreadable, read_from};
use commonplace::history::import::detect::{self, Reopen};
use commonplace::history::import::format::{Format, Layout};
use commonplace::history::import::{Conversation, FORMATS, Item, Limits};

/// Small, so that the fuzzer reaches what happens beyond them.
const LIMITS: Limits = Limits { part: 32 << 10, unpacked: 4 << 20, ratio: 200, files: 64, nested: 256 << 10 };
/// How many bytes of text may come of a byte of a file: a heading and a bucket's name go with each of their facts.
const GROWTH: usize = 256;

/// A file in memory, read a few bytes at a time.
struct Bytes<'a>(&'a [u8], usize);

impl Reopen for Bytes<'_> {
    fn open(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(Slow(self.0, self.1)))
    }
}

struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.1.min(buffer.len());
        self.0.read(&mut buffer[..size])
    }
}

/// Reads a file as the format whose name begins so, in each of its layouts.
pub fn read_as(name: &str, bytes: &[u8]) {
    let format = FORMATS.iter().copied().find(|format| format.name.starts_with(name)).expect("a format");
    let _ = (format.is)(bytes);
    for &layout in format.layouts {
        let items = read(bytes, (format, layout), usize::MAX, usize::MAX);
        check(&items, bytes.len());
        assert_eq!(items, read(bytes, (format, layout), 61, usize::MAX), "read in short steps it is another");
        if items.len() > 1 {
            let half = items.len() / 2;
            assert_eq!(items[..half], read(bytes, (format, layout), usize::MAX, half), "it did not stop");
        }
    }
}

/// What stands in a file; the sink asks to stop at the item of this number.
fn read(bytes: &[u8], format: (&'static Format, Layout), step: usize, stop: usize) -> Vec<Item> {
    let mut items = Vec::new();
    let flow = detect::read(&mut Bytes(bytes, step), "file", format, &LIMITS, &mut |item| {
        items.push(item);
        if items.len() == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(flow.expect("memory is readable").is_break(), items.len() == stop);
    items
}

/// Reads bytes as an export of any kind.
pub fn read_export(bytes: &[u8]) {
    let mut items = Vec::new();
    let mut nameless = 0;
    let summary = read_from(Cursor::new(bytes), "export", &LIMITS, &mut |format, item| {
        nameless += usize::from(format.is_none());
        assert!(format.is_some() || matches!(item, Item::Failed { .. }));
        items.push(item);
        ControlFlow::Continue(())
    });
    // Archives that are encrypted or broken, and files that a manifest names.
    assert!(nameless as u64 <= 2 * LIMITS.files, "{nameless} of no file");
    let unpacked = usize::try_from(LIMITS.unpacked).expect("small");
    check(&items, unpacked.max(bytes.len()));
    match summary {
        Ok(summary) => {
            let count = |is: fn(&Item) -> bool| items.iter().filter(|item| is(item)).count() as u64;
            assert_eq!(summary.conversations, count(|item| matches!(item, Item::Conversation(_))));
            assert_eq!(summary.facts, count(|item| matches!(item, Item::Fact(_))));
            assert_eq!(summary.skipped, count(|item| matches!(item, Item::Skipped { .. })));
            assert_eq!(summary.failed, count(|item| matches!(item, Item::Failed { .. })));
            assert!(summary.files.len() as u64 + summary.others <= LIMITS.files);
            assert!(items.len() == nameless || !summary.files.is_empty(), "items of no file");
        }
        Err(Unreadable::Unknown | Unreadable::Packed) => assert!(items.is_empty(), "{items:?}"),
        Err(Unreadable::TooLarge(why)) => assert!(!why.is_empty()),
        Err(Unreadable::Archive(_) | Unreadable::Io(_)) => {}
    }
    for conversation in items.iter().filter_map(conversation) {
        let said = conversation.messages.iter().map(|message| Said {
            role: message.role,
            at: message.created_at,
            text: &message.text,
        });
        super::pieces::chunks(&said.collect::<Vec<_>>());
    }
}

fn conversation(item: &Item) -> Option<&Conversation> {
    if let Item::Conversation(conversation) = item { Some(conversation) } else { None }
}

/// What was found is whole, and not much more than there was.
fn check(items: &[Item], bytes: usize) {
    let mut size = 0;
    for item in items {
        match item {
            Item::Conversation(conversation) => size += whole(conversation),
            Item::Fact(fact) => {
                assert!(!fact.text.trim().is_empty(), "{fact:?}");
                assert!(fact.bucket.as_ref().is_none_or(|bucket| !bucket.trim().is_empty()), "{fact:?}");
                assert!(fact.created_at.is_none_or(|time| time.date().is_some()), "{fact:?}");
                size += fact.text.len() + fact.bucket.as_ref().map_or(0, String::len);
            }
            Item::Skipped { place, why } | Item::Failed { place, why } => {
                assert!(!place.is_empty() && !why.is_empty(), "{item:?}");
                // A place can name an id of the file, and a reason a value of it.
                size += (place.len() + why.len()).saturating_sub(400);
            }
        }
    }
    assert!(size <= GROWTH * (bytes + 64), "{size} bytes of {bytes}");
}

/// Checks a conversation; the bytes of its texts.
fn whole(conversation: &Conversation) -> usize {
    let Conversation { id, title, created_at, updated_at, messages } = conversation;
    assert!(!messages.is_empty(), "{conversation:?}");
    // Such as are taken in.
    let is_id = |id: &str| (1..=500).contains(&id.chars().count()) && !id.contains(char::is_control);
    let mut size = id.len() + title.len();
    assert!(is_id(id), "{conversation:?}");
    for message in messages {
        assert!(is_id(&message.id) && !message.text.trim().is_empty(), "{message:?}");
        size += message.id.len() + message.text.len();
    }
    let times = messages.iter().map(|message| message.created_at).chain([*created_at, *updated_at]);
    assert!(times.flatten().all(|time| time.date().is_some()), "{conversation:?}");
    size
}
