//! Which format a file is of, and reading it as that.

use std::io::{self, Read};
use std::ops::ControlFlow;

use serde::de::IgnoredAny;

use super::format::{Format, Layout, Place, Sink};
use super::json::parse;
use super::stream::{self, Answer, Piece};
use super::{FORMATS, Item, Limits};

/// A file that can be read from its beginning as often as needed.
pub trait Reopen {
    /// Begins.
    ///
    /// # Errors
    /// The storage's, or a limit on what is unpacked.
    fn open(&mut self) -> io::Result<Box<dyn Read + '_>>;
}

/// How many parts of a file are looked at before it counts as none of the formats. Sessions can begin with hundreds
/// of lines that say nothing.
const TRIES: usize = 1000;

/// How much of a file is looked at to see whether it is text.
const HEAD: usize = 4096;

/// The format of a file and how it is cut, told from what is in it; `None` if it is none of those known.
///
/// # Errors
/// Of reading.
pub fn detect(file: &mut dyn Reopen, limits: &Limits) -> io::Result<Option<(&'static Format, Layout)>> {
    let mut head = Vec::new();
    file.open()?.take(HEAD as u64).read_to_end(&mut head)?;
    // Pictures and sound are most of what is in some archives. JSON can have zeros where a file was written and the
    // machine stopped.
    let is_json = matches!(begin(&head), [b'[' | b'{', ..]);
    if (head.contains(&0) && !is_json) || head.trim_ascii().is_empty() {
        return Ok(None);
    }
    let layouts = || FORMATS.iter().flat_map(|format| format.layouts.iter().map(move |&layout| (*format, layout)));
    let claims = |part: &[u8], layout: Layout| layouts().find(|&(format, own)| own == layout && (format.is)(part));

    let mut found = None;
    let look = |found: &mut Option<_>, piece: Piece<'_>, layout: Layout, tries: &mut usize| {
        *tries += 1;
        let Ok(part) = piece.bytes else { return Answer::Next };
        *found = claims(part, layout);
        if found.is_some() || *tries >= TRIES {
            Answer::Stop
        } else if parse::<IgnoredAny>(part, &mut Vec::new()).is_ok() {
            Answer::Next
        } else {
            Answer::Broken
        }
    };
    if is_json {
        let paths = distinct(layouts().filter_map(|(_, layout)| layout.path()));
        let mut tries = 0;
        let mut each = |piece: Piece<'_>| {
            let layout = Layout::Array(piece.at);
            look(&mut found, piece, layout, &mut tries)
        };
        // The first element can be broken, so that it seems to enclose all others.
        let known = |part: &[u8]| layouts().any(|(format, layout)| layout.path().is_some() && (format.is)(part));
        stream::elements(&mut file.open()?, &paths, limits.part, &known, &mut each)?;
    }
    for separator in distinct(layouts().filter_map(|(_, layout)| layout.separator())) {
        if found.is_none() {
            let mut tries = 0;
            let mut each = |piece: Piece<'_>| look(&mut found, piece, Layout::Split(separator), &mut tries);
            stream::split(&mut file.open()?, separator, limits.part, &mut each)?;
        }
    }
    if found.is_some() {
        return Ok(found);
    }
    if layouts().any(|(_, layout)| layout == Layout::Whole) {
        let whole = stream::whole(&mut file.open()?, limits.part)?;
        return Ok(whole.and_then(|part| claims(&part, Layout::Whole)));
    }
    Ok(None)
}

/// What a text begins with, after what says nothing.
fn begin(head: &[u8]) -> &[u8] {
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    &head[head.iter().position(|byte| *byte != 0).unwrap_or(head.len())..]
}

fn distinct(texts: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Reads a file of this format.
///
/// # Errors
/// Of reading. What was read before has been given.
pub fn read(
    file: &mut dyn Reopen,
    name: &str,
    (format, layout): (&'static Format, Layout),
    limits: &Limits,
    sink: &mut Sink<'_>,
) -> io::Result<ControlFlow<()>> {
    let mut parts = (format.start)();
    let mut flow = ControlFlow::Continue(());
    let mut each = |piece: Piece<'_>| {
        let index = (layout != Layout::Whole).then_some(piece.index);
        let place = Place { file: name, index, offset: piece.offset };
        let mut broken = false;
        flow = match piece.bytes {
            Ok(part) => parts.part(part, place, &mut |item| {
                broken |= matches!(item, Item::Failed { .. });
                sink(item)
            }),
            Err(damage) => sink(place.failed(damage)),
        };
        match flow {
            ControlFlow::Break(()) => Answer::Stop,
            ControlFlow::Continue(()) if broken => Answer::Broken,
            ControlFlow::Continue(()) => Answer::Next,
        }
    };
    match layout {
        Layout::Array(path) => stream::elements(&mut file.open()?, &[path], limits.part, &format.is, &mut each)?,
        Layout::Split(separator) => stream::split(&mut file.open()?, separator, limits.part, &mut each)?,
        Layout::Whole => {
            let whole = stream::whole(&mut file.open()?, limits.part)?;
            let bytes = whole.as_deref().ok_or(stream::Damage::TooLarge(limits.part));
            each(Piece { at: "", index: 0, offset: 0, bytes });
        }
    }
    if flow.is_continue() {
        flow = parts.end(name, sink);
    }
    Ok(flow)
}
