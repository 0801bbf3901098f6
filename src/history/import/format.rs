//! What a format is to the rest: how its files are cut into parts, how a part of
//! it is told from one of another format, and what reads the parts.
//!
//! To add a format, write a module with a `pub const FORMAT: Format` (or several,
//! where a tool has several kinds of files) and add it to [`super::FORMATS`].

use std::fmt;
use std::ops::ControlFlow;

use super::Item;

/// Takes what is found; `Break` asks to stop.
pub type Sink<'a> = dyn FnMut(Item) -> ControlFlow<()> + 'a;

/// A format of exports.
#[derive(Debug)]
pub struct Format {
    /// The platform, as conversations are filed under: `chatgpt`.
    pub platform: &'static str,
    /// Its name for people, and the kind of file: `ChatGPT (conversations.json)`.
    pub name: &'static str,
    /// How a file of it can be cut. The first that yields a part which [`is`](Self::is) holds for is taken.
    pub layouts: &'static [Layout],
    /// Whether a part is of this format. Given the first parts of a file until one is recognised, so it must be
    /// quick, and strict enough that no two formats claim the same part (where they could, the earlier of
    /// [`super::FORMATS`] has it). The bytes can be damaged: answer `false` then.
    pub is: fn(&[u8]) -> bool,
    /// Begins reading one file.
    pub start: fn() -> Box<dyn Parts>,
}

/// How a file is cut into parts, each of which is held in memory as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// JSON; the parts are the elements of the array under this path of keys:
    /// `""` is the array at the top, `"data.chats"` the one in `{"data": {"chats": […]}}`.
    Array(&'static str),
    /// Text; the parts are what is between these bytes: `"\n"` for JSON Lines (`\r` is cut off there).
    /// Parts of white space only are left out.
    Split(&'static str),
    /// The file is one part.
    Whole,
}

impl Layout {
    pub(super) fn path(self) -> Option<&'static str> {
        if let Self::Array(path) = self { Some(path) } else { None }
    }

    pub(super) fn separator(self) -> Option<&'static str> {
        if let Self::Split(separator) = self { Some(separator) } else { None }
    }
}

/// Reads the parts of one file.
pub trait Parts {
    /// Reads one part and gives what it finds to the sink. A part that can't be read is an [`Item::Failed`], never
    /// a panic. Use [`super::json::parse`], which forgives broken text.
    ///
    /// # Errors
    /// None; `Break` is what the sink answered.
    fn part(&mut self, part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()>;

    /// The file is at its end: gives what could only be known now.
    fn end(&mut self, _file: &str, _sink: &mut Sink<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Formats whose parts stand each for itself are read by a plain function.
impl<F: FnMut(&[u8], Place<'_>, &mut Sink<'_>) -> ControlFlow<()>> Parts for F {
    fn part(&mut self, part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        self(part, place, sink)
    }
}

/// Where a part is; written as `conversations.json[17]`.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file's name inside of the export, for people only.
    pub file: &'a str,
    /// The number of the part in the file, from 0; `None` if the file is one part.
    pub index: Option<u64>,
    /// Bytes before it in the file.
    pub offset: u64,
}

impl Place<'_> {
    /// The place with the id of what is there, if it is known.
    #[must_use]
    pub fn with_id(&self, id: &str) -> String {
        if id.is_empty() { self.to_string() } else { format!("{self} ({id})") }
    }

    /// An [`Item::Failed`] here.
    #[must_use]
    pub fn failed(&self, why: impl fmt::Display) -> Item {
        let why = why.to_string();
        // Where the form is wrong, serde quotes what it met, however long and private.
        let why = match why.rfind(" at line ") {
            Some(at) if why.starts_with("invalid ") && why.contains('"') => {
                format!("it is not of the form that it should be{}", &why[at..])
            }
            _ => why,
        };
        Item::Failed { place: format!("{self} at byte {}", self.offset), why }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}
