//! Cuts a conversation into chunks: what is indexed, found and quoted as one.
//!
//! A chunk has about 256 tokens ([`tokens`]). A long message is cut at sentence
//! borders ([`sentence`]), and a chunk repeats the end of the one before it where
//! that is a short sentence. Short messages that follow each other share a chunk,
//! and a short question has the beginning of its answer with it.
//!
//! How much to pack was measured on the LoCoMo conversations, whose messages have 28
//! tokens, by words and meaning with a third of the better neighbour: of the
//! evidence for a question, the best chunks that fit into 600 and 2,000
//! tokens hold 71% and 83% where each message is a chunk, 77% and 88% where chunks
//! are packed until they have 96 tokens, and 70% and 86% where they are packed full.
//!
//! Messages are read once, from first to last, and nothing is decided by a later
//! message. So when messages are appended only the last chunk changes.

use crate::clock::Micros;
use crate::history::import::Role;
use crate::history::{sentence, tokens};

/// A message as it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// Who said it.
    pub role: Role,
    /// When.
    pub at: Option<Micros>,
    /// What.
    pub text: &'a str,
}

/// What each of the messages has from one place to another, of which each is a message and a
/// byte in its text. Messages without any text are left out.
pub(super) fn parts<'a>(
    messages: &[Said<'a>],
    (first, start): (usize, usize),
    (last, end): (usize, usize),
) -> impl Iterator<Item = (usize, &'a str)> {
    messages.iter().enumerate().take(last + 1).skip(first).filter_map(move |(place, message)| {
        let from = if place == first { start } else { 0 };
        let to = if place == last { end } else { message.text.len() };
        Some((place, part(message.text, from, to))).filter(|(_, text)| !text.is_empty())
    })
}

/// What a chunk has of a message of which it is from one place to another; nothing
/// where the message has no such places.
#[must_use]
pub fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default().trim()
}

/// A stretch of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The place of the first message, from 0.
    pub first: usize,
    /// Where it begins in the text of the first message, in bytes.
    pub start: usize,
    /// The place of the last message, itself included.
    pub last: usize,
    /// Where it ends in the text of the last message, in bytes.
    pub end: usize,
    /// Who said the first message.
    pub role: Role,
    /// When the first message was said.
    pub at: Option<Micros>,
    /// How many tokens its text has.
    pub tokens: usize,
}

impl Chunk {
    /// What the chunk has of each of its messages, with their places. Messages
    /// without any text are left out.
    pub fn parts<'a>(&self, messages: &[Said<'a>]) -> impl Iterator<Item = (usize, &'a str)> {
        parts(messages, (self.first, self.start), (self.last, self.end))
    }

    /// What is indexed and embedded: the parts, a line break between them. Who
    /// says it and when are not in it.
    #[must_use]
    pub fn text(&self, messages: &[Said<'_>]) -> String {
        let mut text = String::new();
        self.put_text(messages, &mut text);
        text
    }

    /// Adds the same to what is in `text`, which is empty.
    pub(super) fn put_text(&self, messages: &[Said<'_>], text: &mut String) {
        for (_, part) in self.parts(messages) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(part);
        }
    }
}

/// How large chunks are, in tokens. The default is what is stored; others are for
/// measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// A chunk is full from here on.
    pub target: usize,
    /// By how much the end of a message may exceed the target, so that it does not
    /// become a chunk that is nearly nothing.
    pub slack: usize,
    /// At most how much of a chunk is repeated in the next of the same message.
    pub overlap: usize,
    /// A chunk below this takes further messages that fit whole.
    pub packed: usize,
    /// A chunk below this takes the beginning of a message that does not fit whole.
    pub question: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { target: 256, slack: 64, overlap: 32, packed: 96, question: 64 }
    }
}

