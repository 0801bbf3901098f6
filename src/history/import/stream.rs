//! Cutting a file into parts, each held in memory as a whole, the file never.
//!
//! The scanner knows as much of JSON as is needed to find where a value ends: strings, escapes and depth. What is in a
//! value is for `serde_json` to check. That makes it quick, and lets it go on after a value that is broken inside.

use std::io::{self, Read};

/// How many bytes are asked for at a time.
const CHUNK: usize = 64 << 10;

/// One part of a file.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The path of keys of the array that it is in, one of those asked for.
    pub at: &'static str,
    /// Its number there, from 0.
    pub index: u64,
    /// Bytes before it in the file.
    pub offset: u64,
    /// The part.
    pub bytes: Result<&'a [u8], Damage>,
}

/// Why a part isn't given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is over the limit.
    #[error("it is over the limit of {0} bytes")]
    TooLarge(usize),
    /// The file ends inside of it.
    #[error("the file ends inside of it; it may have been cut off")]
    CutOff,
    /// What follows is neither a value nor the end of the list.
    #[error("the file is damaged here; what follows could not be read")]
    NotJson,
    /// It does not end where it should; the next was found inside of it.
    #[error("it is damaged and does not end where it should")]
    Broken,
}

/// What the receiver of a part says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go on with the next.
    Next,
    /// It could not be read. Its end may not be where it seemed, so look for the next part inside of it too.
    Broken,
    /// Stop.
    Stop,
}

/// Receives parts.
pub type Each<'a> = dyn FnMut(Piece<'_>) -> Answer + 'a;

