//! Code that takes a text apart, each piece by itself.

use std::io::{self, Read};

use commonplace::clock::Micros;
use commonplace::history::chunk::{Chunk, Said, Shape};
use commonplace::history::cite::Audit;
use commonplace::history::import::heal::heal;
use commonplace::history::import::memories::listed;
use commonplace::history::import::stream::{self, Answer, Damage, Piece};
use commonplace::history::import::{Role, markup, scan};
use commonplace::history::when::When;
use commonplace::history::{sentence, tokens};
use jiff::tz::Offset;

/// Gives the same input to all of them.
pub fn take_apart(bytes: &[u8]) {
    healed(bytes);
    scanned(bytes);
    elements(bytes);
    parts(bytes);
    let text = String::from_utf8_lossy(bytes);
    markup_of(&text);
    list(&text);
    sentences(&text);
    cited(&text);
    asked(&text);
    let paragraphs: Vec<Said<'_>> = text.split("\n\n").map(said).collect();
    chunks(&paragraphs);
}

fn said(text: &str) -> Said<'_> {
    Said { role: if text.len().is_multiple_of(2) { Role::Human } else { Role::Assistant }, at: None, text }
}

fn healed(bytes: &[u8]) {
    let healed = heal(bytes);
    if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() {
        assert_eq!(healed, None, "there was nothing to heal");
    }
    if let Some(healed) = healed {
        assert!(healed.len() <= 6 * bytes.len());
        assert!(str::from_utf8(&healed).is_ok());
        assert_eq!(heal(&healed), None, "once is not enough");
    }
}

fn scanned(bytes: &[u8]) {
    let keys = scan::keys(bytes);
    if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(bytes) {
        let plain = object.keys().filter(|key| !key.contains(['"', '\\']) && !key.contains(char::is_control));
        for key in plain.filter(|key| key.is_ascii()) {
            // A key may be written in escapes, too.
            assert!(keys.contains(&key.as_bytes()) || bytes.contains(&b'\\'), "{key} is not found");
        }
    }
    for at in (0..bytes.len()).filter(|at| bytes[*at] == b'"').take(100) {
        assert!(scan::string_end(bytes, at).is_none_or(|end| end > at + 1 && end <= bytes.len()));
    }
    assert!(scan::skip_space(bytes, 0) <= bytes.len());
}

/// Reads a few bytes at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = buffer.len().min(13);
        self.0.read(&mut buffer[..size])
    }
}

/// What a part was: its number, where it stood, and the part.
type Seen = (u64, u64, Result<Vec<u8>, Damage>);

/// How large a part may be.
const LIMIT: usize = 2_000;

fn note(seen: &mut Vec<Seen>, piece: &Piece<'_>) {
    seen.push((piece.index, piece.offset, piece.bytes.map(<[u8]>::to_vec)));
}

fn elements(bytes: &[u8]) {
    let known = |part: &[u8]| part.starts_with(b"{\"m\"");
    let cut = |reader: &mut dyn Read, paths: &[&'static str]| {
        let mut seen = Vec::new();
        let each = &mut |piece: Piece<'_>| {
            note(&mut seen, &piece);
            let sound = piece.bytes.is_ok_and(|part| serde_json::from_slice::<serde_json::Value>(part).is_ok());
            if sound { Answer::Next } else { Answer::Broken }
        };
        stream::elements(reader, paths, LIMIT, &known, each).expect("memory is readable");
        seen
    };
    for paths in [&["", "m"][..], &["data.chats", "chats"]] {
        let seen = cut(&mut &*bytes, paths);
        in_order(&seen, bytes);
        assert_eq!(seen, cut(&mut Slow(bytes), paths), "read in short steps it is cut elsewhere");
    }
    if let Ok(serde_json::Value::Array(list)) = serde_json::from_slice(bytes) {
        let seen = cut(&mut &*bytes, &[""]);
        assert_eq!(seen.len(), list.len(), "{seen:?}");
        for ((_, _, part), value) in seen.iter().zip(list) {
            match part {
                Ok(part) => assert_eq!(serde_json::from_slice::<serde_json::Value>(part).expect("JSON"), value),
                Err(damage) => assert_eq!(*damage, Damage::TooLarge(LIMIT)),
            }
        }
    }
}

fn parts(bytes: &[u8]) {
    for separator in ["\n", "outer-cell"] {
        let cut = |reader: &mut dyn Read| {
            let mut seen = Vec::new();
            let each = &mut |piece: Piece<'_>| {
                note(&mut seen, &piece);
                Answer::Next
            };
            stream::split(reader, separator, LIMIT, each).expect("memory is readable");
            seen
        };
        let seen = cut(&mut &*bytes);
        in_order(&seen, bytes);
        let has = |part: &[u8]| part.windows(separator.len()).any(|window| window == separator.as_bytes());
        assert!(seen.iter().all(|(.., part)| part.as_ref().is_ok_and(|part| !has(part)) || part.is_err()));
        assert_eq!(seen, cut(&mut Slow(bytes)), "read in short steps it is cut elsewhere");
    }
}

/// Parts stand where they say, each after the one before.
fn in_order(seen: &[Seen], bytes: &[u8]) {
    for pair in seen.windows(2) {
        // What is broken may enclose the next.
        assert!(pair[0].1 <= pair[1].1, "{seen:?}");
    }
    for (_, offset, part) in seen {
        let rest = &bytes[usize::try_from(*offset).expect("small")..];
        match part {
            Ok(part) => assert!(part.len() <= LIMIT && rest.starts_with(part)),
            Err(Damage::TooLarge(limit)) => assert!(rest.len() > *limit),
            Err(_) => {}
        }
    }
}