impl Shape {
    /// The chunks of a conversation, in order. Blank messages are in none.
    #[must_use]
    pub fn chunks(&self, messages: &[Said<'_>]) -> Vec<Chunk> {
        let mut cutter = Cutter { shape: self.in_parts(), messages, open: None, chunks: Vec::new() };
        let mut pieces = Vec::new();
        for (place, message) in messages.iter().enumerate() {
            pieces.clear();
            let most = cutter.shape.target / 2;
            sentence::pieces(message.text, most, |range, parts| {
                pieces.push(Piece { start: range.start, end: range.end, parts });
            });
            cutter.add(place, &pieces);
        }
        cutter.close();
        cutter.chunks
    }

    fn in_parts(self) -> Self {
        let Self { target, slack, overlap, packed, question } = self;
        let [target, slack, overlap, packed, question] =
            [target, slack, overlap, packed, question].map(|tokens| tokens * tokens::PARTS);
        Self { target, slack, overlap, packed, question }
    }
}

/// A part of a message that is not cut.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    /// What it costs.
    parts: usize,
}

struct Cutter<'a> {
    /// In parts of tokens.
    shape: Shape,
    messages: &'a [Said<'a>],
    /// The chunk that may take more; its `tokens` are parts until it is closed.
    open: Option<Chunk>,
    chunks: Vec<Chunk>,
}