/// Reads a JSON text and gives the elements of each array that is under one of these paths of keys (`""` is the array
/// at the top, `"data.chats"` a nested one), one at a time. An element over `limit` bytes is passed over without being
/// held. `known` tells whether some bytes are an element as expected: with it, elements that a broken one seems to
/// enclose, because a quote or a bracket is missing, are found again.
///
/// # Errors
/// The reader's.
pub fn elements(
    reader: &mut dyn Read,
    paths: &[&'static str],
    limit: usize,
    known: &dyn Fn(&[u8]) -> bool,
    each: &mut Each<'_>,
) -> io::Result<()> {
    let mut scanner = Scanner { window: Window::new(reader, limit), paths, known, each, given: 0, searched: 0 };
    scanner.window.skip_mark()?;
    if scanner.window.peek(b"")?.is_none() {
        return Ok(());
    }
    scanner.value(&mut String::new())?;
    Ok(())
}

/// Reads a text and gives what is between the separators, without what is white space only, one part at a time; `\r`
/// before a separator that begins with a line feed is cut off. A part over `limit` bytes is passed over.
///
/// # Errors
/// The reader's.
pub fn split(reader: &mut dyn Read, separator: &'static str, limit: usize, each: &mut Each<'_>) -> io::Result<()> {
    let mut window = Window::new(reader, limit);
    let finder = memchr::memmem::Finder::new(separator);
    window.skip_mark()?;
    let mut index = 0;
    loop {
        let (mut searched, mut dropped) = (0, false);
        let start = window.offset();
        let found = loop {
            let rest = window.rest();
            if let Some(at) = finder.find(&rest[searched..]) {
                break Some(searched + at);
            }
            // A separator can begin in these bytes and end in the next.
            searched = rest.len().saturating_sub(separator.len() - 1);
            // A carriage return is not of the part.
            if searched > limit.saturating_add(1) {
                dropped = true;
                window.advance(searched);
                searched = 0;
            }
            if !window.fill()? {
                break None;
            }
        };
        let end = found.unwrap_or(window.rest().len());
        let mut part = &window.rest()[..end];
        if separator.starts_with('\n') {
            part = part.strip_suffix(b"\r").unwrap_or(part);
            // A file whose end was not written when the machine stopped goes on after zeros.
            part = &part[part.iter().position(|byte| *byte != 0).unwrap_or(part.len())..];
        }
        let damage = dropped || part.len() > limit;
        if damage || !part.trim_ascii().is_empty() {
            let bytes = if damage { Err(Damage::TooLarge(limit)) } else { Ok(part) };
            if each(Piece { at: "", index, offset: start, bytes }) == Answer::Stop {
                return Ok(());
            }
            index += 1;
        }
        if found.is_none() {
            return Ok(());
        }
        window.advance(end + separator.len());
    }
}

/// Reads a file as one part. `None` if it is over `limit` bytes.
///
/// # Errors
/// The reader's.
pub fn whole(reader: &mut dyn Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if let Some(rest) = bytes.strip_prefix(MARK) {
        bytes = rest.to_vec();
    }
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// The byte order mark that some editors put before UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The part of a file that is in memory: what has been read and not been passed yet.
struct Window<'r> {
    reader: &'r mut dyn Read,
    buffer: Vec<u8>,
    /// Where the rest begins and what was read ends, in the buffer.
    start: usize,
    end: usize,
    /// Bytes of the file before the buffer.
    before: u64,
    limit: usize,
}

impl<'r> Window<'r> {
    fn new(reader: &'r mut dyn Read, limit: usize) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, end: 0, before: 0, limit }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn offset(&self) -> u64 {
        self.before + self.start as u64
    }

    fn advance(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Reads more behind the rest; `false` at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        if self.buffer.len() - self.end < CHUNK {
            self.buffer.copy_within(self.start..self.end, 0);
            self.before += self.start as u64;
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < CHUNK {
                // Doubled, so that a long part is not copied often, but not beyond what can be needed. Most files of
                // an archive are smaller than what is asked for at a time.
                let most = self.limit.saturating_add(2 * CHUNK).max(self.end + CHUNK);
                self.buffer.resize((2 * self.buffer.len()).clamp(CHUNK, most), 0);
            }
        }
        loop {
            // What a short read leaves is asked for next time.
            let end = self.buffer.len().min(self.end + CHUNK);
            match self.reader.read(&mut self.buffer[self.end..end]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn skip_mark(&mut self) -> io::Result<()> {
        while self.rest().len() < MARK.len() && self.fill()? {}
        if self.rest().starts_with(MARK) {
            self.advance(MARK.len());
        }
        Ok(())
    }

    /// Passes white space and these bytes; the byte after, if there is one.
    fn peek(&mut self, pass: &[u8]) -> io::Result<Option<u8>> {
        loop {
            let rest = self.rest();
            let length = rest.len();
            match rest.iter().position(|byte| !byte.is_ascii_whitespace() && !pass.contains(byte)) {
                Some(at) => {
                    let byte = rest[at];
                    self.advance(at);
                    return Ok(Some(byte));
                }
                None => {
                    self.advance(length);
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads on until the value that begins here is in memory; its length.
    fn hold(&mut self) -> io::Result<Result<usize, Damage>> {
        let (mut scan, mut scanned) = (Scan::default(), 0);
        loop {
            if let Some(end) = scan.run(&self.rest()[scanned..]) {
                let end = scanned + end;
                return Ok(if end > self.limit { Err(Damage::TooLarge(self.limit)) } else { Ok(end) });
            }
            scanned = self.rest().len();
            if scanned > self.limit {
                return Ok(Err(Damage::TooLarge(self.limit)));
            }
            if !self.fill()? {
                return Ok(Err(Damage::CutOff));
            }
        }
    }

    /// Passes the value that begins here without keeping it; `false` if the file ends inside of it.
    fn pass(&mut self) -> io::Result<bool> {
        let mut scan = Scan::default();
        loop {
            if let Some(end) = scan.run(self.rest()) {
                self.advance(end);
                return Ok(true);
            }
            let length = self.rest().len();
            self.advance(length);
            if !self.fill()? {
                return Ok(scan.state == State::Bare);
            }
        }
    }
}

/// Finds the end of a JSON value in bytes that come bit by bit.
#[derive(Debug, Default)]
struct Scan {
    state: State,
    depth: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte.
    #[default]
    New,
    /// In a number or a word outside of everything. It ends before the first byte that can't be part of one.
    Bare,
    /// Between brackets, in no string.
    Outside,
    InString,
    /// In a string, after a backslash.
    Escaped,
}

impl Scan {
    /// The end of the value, as a position in these bytes; `None` if it is not in them.
    fn run(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.state == State::New {
            self.state = match bytes.first()? {
                b'{' | b'[' => State::Outside,
                b'"' => {
                    at = 1;
                    State::InString
                }
                _ => State::Bare,
            };
        }
        loop {
            let rest = bytes.get(at..)?;
            match self.state {
                State::New | State::Bare => return rest.iter().position(|byte| b",]}:\"{[ \t\r\n".contains(byte)),
                State::Escaped => {
                    rest.first()?;
                    at += 1;
                    self.state = State::InString;
                }
                State::InString => {
                    at += memchr::memchr2(b'"', b'\\', rest)? + 1;
                    if bytes[at - 1] == b'\\' {
                        self.state = State::Escaped;
                    } else if self.depth == 0 {
                        return Some(at);
                    } else {
                        self.state = State::Outside;
                    }
                }
                State::Outside => {
                    let from = at;
                    for &byte in rest {
                        at += 1;
                        match byte {
                            b'"' => {
                                self.state = State::InString;
                                break;
                            }
                            b'{' | b'[' => self.depth += 1,
                            b'}' | b']' => {
                                self.depth -= 1;
                                if self.depth == 0 {
                                    return Some(at);
                                }
                            }
                            _ => {}
                        }
                    }
                    if at == from {
                        return None;
                    }
                }
            }
        }
    }
}

struct Scanner<'r, 's> {
    window: Window<'r>,
    paths: &'s [&'static str],
    known: &'s dyn Fn(&[u8]) -> bool,
    each: &'s mut Each<'s>,
    /// How many elements were given.
    given: u64,
    /// Bytes looked through for ends that were not there, and for elements in others.
    searched: u64,
}

impl Scanner<'_, '_> {
    /// Goes through the value that begins here; `false` once there is no more to go through.
    fn value(&mut self, path: &mut String) -> io::Result<bool> {
        let within =
            |wanted: &&&str| path.is_empty() || wanted.strip_prefix(&**path).is_some_and(|rest| rest.starts_with('.'));
        match self.window.peek(b"")? {
            Some(b'[') if let Some(&at) = self.paths.iter().find(|wanted| **wanted == path) => {
                self.window.advance(1);
                self.list(at)
            }
            Some(b'{') if self.paths.iter().any(|wanted| within(&wanted)) => {
                self.window.advance(1);
                self.object(path)
            }
            Some(_) => Ok(self.window.pass()? || self.cut_off()),
            None => Ok(self.cut_off()),
        }
    }

    /// Says that the file ends outside of the arrays, but too early; `false`.
    fn cut_off(&mut self) -> bool {
        if let [at, ..] = *self.paths {
            let offset = self.window.offset();
            (self.each)(Piece { at, index: self.given, offset, bytes: Err(Damage::CutOff) });
        }
        false
    }

    fn object(&mut self, path: &mut String) -> io::Result<bool> {
        loop {
            match self.window.peek(b",")? {
                Some(b'"') => {}
                Some(b'}') => {
                    self.window.advance(1);
                    return Ok(true);
                }
                _ => return Ok(self.cut_off()),
            }
            let Ok(length) = self.window.hold()? else { return Ok(self.cut_off()) };
            let Ok(key) = serde_json::from_slice::<String>(&self.window.rest()[..length]) else { return Ok(false) };
            self.window.advance(length);
            if self.window.peek(b"")? != Some(b':') {
                return Ok(self.cut_off());
            }
            self.window.advance(1);
            let outer = path.len();
            if outer > 0 {
                path.push('.');
            }
            path.push_str(&key);
            let more = self.value(path)?;
            path.truncate(outer);
            if !more {
                return Ok(false);
            }
        }
    }

    fn list(&mut self, at: &'static str) -> io::Result<bool> {
        let mut head = Vec::new();
        for index in 0.. {
            let next = self.window.peek(b",")?;
            let offset = self.window.offset();
            let damaged = |damage| Piece { at, index, offset, bytes: Err(damage) };
            if next == Some(b']') {
                self.window.advance(1);
                return Ok(true);
            } else if next.is_none() {
                (self.each)(damaged(Damage::CutOff));
                return Ok(false);
            }
            let held = self.window.hold()?;
            let damage = match held {
                Ok(0) => Damage::NotJson,
                Ok(length) => {
                    self.given += 1;
                    let bytes = &self.window.rest()[..length];
                    match (self.each)(Piece { at, index, offset, bytes: Ok(bytes) }) {
                        Answer::Stop => return Ok(false),
                        Answer::Next => {
                            if head.is_empty() {
                                head = first_key(bytes).to_vec();
                            }
                            self.window.advance(length);
                        }
                        Answer::Broken => {
                            let next = self.enclosed(&head, length)?;
                            self.window.advance(next.unwrap_or(length));
                        }
                    }
                    continue;
                }
                Err(damage) => damage,
            };
            if damage != Damage::NotJson {
                self.searched += self.window.rest().len().min(self.window.limit) as u64;
            }
            let next = self.enclosed(&head, usize::MAX)?;
            let answer = (self.each)(damaged(if next.is_some() { Damage::Broken } else { damage }));
            let more = match (next, damage) {
                (Some(next), _) => {
                    self.window.advance(next);
                    true
                }
                (None, Damage::TooLarge(_)) => self.window.pass()?,
                (None, _) => false,
            };
            if !more || answer == Answer::Stop {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Where the next sound element begins, though the one that begins here seems not to have ended: it begins as
    /// `head` and is known as an element. It begins within the next `within` bytes, and ends where an element may. How
    /// much of the file is in memory by now has no say in it.
    fn enclosed(&mut self, head: &[u8], within: usize) -> io::Result<Option<usize>> {
        let limit = self.window.limit;
        let within = within.min(limit);
        // Before any sound element, the broken one itself may show how they begin.
        let rest = self.window.rest();
        let own = first_key(&rest[..rest.len().min(limit)]).to_vec();
        let head = [head, &own, b"{"].into_iter().find(|head| !head.is_empty()).unwrap_or_default();
        let finder = memchr::memmem::Finder::new(head);
        // Each try can go on to the end of what may be in memory, and there may be many, here and in what follows: so
        // all of it may take some times what reading the file takes, and no more.
        let most = (limit as u64).saturating_add(self.window.offset()).saturating_mul(8);
        let mut from = 1;
        loop {
            let rest = self.window.rest();
            // One that begins within ends a little later.
            let searched = rest.len().min(within.saturating_add(head.len() - 1));
            let Some(found) = rest.get(from..searched).and_then(|rest| finder.find(rest)) else {
                from = from.max((searched + 1).saturating_sub(head.len()));
                if from >= within || !self.window.fill()? {
                    return Ok(None);
                }
                continue;
            };
            let begin = from + found;
            from = begin + 1;
            if self.searched > most {
                return Ok(None);
            }
            if !rest[..begin].trim_ascii_end().ends_with(b",") {
                continue;
            }
            let (mut scan, mut scanned) = (Scan::default(), begin);
            let end = loop {
                let rest = self.window.rest();
                let held = rest.len().min(limit);
                if let Some(end) = scan.run(&rest[scanned..held]) {
                    break Some(scanned + end);
                }
                scanned = held;
                if scanned == limit || !self.window.fill()? {
                    break None;
                }
            };
            self.searched += (end.unwrap_or(scanned) - begin) as u64;
            if let Some(end) = end
                && (self.known)(&self.window.rest()[begin..end])
            {
                return Ok(Some(begin));
            }
        }
    }
}

/// The beginning of an object, to the end of its first key; empty if it has none.
fn first_key(object: &[u8]) -> &[u8] {
    let Some(quote) = object.iter().position(|&byte| byte == b'"') else { return &[] };
    let opening = object.starts_with(b"{") && object[1..quote].trim_ascii().is_empty();
    match Scan::default().run(&object[quote..]) {
        Some(end) if opening => &object[..quote + end],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Damage, elements, split, whole};
    use proptest::prelude::*;
    use std::io::{self, Read};

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len());
            self.0.read(&mut buffer[..size])
        }
    }

    type Seen = Vec<(&'static str, u64, Result<String, Damage>)>;

    fn cut(json: &[u8], paths: &[&'static str], limit: usize, chunk: usize) -> Seen {
        let mut seen = Vec::new();
        let known = |part: &[u8]| serde_json::from_slice::<serde_json::Value>(part).is_ok_and(|v| v.get("m").is_some());
        elements(&mut Slow(json, chunk), paths, limit, &known, &mut |piece| {
            let bytes = piece.bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            if let Ok(text) = &bytes {
                assert!(
                    json[usize::try_from(piece.offset).unwrap()..].starts_with(text.as_bytes())
                        || text.contains('\u{fffd}')
                );
            }
            let sound = bytes.as_ref().is_ok_and(|text| serde_json::from_str::<serde_json::Value>(text).is_ok());
            seen.push((piece.at, piece.index, bytes));
            if sound { Answer::Next } else { Answer::Broken }
        })
        .unwrap();
        seen
    }

    fn texts(seen: &Seen) -> Vec<&str> {
        seen.iter().map(|(_, _, bytes)| bytes.as_ref().map_or("!", |text| text)).collect()
    }

    #[test]
    fn elements_of_every_kind_are_cut_where_they_end() {
        let json = r#" [ {"a":"]}\"\\"} , [1,[2]],"x\\",-1.5e3 ,null,"é"] "#.as_bytes();
        for chunk in 1..20 {
            let seen = cut(json, &[""], 100, chunk);
            assert_eq!(texts(&seen), [r#"{"a":"]}\"\\"}"#, "[1,[2]]", r#""x\\""#, "-1.5e3", "null", "\"é\""]);
        }
    }

    #[test]
    fn arrays_are_found_under_their_path_of_keys_only() {
        let json =
            br#"{"conversations":{"chats":[0]},"data":{"x":[1],"chats":[2,3],"y":{"chats":[4]}},"chats":[5],"n":7}"#;
        assert_eq!(texts(&cut(json, &["data.chats"], 100, 7)), ["2", "3"]);
        assert_eq!(texts(&cut(json, &["data.chats", "chats", ""], 100, 7)), ["2", "3", "5"]);
        assert_eq!(texts(&cut(b"\xef\xbb\xbf[1]", &[""], 100, 1)), ["1"]);
        assert!(cut(b"3", &[""], 100, 1).is_empty());
        assert!(cut(b"", &[""], 100, 1).is_empty());
    }

    #[test]
    fn an_element_over_the_limit_is_passed_over_and_the_next_is_read() {
        let json = format!(r#"[{{"m":1}},{{"m":"{}"}},{{"m":3}}]"#, "x".repeat(5000));
        let seen = cut(json.as_bytes(), &[""], 1000, 100);
        assert_eq!(texts(&seen), [r#"{"m":1}"#, "!", r#"{"m":3}"#]);
        assert_eq!(seen[1].2, Err(Damage::TooLarge(1000)));
    }

    #[test]
    fn a_cut_off_file_says_where_at_every_byte() {
        let json = br#"[{"m":"a\"b"},{"m":[2]}]"#;
        for end in 1..json.len() {
            let seen = cut(&json[..end], &[""], 100, 3);
            let (last, before) = seen.split_last().unwrap();
            assert_eq!(last.2, Err(Damage::CutOff), "{end}");
            assert_eq!(last.1, before.len() as u64);
        }
    }

    #[test]
    fn after_a_lost_quote_or_bracket_the_next_element_is_found_again() {
        for bad in [
            r#"{"m":"a}"#,
            r#"{"m":{"m":1}"#,
            r#"{"m":[1}"#,
            r#"{"m":1}}"#,
            r#"{"m":"a""}"#,
            r#"{"m":1]"#,
            r#"{"m":,}"#,
        ] {
            for (before, chunk) in [("", 1), ("", 9), (r#"{"m":1}, "#, 1), (r#"{"m":1}, "#, 7), (r#"{"m":1}, "#, 1000)]
            {
                let json = format!(r#"[{before}{bad}, {{"m":2}}, {{"m":3}}]"#);
                let seen = cut(json.as_bytes(), &[""], 1000, chunk);
                let texts = texts(&seen);
                assert!(texts.ends_with(&[r#"{"m":2}"#, r#"{"m":3}"#]), "{bad}: {texts:?}");
                assert!(before.is_empty() || texts[0] == r#"{"m":1}"#);
            }
        }
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn many_broken_elements_are_not_each_looked_through_to_the_end_of_the_file() {
        let known = |part: &[u8]| part == br#"{"m":1}"#;
        for bad in [r#"{"a,{"m":"},"#, r#"{"m":{,{"m":1},"#, r#"{"m":["],{"m":1},"#] {
            let json = format!("[{}", bad.repeat(200_000));
            let mut seen = 0;
            elements(&mut json.as_bytes(), &[""], 4 << 20, &known, &mut |_| {
                seen += 1;
                Answer::Broken
            })
            .unwrap();
            assert!(seen > 0);
        }
    }

    #[test]
    fn lines_are_cut_without_empty_ones() {
        for chunk in 1..10 {
            let mut seen = Vec::new();
            split(&mut Slow(b"\xef\xbb\xbfa\r\n\n  \nbc\nlonger\nd", chunk), "\n", 4, &mut |piece| {
                let text = piece.bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
                seen.push((piece.index, piece.offset, text.unwrap_or_default()));
                Answer::Next
            })
            .unwrap();
            let of = |index, offset, text: &str| (index, offset, text.to_owned());
            assert_eq!(seen, [of(0, 3, "a"), of(1, 10, "bc"), of(2, 13, ""), of(3, 20, "d")], "{chunk}");
        }
    }

    #[test]
    fn a_whole_file_is_held_up_to_the_limit() {
        assert_eq!(whole(&mut &b"\xef\xbb\xbfab"[..], 5).unwrap(), Some(b"ab".to_vec()));
        assert_eq!(whole(&mut &b"abcdef"[..], 5).unwrap(), None);
    }

    proptest! {
        #[test]
        fn what_is_cut_does_not_depend_on_how_it_is_read(
            json in r#"[\[\]{}",:\\ma1 ]{0,60}"#, chunk in 1usize..9, limit in 1usize..40,
        ) {
            let whole = cut(json.as_bytes(), &["", "m"], limit, 1 << 20);
            prop_assert_eq!(cut(json.as_bytes(), &["", "m"], limit, chunk), whole);
        }

        #[test]
        fn every_element_of_sound_json_is_given_once(values: Vec<(String, Vec<i32>)>, chunk in 1usize..50) {
            let json = serde_json::to_string_pretty(&values).unwrap();
            let seen = cut(json.as_bytes(), &[""], 1 << 20, chunk);
            let read: Vec<(String, Vec<i32>)> =
                texts(&seen).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(read, values);
        }

        #[test]
        fn any_bytes_come_to_an_end(bytes: Vec<u8>, limit in 0usize..50) {
            cut(&bytes, &["", "a"], limit, 3);
        }
    }
}
