//! What exports come in: a file, an archive, an archive in an archive, a folder of
//! any of these. Nothing is unpacked onto the disk, and no name in an archive is
//! taken for more than a name.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zip::ZipArchive;
use zip::result::ZipError;

use super::detect::{self, Reopen};
use super::format::Format;
use super::json::{List, Members, Object, Str, parse};
use super::memories::LIST;
use super::names::{is_attachment, last, natural};
use super::zstandard::{self, Frames};
use super::{FORMATS, Item, Limits};

/// Takes what is found, with the format of the file that it was found in; without one, it is about the archive.
pub type Each<'a> = dyn FnMut(Option<&'static Format>, Item) -> ControlFlow<()> + 'a;

/// What was read.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    /// The files that were read, by their names, and what they were taken for.
    pub files: Vec<(String, &'static Format)>,
    /// How many other files there were: pictures, settings, and what no format is known for.
    pub others: u64,
    /// Conversations, facts, what was left out on purpose, and what could not be read.
    pub conversations: u64,
    /// See `conversations`.
    pub facts: u64,
    /// See `conversations`.
    pub skipped: u64,
    /// See `conversations`.
    pub failed: u64,
}

/// Why nothing, or no more, could be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// There is no file of a known format.
    #[error("this is no export of a known format; known are: {}", known())]
    Unknown,
    /// It is an archive of a kind that is not read.
    #[error(
        "it is packed in a way that is not read here; unpack it, and import the files that were in it, or a zip of them"
    )]
    Packed,
    /// It would take too much to read it.
    #[error("{0}")]
    TooLarge(String),
    /// The archive is broken.
    #[error("the archive is cut off or damaged ({0})")]
    Archive(ZipError),
    /// The storage failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
}

/// How much any file may unpack to, in bytes, however small it is.
const LEAST_MOST: u64 = 16 << 20;

/// The longest name of a file in an archive that is kept, in bytes; others are known by their numbers.
const LONGEST_NAME: usize = 1_024;

/// The names of the formats, for a message.
#[must_use]
pub fn known() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// Reads an export at a path: a file or a folder.
///
/// # Errors
/// See [`Unreadable`]. What was found before has been given. Damage inside of a file is an [`Item::Failed`] instead.
pub fn read(path: &Path, limits: &Limits, each: &mut Each<'_>) -> Result<Summary, Unreadable> {
    let mut walk = Walk::new(limits, each);
    let flow = if path.is_dir() {
        walk.folder(path)?
    } else {
        let name = path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy());
        walk.is_alone = true;
        walk.file(&name, &mut Seekable(File::open(path)?), 2)?
    };
    walk.finish(flow)
}

/// Reads an export from what can be read and moved about in.
///
/// # Errors
/// As of [`read`].
pub fn read_from<R: Read + Seek>(
    reader: R,
    name: &str,
    limits: &Limits,
    each: &mut Each<'_>,
) -> Result<Summary, Unreadable> {
    let mut walk = Walk::new(limits, each);
    walk.is_alone = true;
    let flow = walk.file(name, &mut Seekable(reader), 2)?;
    walk.finish(flow)
}

struct Seekable<R>(R);

impl<R: Read + Seek> Reopen for Seekable<R> {
    fn open(&mut self) -> io::Result<Box<dyn Read + '_>> {
        self.0.rewind()?;
        Ok(Box::new(&mut self.0))
    }
}

/// A file in an archive.
struct Member<'a, R> {
    archive: &'a mut ZipArchive<R>,
    index: usize,
    limits: &'a Limits,
    /// Bytes that may still be unpacked, of all files together.
    left: &'a Cell<u64>,
}

impl<R: Read + Seek> Reopen for Member<'_, R> {
    fn open(&mut self) -> io::Result<Box<dyn Read + '_>> {
        let file = self.archive.by_index(self.index)?;
        let most = file.compressed_size().saturating_mul(self.limits.ratio).max(LEAST_MOST);
        Ok(Box::new(Guarded { reader: file, most, left: self.left }))
    }
}

/// Reads up to a limit of its own and one shared with others; an error beyond.
struct Guarded<'a, R> {
    reader: R,
    most: u64,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        match (self.most.checked_sub(read as u64), self.left.get().checked_sub(read as u64)) {
            (Some(most), Some(left)) => {
                self.most = most;
                self.left.set(left);
                Ok(read)
            }
            (_, None) => {
                self.left.set(0);
                Err(io::Error::other("the archive unpacks to more than is allowed"))
            }
            (None, _) => Err(io::Error::other("it unpacks to far more than any text does")),
        }
    }
}