impl Cutter<'_> {
    fn add(&mut self, place: usize, pieces: &[Piece]) {
        let mut rest: usize = pieces.iter().map(|piece| piece.parts).sum();
        if self.open.is_some_and(|open| !self.takes(&open, rest)) {
            self.close();
        }
        let most = self.shape.target + self.shape.slack;
        for (number, piece) in pieces.iter().enumerate() {
            let is_full = |open: Chunk| open.tokens + piece.parts > self.shape.target && open.tokens + rest > most;
            let mut from = number;
            if self.open.is_some_and(is_full) {
                let begins_here = self.open.is_some_and(|open| open.first == place);
                self.close();
                from = self.repeated(&pieces[..number], begins_here);
            }
            let repeated: usize = pieces[from..number].iter().map(|piece| piece.parts).sum();
            let Said { role, at, .. } = self.messages[place];
            let start = pieces[from].start;
            let new = Chunk { first: place, start, last: place, end: start, role, at, tokens: repeated };
            let open = self.open.get_or_insert(new);
            open.last = place;
            open.end = piece.end;
            open.tokens += piece.parts;
            rest -= piece.parts;
        }
    }

    /// Whether a chunk takes a message that costs `parts`, or its beginning.
    fn takes(&self, open: &Chunk, parts: usize) -> bool {
        let fits = open.tokens + parts <= self.shape.target;
        open.tokens < if fits { self.shape.packed } else { self.shape.question }
    }

    /// From which of these pieces on a chunk repeats them, the last of which the
    /// chunk before it ends with. Never all that the chunk before has.
    fn repeated(&self, pieces: &[Piece], is_all_of_chunk: bool) -> usize {
        let mut left = self.shape.overlap;
        let mut from = pieces.len();
        while from > usize::from(is_all_of_chunk) && pieces[from - 1].parts <= left {
            from -= 1;
            left -= pieces[from].parts;
        }
        from
    }

    fn close(&mut self) {
        let Some(mut chunk) = self.open.take() else { return };
        let text = &self.messages[chunk.last].text[..chunk.end];
        chunk.end = text.trim_end().len();
        // What is blank before it is not in the chunk.
        let text = &self.messages[chunk.first].text[chunk.start..];
        chunk.start += text.len() - text.trim_start().len();
        chunk.tokens = chunk.tokens.div_ceil(tokens::PARTS);
        self.chunks.push(chunk);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(texts: &[String]) -> Vec<Said<'_>> {
        let role = |place| if place % 2 == 0 { Role::Human } else { Role::Assistant };
        texts.iter().enumerate().map(|(place, text)| Said { role: role(place), at: Some(Micros(0)), text }).collect()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let messages = said(&texts);
        Shape::default().chunks(&messages).iter().map(|chunk| chunk.text(&messages)).collect()
    }

    /// This many sentences of eleven tokens or so.
    fn sentences(name: &str, count: usize) -> String {
        let sentences: Vec<String> =
            (0..count).map(|n| format!("In {name} this is the number {n} of all sentences.")).collect();
        sentences.join(" ")
    }

    #[test]
    fn a_short_question_has_the_beginning_of_its_answer() {
        let answer = sentences("answers", 60);
        let chunks = texts(&["Why?", &answer, "Thanks!"]);
        assert!(chunks[0].starts_with("Why?\nIn answers this is the number 0 of"), "{}", chunks[0]);
        assert!(chunks.len() > 2);
        assert!(chunks.iter().all(|chunk| chunk.ends_with('.') || chunk.ends_with('!')));
    }

    #[test]
    fn short_messages_share_a_chunk_and_long_ones_do_not() {
        assert_eq!(texts(&["Hi", " ", "Hello!", "Bye"]), ["Hi\nHello!\nBye"]);
        let (long, longer) = (sentences("a", 18), sentences("b", 20));
        assert_eq!(texts(&[&long, &longer]), [long, longer]);
    }

    #[test]
    fn the_last_sentence_is_repeated_in_the_next_chunk_of_a_message() {
        let chunks = texts(&[&sentences("books", 40)]);
        for pair in chunks.windows(2) {
            let next = pair[1].split_inclusive('.').next().expect("has a sentence");
            assert!(pair[0].contains(next), "{pair:?}");
        }
    }

    #[test]
    fn a_text_without_borders_is_cut_all_the_same() {
        let chunks = texts(&[&"a".repeat(50_000), &"漢".repeat(5_000), &" ".repeat(50_000)]);
        assert!(chunks.len() > 20);
        assert!(chunks.iter().all(|chunk| tokens::count(chunk) <= 320));
    }

    fn message() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,60}",
            "( |[a-zA-Z]{1,8}|[a-z]{1,6}\\. |\n|。|é){0,300}",
            (0..60_usize).prop_map(|count| sentences("tests", count)),
            "[a-z]{0,3000}",
        ]
    }

    /// The text from one place, of a message and a byte, up to another.
    fn between(texts: &[String], from: (usize, usize), to: (usize, usize)) -> String {
        let bytes =
            texts.iter().enumerate().flat_map(|(place, text)| text.char_indices().map(move |(at, c)| ((place, at), c)));
        bytes.filter(|(at, _)| (from..to).contains(at)).map(|(_, c)| c).collect()
    }

    fn conversation() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(message(), 0..12)
    }

    proptest! {
        #[test]
        fn appending_messages_changes_only_the_last_chunk(texts in conversation(), more in conversation()) {
            let all: Vec<String> = texts.iter().chain(&more).cloned().collect();
            let before = Shape::default().chunks(&said(&texts));
            let after = Shape::default().chunks(&said(&all));
            let kept = before.len().saturating_sub(1);
            prop_assert_eq!(&before[..kept], &after[..kept]);
            prop_assert!(after.len() >= before.len());
            prop_assert_eq!(&before, &Shape::default().chunks(&said(&texts)));
        }

        #[test]
        fn every_word_is_in_a_chunk_and_none_is_too_large(texts in conversation()) {
            let messages = said(&texts);
            let shape = Shape::default();
            let chunks = shape.chunks(&messages);
            let mut covered = (0, 0);
            for chunk in &chunks {
                prop_assert!(chunk.tokens <= shape.target + shape.slack);
                // Trimming and line breaks between messages move the count a little.
                let exact = tokens::count(&chunk.text(&messages));
                prop_assert!(exact <= shape.target + shape.slack + 2 * (chunk.last - chunk.first + 1));
                prop_assert_eq!((chunk.role, chunk.at), (messages[chunk.first].role, messages[chunk.first].at));
                prop_assert!((chunk.first, chunk.start) < (chunk.last, chunk.end));
                prop_assert!(covered < (chunk.last, chunk.end));
                // Between what is covered and where this begins there is nothing but white space.
                prop_assert!(between(&texts, covered, (chunk.first, chunk.start)).trim().is_empty());
                covered = (chunk.last, chunk.end);
            }
            prop_assert!(between(&texts, covered, (texts.len(), 0)).trim().is_empty());
        }
    }
}