fn markup_of(html: &str) {
    let text = markup::text(html);
    assert!(text.len() <= 8 * html.len() + 64, "{} bytes of {}", text.len(), html.len());
    assert!(!text.starts_with('\n') && text.trim_end().len() == text.len());
    assert!(markup::decode(html).len() <= html.len());
    if !html.contains(['<', '&']) {
        assert_eq!(text.split_whitespace().collect::<String>(), html.split_whitespace().collect::<String>());
    }
}

fn list(text: &str) {
    let mut heading = 0;
    for fact in listed(text) {
        assert!(!fact.text.trim().is_empty());
        assert!(fact.text.lines().all(|line| text.contains(line.trim())), "{fact:?}");
        heading += fact.bucket.as_ref().map_or(0, String::len);
        assert!(fact.bucket.is_none_or(|bucket| !bucket.trim().is_empty() && text.contains(&bucket)));
    }
    assert!(heading <= 128 * (text.len() + 64), "{heading} bytes of headings of {}", text.len());
}

fn sentences(text: &str) {
    assert_eq!(sentence::sentences(text).collect::<String>(), text);
    assert!(sentence::sentences(text).all(|sentence| !sentence.is_empty()));
    for most in [96, 1_000, 4_096] {
        let mut end = 0;
        sentence::pieces(text, most, |range, parts| {
            assert!(text[end..range.start].trim().is_empty(), "something is in no piece");
            assert_eq!(parts, tokens::parts(&text[range.clone()]));
            assert!(parts <= most && !range.is_empty());
            end = range.end;
        });
        assert!(text[end..].trim().is_empty(), "something is in no piece");
        let fits = tokens::fit(text, most);
        assert!(tokens::parts(&text[..fits]) <= most);
    }
}

fn cited(answer: &str) {
    for most in [0, 3, 12, 999] {
        let is_given = |number| (1..=most).contains(&number);
        let audit = Audit::of(answer, is_given);
        assert!(audit.cited.iter().all(|number| is_given(*number)));
        assert!(audit.unknown.iter().all(|number| !is_given(*number)));
        assert_eq!(audit.unknown.is_empty(), audit.text == answer);
        let again = Audit::of(&audit.text, is_given);
        assert_eq!(again.unknown.len(), 0, "a mark that was not given is left");
        assert_eq!(again.text, audit.text);
        assert_eq!(again.cited, audit.cited);
    }
}

fn asked(text: &str) {
    // What someone asks is short.
    let query = &text[..text.floor_char_boundary(300)];
    // In 2026, on 2024-02-29 and in 1970.
    for (now, hours) in [(1_795_500_000_000_000, 14), (1_709_210_000_000_000, 0), (0, -12)] {
        let offset = Offset::from_hours(hours).expect("an offset");
        let Some(when) = When::of(query, Micros(now), offset) else { continue };
        assert!(when.after.is_some() || when.before.is_some(), "{when:?}");
        if let (Some(after), Some(before)) = (when.after, when.before) {
            assert!(after < before, "{when:?}");
        }
        let mut end = 0;
        assert!(!when.taken.is_empty());
        for range in &when.taken {
            assert!(range.start >= end && !query[range.clone()].trim().is_empty(), "{when:?}");
            end = range.end;
        }
        let rest = when.rest(query);
        let mut words = rest.split(|c: char| !c.is_alphanumeric());
        assert!(rest.len() < query.len() && words.all(|word| query.contains(word)), "{rest:?}");
    }
}

/// Chunks stand in their messages, hold all that was said, are no larger than they may be, and stay as they are when
/// more is said.
pub fn chunks(messages: &[Said<'_>]) {
    let shape = Shape::default();
    let chunks = shape.chunks(messages);
    let mut covered = (0, 0);
    for chunk in &chunks {
        let Chunk { first, start, last, end, .. } = *chunk;
        assert!(last < messages.len() && (first, start) < (last, end) && covered < (last, end), "{chunk:?}");
        assert!(messages[first].text.is_char_boundary(start) && messages[last].text.is_char_boundary(end), "{chunk:?}");
        assert!(is_blank(messages, covered, (first, start)), "something before {chunk:?} is in none");
        assert_eq!((chunk.role, chunk.at), (messages[first].role, messages[first].at));
        assert!(chunk.tokens <= shape.target + shape.slack, "{chunk:?}");
        let text = chunk.text(messages);
        assert!(!text.trim().is_empty());
        // Trimming and line breaks between messages move the count a little.
        assert!(tokens::count(&text) <= shape.target + shape.slack + 2 * (last - first + 1), "{chunk:?}");
        covered = (last, end);
    }
    assert!(is_blank(messages, covered, (messages.len(), 0)), "the end is in no chunk");
    if let Some((_, before)) = messages.split_last() {
        let before = shape.chunks(before);
        let kept = before.len().saturating_sub(1);
        assert_eq!(before[..kept], chunks[..kept], "a message changed chunks before the last");
    }
}

/// Whether nothing is said from one place, of a message and a byte, up to another.
fn is_blank(messages: &[Said<'_>], from: (usize, usize), to: (usize, usize)) -> bool {
    (from.0..messages.len().min(to.0 + 1)).all(|place| {
        let text = messages[place].text;
        let start = if place == from.0 { from.1 } else { 0 };
        let end = if place == to.0 { to.1 } else { text.len() };
        text.get(start..end).is_none_or(|between| between.trim().is_empty())
    })
}