/// A file that is compressed by itself, as Codex does it with its older sessions.
struct Compressed<'a> {
    file: &'a mut dyn Reopen,
    most: u64,
    left: &'a Cell<u64>,
}

impl<'a> Compressed<'a> {
    /// Of a file of so many bytes.
    fn new(file: &'a mut dyn Reopen, size: u64, limits: &Limits, left: &'a Cell<u64>) -> Self {
        Self { file, most: size.saturating_mul(limits.ratio).max(LEAST_MOST), left }
    }
}

impl Reopen for Compressed<'_> {
    fn open(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(Guarded { reader: Frames::new(self.file.open()?)?, most: self.most, left: self.left }))
    }
}

struct Walk<'a, 's> {
    limits: &'a Limits,
    each: &'a mut Each<'s>,
    summary: Summary,
    left: Cell<u64>,
    seen: u64,
    /// Whether the file is not one of many.
    is_alone: bool,
    /// The names of files without their folders, and those that a manifest names.
    names: BTreeSet<String>,
    announced: BTreeSet<(String, String)>,
}

impl<'a, 's> Walk<'a, 's> {
    fn new(limits: &'a Limits, each: &'a mut Each<'s>) -> Self {
        Self {
            limits,
            each,
            summary: Summary::default(),
            left: Cell::new(limits.unpacked),
            seen: 0,
            is_alone: false,
            names: BTreeSet::new(),
            announced: BTreeSet::new(),
        }
    }

    fn finish(mut self, flow: ControlFlow<()>) -> Result<Summary, Unreadable> {
        if flow.is_continue() {
            for (manifest, name) in std::mem::take(&mut self.announced) {
                if !self.names.contains(&name) {
                    let why = format!("it names {name}, which is not in the export");
                    if self.give(None, Item::Failed { place: manifest, why }).is_break() {
                        return Ok(self.summary);
                    }
                }
            }
            if self.summary.files.is_empty() && self.summary.failed == 0 {
                return Err(Unreadable::Unknown);
            }
        }
        Ok(self.summary)
    }

    fn give(&mut self, format: Option<&'static Format>, item: Item) -> ControlFlow<()> {
        *match item {
            Item::Conversation(_) => &mut self.summary.conversations,
            Item::Fact(_) => &mut self.summary.facts,
            Item::Skipped { .. } => &mut self.summary.skipped,
            Item::Failed { .. } => &mut self.summary.failed,
        } += 1;
        (self.each)(format, item)
    }

    /// Counts one file more.
    fn count(&mut self, name: &str) -> Result<(), Unreadable> {
        self.seen += 1;
        if self.seen > self.limits.files {
            return Err(Unreadable::TooLarge(format!("there are more than {} files", self.limits.files)));
        }
        self.names.insert(last(name).to_owned());
        Ok(())
    }

    fn folder(&mut self, top: &Path) -> Result<ControlFlow<()>, Unreadable> {
        let mut paths = Vec::new();
        let mut folders = vec![top.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // Links are not followed: they may lead out of the folder, or round in it.
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    paths.push(entry.path());
                }
                if (paths.len() + folders.len()) as u64 > self.limits.files {
                    return Err(Unreadable::TooLarge(format!("there are more than {} files", self.limits.files)));
                }
            }
        }
        // A session and the same compressed: the plain file is the newer.
        let plain: BTreeSet<PathBuf> = paths.iter().filter(|path| !is_zst(path)).cloned().collect();
        paths.retain(|path| !is_zst(path) || !plain.contains(&path.with_extension("")));
        let name = |path: &PathBuf| path.strip_prefix(top).unwrap_or(path).to_string_lossy().into_owned();
        paths.sort_by(|a, b| natural(&name(a), &name(b)));
        for path in paths {
            let place = name(&path);
            let flow = match self.file(&place, &mut Seekable(File::open(&path)?), 2) {
                Err(error @ Unreadable::Archive(_)) => self.give(None, Item::Failed { place, why: error.to_string() }),
                flow => flow?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads a file that can be an archive, which can hold archives down to a depth.
    fn file<R: Read + Seek>(
        &mut self,
        name: &str,
        file: &mut Seekable<R>,
        depth: u8,
    ) -> Result<ControlFlow<()>, Unreadable> {
        self.count(name)?;
        let magic = magic(&mut file.open()?)?;
        match magic {
            ZIP | EMPTY_ZIP => {
                self.is_alone = false;
                self.archive(name, &mut file.0, depth)
            }
            zstandard::MAGIC => {
                let size = file.0.seek(SeekFrom::End(0))?;
                let left = self.left.clone();
                let flow = self.plain(name, &mut Compressed::new(file, size, self.limits, &left));
                self.left = left;
                Ok(flow)
            }
            _ if self.is_alone && PACKED.iter().any(|begin| magic.starts_with(begin)) => Err(Unreadable::Packed),
            _ => Ok(self.plain(name, file)),
        }
    }

    fn archive(&mut self, name: &str, reader: &mut dyn ReadSeek, depth: u8) -> Result<ControlFlow<()>, Unreadable> {
        let files = entries(reader)?;
        if files > self.limits.files {
            return Err(Unreadable::TooLarge(format!("there are more than {} files", self.limits.files)));
        }
        let mut archive = ZipArchive::new(reader).map_err(Unreadable::Archive)?;
        let mut names = Vec::new();
        for index in 0..archive.len() {
            let file = archive.by_index_raw(index).map_err(Unreadable::Archive)?;
            if !file.is_dir() {
                let own = file.name().ok().filter(|name| name.len() <= LONGEST_NAME);
                let own = own.map_or_else(|| format!("#{index}"), Cow::into_owned);
                names.push((own, index, file.encrypted(), file.compression() == zip::CompressionMethod::Stored));
            }
        }
        names.sort_by(|a, b| natural(&a.0, &b.0));
        for (own, index, encrypted, stored) in names {
            let place = if depth == 2 { own } else { format!("{name}/{own}") };
            self.count(&place)?;
            let flow = if encrypted {
                self.give(None, Item::Failed { place, why: "it is encrypted".into() })
            } else {
                self.member(&place, &mut archive, index, stored, depth)?
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn member(
        &mut self,
        place: &str,
        archive: &mut ZipArchive<&mut dyn ReadSeek>,
        index: usize,
        stored: bool,
        depth: u8,
    ) -> Result<ControlFlow<()>, Unreadable> {
        let left = self.left.clone();
        let raw = archive.by_index_raw(index).map_err(Unreadable::Archive)?;
        // What an archive says of sizes need not be true.
        let size = raw.size().min(raw.compressed_size().saturating_mul(self.limits.ratio));
        drop(raw);
        let mut member = Member { archive, index, limits: self.limits, left: &left };
        let magic = match member.open().and_then(|mut file| magic(&mut file)) {
            Ok(magic) => magic,
            Err(error) => return Ok(self.give(None, Item::Failed { place: place.into(), why: error.to_string() })),
        };
        if !matches!(magic, ZIP | EMPTY_ZIP) || depth < 2 {
            let flow = if magic == zstandard::MAGIC {
                self.plain(place, &mut Compressed::new(&mut member, size, self.limits, &left))
            } else {
                self.plain(place, &mut member)
            };
            self.left = left;
            if self.left.get() == 0 {
                return Err(Unreadable::TooLarge("the archive unpacks to more than is allowed".into()));
            }
            return Ok(flow);
        }
        let inner = if stored {
            match archive.by_index_seek(index) {
                Ok(mut inner) => self.archive(place, &mut inner, depth - 1),
                Err(error) => Err(Unreadable::Archive(error)),
            }
        } else {
            match stream_whole(&mut member, self.limits.nested) {
                Ok(Some(bytes)) => self.archive(place, &mut Cursor::new(bytes), depth - 1),
                Ok(None) => Err(Unreadable::TooLarge(
                    "the archive inside of the archive is too large; unpack the outer one and import what is in it"
                        .into(),
                )),
                Err(error) => Err(error.into()),
            }
        };
        match inner {
            Err(error @ (Unreadable::Archive(_) | Unreadable::TooLarge(_) | Unreadable::Io(_)))
                if self.left.get() > 0 =>
            {
                Ok(self.give(None, Item::Failed { place: place.into(), why: error.to_string() }))
            }
            inner => inner,
        }
    }

    fn plain(&mut self, name: &str, file: &mut dyn Reopen) -> ControlFlow<()> {
        let failed =
            |error: io::Error| Item::Failed { place: name.to_owned(), why: format!("it can't be read: {error}") };
        let is_alone = self.is_alone;
        if !is_alone && is_attachment(name) {
            self.summary.others += 1;
            return ControlFlow::Continue(());
        }
        let found = match detect::detect(file, self.limits) {
            // Among many files there are notes and logs that look like a list with dates.
            Ok(Some(found)) if is_alone || found.0.name != LIST.name => found,
            Ok(_) => {
                self.summary.others += 1;
                self.manifest(name, file);
                return ControlFlow::Continue(());
            }
            Err(error) => return self.give(None, failed(error)),
        };
        self.summary.files.push((name.to_owned(), found.0));
        let limits = self.limits;
        match detect::read(file, name, found, limits, &mut |item| self.give(Some(found.0), item)) {
            Ok(flow) => flow,
            Err(error) => self.give(Some(found.0), failed(error)),
        }
    }

    /// Notes which files an export of `ChatGPT` says it consists of, if this is where it says that.
    fn manifest(&mut self, name: &str, file: &mut dyn Reopen) {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Manifest<'a> {
            #[serde(borrow)]
            logical_files: Members<'a, Object<Logical<'a>>>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Logical<'a> {
            #[serde(borrow)]
            files: List<Str<'a>>,
        }
        let Ok(Some(bytes)) = stream_whole(file, 1 << 20) else { return };
        let mut scratch = Vec::new();
        let Ok(manifest) = parse::<Manifest<'_>>(&bytes, &mut scratch) else { return };
        for (logical, files) in manifest.logical_files.0.unwrap_or_default() {
            if last(&logical).starts_with("conversations") {
                let files = files.0.unwrap_or_default().files;
                // What an archive may not hold need not be looked for, and all of it is kept.
                let most = usize::try_from(self.limits.files).unwrap_or(usize::MAX);
                let left = most.saturating_sub(self.announced.len());
                let files = files.iter().map(|file| last(file)).filter(|file| file.len() <= LONGEST_NAME);
                self.announced.extend(files.map(|file| (name.to_owned(), file.to_owned())).take(left));
            }
        }
    }
}

fn is_zst(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

/// What an archive is read from.
trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

fn stream_whole(file: &mut dyn Reopen, limit: usize) -> io::Result<Option<Vec<u8>>> {
    super::stream::whole(&mut file.open()?, limit)
}

const ZIP: [u8; 4] = *b"PK\x03\x04";
const EMPTY_ZIP: [u8; 4] = *b"PK\x05\x06";
/// How files begin that gzip, 7-Zip, RAR, xz and bzip2 made.
const PACKED: [&[u8]; 5] = [b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zX", b"BZh"];

/// What a file begins with; zeros after the end of a short one.
fn magic(file: &mut dyn Read) -> io::Result<[u8; 4]> {
    let mut begin = Vec::new();
    file.take(4).read_to_end(&mut begin)?;
    begin.resize(4, 0);
    Ok([begin[0], begin[1], begin[2], begin[3]])
}

/// How many files an archive says that it has, from its last record (APPNOTE.TXT 4.3.16, and 4.3.14 for more than
/// 65,534). It is asked before the list itself is read, which is held in memory.
fn entries(reader: &mut dyn ReadSeek) -> io::Result<u64> {
    let size = reader.seek(SeekFrom::End(0))?;
    let tail = size.min(22 + 65_535 + 20 + 56);
    reader.seek(SeekFrom::Start(size - tail))?;
    let mut bytes = Vec::new();
    reader.take(tail).read_to_end(&mut bytes)?;
    let field = |magic: &[u8; 4], at: usize, length: usize| {
        let record = memchr::memmem::rfind(&bytes, magic)?;
        let field = bytes.get(record + at..record + at + length)?;
        Some(field.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    };
    let count = field(b"PK\x05\x06", 10, 2).unwrap_or(0);
    Ok(if count == 0xFFFF { field(b"PK\x06\x06", 32, 8).unwrap_or(count) } else { count })
}

#[cfg(test)]
mod tests {
    use super::{Summary, Unreadable, read, read_from};
    use crate::history::import::zstandard::tests::compressed;
    use crate::history::import::{Item, Limits};
    use proptest::prelude::*;
    use std::io::{Cursor, Write};
    use std::ops::ControlFlow;
    use zip::CompressionMethod::{Deflated, Stored};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn archive(files: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn conversations(ids: &[&str]) -> Vec<u8> {
        let list: Vec<_> = ids
            .iter()
            .map(|id| {
                serde_json::json!({"id": id, "current_node": "a", "mapping": {"a": {"message": {"author": {"role": "user"},
                    "content": {"content_type": "text", "parts": ["hello"]}}}}})
            })
            .collect();
        serde_json::to_vec(&list).unwrap()
    }

    fn import_with(bytes: &[u8], limits: &Limits) -> (Vec<String>, Result<Summary, Unreadable>) {
        let mut seen = Vec::new();
        let summary = read_from(Cursor::new(bytes), "export", limits, &mut |_, item| {
            seen.push(match item {
                Item::Conversation(conversation) => conversation.id,
                Item::Failed { place, why } => format!("{place}: {why}"),
                other => format!("{other:?}"),
            });
            ControlFlow::Continue(())
        });
        (seen, summary)
    }

    fn import(bytes: &[u8]) -> (Vec<String>, Result<Summary, Unreadable>) {
        import_with(bytes, &Limits::default())
    }

    #[test]
    fn shards_are_read_in_their_order_and_whatever_they_are_called() {
        let (one, two, three) = (conversations(&["1"]), conversations(&["2"]), conversations(&["3"]));
        let zip = archive(
            &[
                ("x/part-10.txt", &three),
                ("x/part-9.txt", &two),
                ("x/part-1.dat", &one),
                ("user.json", b"{\"id\":\"u\"}"),
                ("p.png", b"\x89PNG\0"),
            ],
            Deflated,
        );
        let (seen, summary) = import(&zip);
        assert_eq!(seen, ["1", "2", "3"]);
        let summary = summary.unwrap();
        assert_eq!((summary.conversations, summary.others, summary.files.len()), (3, 2, 3));
        assert_eq!(summary.files[0].0, "x/part-1.dat");
    }

    #[test]
    fn a_shard_that_the_manifest_names_and_is_absent_is_reported() {
        let manifest = br#"{"version":1,"export_files":[],"logical_files":{"conversations.json":{"sharded":true,
            "files":["conversations-000.json","conversations-001.json"]},"user.json":{"files":["user.json"]}}}"#;
        let zip = archive(
            &[("conversations-000.json", &conversations(&["1"])), ("export_manifest.json", manifest)],
            Deflated,
        );
        let (seen, _) = import(&zip);
        assert_eq!(seen, ["1", "export_manifest.json: it names conversations-001.json, which is not in the export"]);
    }

    #[test]
    fn a_manifest_names_no_more_files_than_an_export_may_have() {
        let names: Vec<String> = (0..1_000).map(|number| format!("conversations-{number}.json")).collect();
        let manifest = serde_json::json!({"logical_files": {"conversations.json": {"files": names}}}).to_string();
        let bytes = archive(&[("export_manifest.json", manifest.as_bytes())], Deflated);
        let (seen, _) = import_with(&bytes, &Limits { files: 10, ..Limits::default() });
        assert_eq!(seen.len(), 10, "{seen:?}");
    }

    #[test]
    fn a_name_longer_than_any_file_has_is_not_kept() {
        let bytes = archive(&[(&"n".repeat(60_000), &conversations(&["1"]))], Stored);
        let (seen, summary) = import_with(&bytes, &Limits::default());
        assert_eq!((seen, &*summary.unwrap().files[0].0), (vec!["1".to_owned()], "#0"));
    }

    #[test]
    fn an_archive_in_an_archive_is_read_and_a_third_is_not() {
        for method in [Stored, Deflated] {
            let inner = archive(&[("conversations.json", &conversations(&["1"]))], method);
            let middle = archive(&[("inner.zip", &inner), ("more.json", &conversations(&["2"]))], method);
            assert_eq!(import(&middle).0, ["1", "2"]);
            let outer = archive(&[("middle.zip", &middle)], method);
            assert_eq!(import(&outer).0, ["2"]);
        }
    }

    #[test]
    fn a_compressed_archive_in_an_archive_over_the_limit_is_named() {
        let inner = archive(&[("conversations.json", &conversations(&["1"]))], Stored);
        let outer = archive(&[("a.zip", &inner), ("b.json", &conversations(&["2"]))], Deflated);
        let (seen, _) = import_with(&outer, &Limits { nested: 10, ..Limits::default() });
        assert_eq!(seen.len(), 2);
        assert!(seen[0].starts_with("a.zip: the archive inside"), "{seen:?}");
    }

    #[test]
    fn what_is_encrypted_is_named_and_the_rest_is_read() {
        let mut zip = archive(&[("a.json", &conversations(&["1"])), ("b.json", &conversations(&["2"]))], Deflated);
        // The first bit of the flags, in the header of the file and in the list.
        zip[6] |= 1;
        let list = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
        zip[list + 8] |= 1;
        assert_eq!(import(&zip).0, ["a.json: it is encrypted", "2"]);
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut bomb = vec![b' '; 40 << 20];
        bomb[0] = b'[';
        bomb.extend_from_slice(&conversations(&["1"])[1..]);
        let zip = archive(&[("a.json", &bomb), ("b.json", &conversations(&["2"]))], Deflated);
        let (seen, summary) = import(&zip);
        assert_eq!(seen, ["a.json: it can't be read: it unpacks to far more than any text does", "2"]);
        assert!(summary.is_ok());
        let limits = Limits { unpacked: 1 << 20, ..Limits::default() };
        assert!(matches!(import_with(&zip, &limits).1, Err(Unreadable::TooLarge(_))));
    }

    #[test]
    fn too_many_files_are_refused_before_their_list_is_read() {
        let zip = archive(&[("a", b"1"), ("b", b"2"), ("c", b"3")], Stored);
        let limits = Limits { files: 2, ..Limits::default() };
        assert!(matches!(import_with(&zip, &limits).1, Err(Unreadable::TooLarge(_))));
    }

    #[test]
    fn names_that_lead_out_of_the_archive_are_only_names() {
        let zip = archive(
            &[("../../etc/conversations.json", &conversations(&["1"])), ("/abs.json", &conversations(&["2"]))],
            Stored,
        );
        let (seen, summary) = import(&zip);
        assert_eq!(seen, ["1", "2"]);
        assert_eq!(summary.unwrap().files[0].0, "../../etc/conversations.json");
    }

    #[test]
    fn a_folder_is_read_with_the_archives_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(
            folder.path().join("sub/conversations-2.zip"),
            archive(&[("c.json", &conversations(&["2"]))], Deflated),
        )
        .unwrap();
        std::fs::write(folder.path().join("sub/conversations-1.json"), conversations(&["1"])).unwrap();
        let mut seen = Vec::new();
        let summary = read(folder.path(), &Limits::default(), &mut |format, item| {
            if let Item::Conversation(conversation) = item {
                seen.push((format.unwrap().platform, conversation.id));
            }
            ControlFlow::Continue(())
        });
        assert_eq!(seen, [("chatgpt", "1".to_owned()), ("chatgpt", "2".to_owned())]);
        assert_eq!(summary.unwrap().conversations, 2);
    }

    /// The ids of the conversations in a folder of these files, how many facts, and how many other files.
    fn in_folder(files: &[(&str, &[u8])]) -> (Vec<String>, u64, u64) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let mut seen = Vec::new();
        let summary = read(folder.path(), &Limits::default(), &mut |_, item| {
            if let Item::Conversation(conversation) = item {
                seen.push(conversation.id);
            }
            ControlFlow::Continue(())
        });
        let summary = summary.unwrap();
        (seen, summary.facts, summary.others)
    }

    #[test]
    fn a_compressed_session_is_read_unless_it_is_there_plain() {
        let session = crate::history::import::codex::tests::SAMPLE;
        let other = session.replace("\"x1\"", "\"x2\"");
        let [one, two] = [session, &other].map(|session| compressed(session.as_bytes()));
        assert_eq!(import(&one).1.unwrap().conversations, 1, "alone");
        let files: [(&str, &[u8]); 3] =
            [("2026/a.jsonl.zst", &two), ("2026/b.jsonl.zst", &one), ("2026/b.jsonl", session.as_bytes())];
        assert_eq!(in_folder(&files).0, ["x2", "x1"]);
        assert_eq!(import(&archive(&[("a.jsonl.zst", &one)], Stored)).1.unwrap().conversations, 1, "in an archive");
        let (seen, summary) = import(&one[..one.len() / 2]);
        assert!(seen[0].starts_with("export: it can't be read: ") && summary.is_ok(), "{seen:?}");
        let bomb = compressed(&vec![b'x'; 32 << 20]);
        let (seen, _) = import(&bomb);
        assert_eq!(seen, ["export: it can't be read: it unpacks to far more than any text does"]);
    }

    #[test]
    fn what_was_attached_or_looks_like_a_list_among_many_files_is_no_memory() {
        let list = b"[2025-05-02] - Likes tea.\n[2025-05-03] - Has a cat.\n";
        let mem0 = br#"{"results": [{"memory": "Likes tea", "user_id": "u"}]}"#;
        let chats = conversations(&["1"]);
        let files: [(&str, &[u8]); 6] = [
            ("conversations.json", &chats),
            ("changelog.md", list),
            ("file-a.dat", mem0),
            ("p/s/tool-results/x.txt", mem0),
            ("prod-mc-asset-server/a/content", mem0),
            ("attachments/a.blob", mem0),
        ];
        assert_eq!(in_folder(&files), (vec!["1".to_owned()], 0, 5));
        let zipped = import(&archive(&files, Deflated)).1.unwrap();
        assert_eq!((zipped.conversations, zipped.facts, zipped.others), (1, 0, 5));
        assert_eq!(import(list).1.unwrap().facts, 2);
        assert_eq!(in_folder(&[("mem0.json", mem0)]).1, 1);
    }

    #[test]
    fn an_unknown_format_names_the_known_ones() {
        for bytes in
            [&b""[..], b"hello", b"[{\"a\":1}]", b"[[[]]]", b"{}", b"\0\x01", &archive(&[("a.json", b"[]")], Deflated)]
        {
            let message = import(bytes).1.unwrap_err().to_string();
            assert!(message.contains("known are: ") && message.contains("ChatGPT (conversations.json)"), "{message}");
        }
        assert!(matches!(import(b"PK\x03\x04 nonsense").1, Err(Unreadable::Archive(_))));
    }

    #[test]
    fn reading_stops_when_asked_to() {
        let zip = archive(&[("a.json", &conversations(&["1", "2"])), ("b.json", &conversations(&["3"]))], Deflated);
        let mut seen = 0;
        let summary = read_from(Cursor::new(zip), "export", &Limits::default(), &mut |_, _| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert_eq!((seen, summary.unwrap().conversations), (1, 1));
    }

    #[test]
    fn a_broken_archive_in_a_folder_is_named_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let zip = archive(&[("conversations.json", &conversations(&["1"]))], Stored);
        std::fs::write(folder.path().join("a.zip"), &zip[..zip.len() / 2]).unwrap();
        std::fs::write(folder.path().join("b.json"), conversations(&["2"])).unwrap();
        let mut seen = Vec::new();
        let summary = read(folder.path(), &Limits::default(), &mut |_, item| {
            seen.push(match item {
                Item::Conversation(conversation) => conversation.id,
                Item::Failed { place, .. } => place,
                other => format!("{other:?}"),
            });
            ControlFlow::Continue(())
        });
        assert_eq!((seen, summary.unwrap().conversations), (vec!["a.zip".to_owned(), "2".to_owned()], 1));
    }

    #[test]
    fn what_other_programs_packed_is_told_from_what_is_unknown() {
        for begin in [&b"\x1f\x8b\x08\x00"[..], b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00", b"BZh91AY"] {
            assert!(matches!(import(begin), (_, Err(Unreadable::Packed))));
            // Beside an export it is another file.
            let zip = archive(&[("a.gz", begin), ("b.json", &conversations(&["1"]))], Stored);
            assert_eq!(import(&zip).0, ["1"]);
        }
        assert!(matches!(import(b"BZ"), (_, Err(Unreadable::Unknown))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_broken_archive_is_never_a_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut: prop::sample::Index) {
            let inner = archive(&[("d.json", &conversations(&["3"]))], Stored);
            let mut zip = archive(&[("a.json", &conversations(&["1"])), ("b.zip", &inner)], Deflated);
            for (at, byte) in changes {
                let at = at.index(zip.len());
                zip[at] = byte;
            }
            let _ = import(&zip);
            zip.truncate(cut.index(zip.len()));
            let _ = import(&zip);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = import(&bytes);
        }
    }
}
