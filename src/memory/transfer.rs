//! Bringing memories into the server, as JSON, CSV or text.
//!
//! What [`super::export`] writes, [`parse`] reads. Reading is tolerant: of JSON it
//! also takes a bare list of texts or of objects, of CSV any order of columns,
//! of text any list with or without bullets.

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::Value as Json;

use super::ops::{NewMemory, create_in};
use super::{Memory, MemoryText, check_source};
use crate::app::App;
use crate::auth::{self, Caller, Scope};
use crate::bucket::{self, BucketName, BucketRef};
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, BucketId};
use crate::search::Embedding;

/// A form of export and import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An object with `buckets` and `memories`.
    Json,
    /// One row for each memory, with a header.
    Csv,
    /// A list with a dash before each memory.
    Text,
}

impl Format {
    /// The format of this name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any but `json`, `csv` and `text`.
    pub fn named(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "text" | "txt" => Ok(Self::Text),
            _ => Err(Error::invalid("The format is one of json, csv and text.")),
        }
    }

    /// The media type of such a file, and how its name ends.
    #[must_use]
    pub fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application/json", "json"),
            Self::Csv => ("text/csv; charset=utf-8", "csv"),
            Self::Text => ("text/plain; charset=utf-8", "txt"),
        }
    }
}

/// A memory as read from a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Its text, not checked yet.
    pub text: String,
    /// The name of its bucket; General without it.
    pub bucket: Option<String>,
    /// Which tool it comes from.
    pub source: Option<String>,
    /// When it was stored, as written.
    pub created_at: Option<String>,
}

/// Reads a file.
///
/// # Errors
/// [`Error::Invalid`], saying where it is not of the format.
pub fn parse(format: Format, body: &[u8]) -> Result<Vec<Item>> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Error::invalid(format!("The file is not UTF-8 text at byte {}; save it as UTF-8.", error.valid_up_to()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Json => parse_json(text),
        Format::Csv => parse_csv(text),
        Format::Text => Ok(parse_text(text)),
    }
}

/// Reads what may be an export of this program, as JSON or CSV, and says of which form it is; `None` if it is none.
/// This asks for more than [`parse`] does, for which somebody has said that a file holds memories: much else is a list
/// of objects with `content`.
#[must_use]
pub fn parse_own(body: &[u8]) -> Option<(&'static str, Vec<Item>)> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        // An object is read for its list 'memories' alone.
        let items = parse_json(text).ok().filter(|items| !items.is_empty())?;
        return Some(("commonplace (JSON)", items));
    }
    let (_, header) = csv_of(text).ok()?;
    let has = |column: &str| header.iter().any(|name| name == column);
    let is_own = has("text") && (has("bucket") || has("createdat"));
    Some(("commonplace (CSV)", is_own.then(|| parse_csv(text).ok())??))
}

fn parse_json(text: &str) -> Result<Vec<Item>> {
    let json: Json =
        serde_json::from_str(text).map_err(|error| Error::invalid(format!("The file is not JSON: {error}.")))?;
    let list = match json {
        Json::Array(list) => list,
        Json::Object(mut object) => match object.remove("memories") {
            Some(Json::Array(list)) => list,
            _ => return Err(Error::invalid("The JSON object has no list 'memories'.")),
        },
        _ => return Err(Error::invalid("The JSON is neither a list of memories nor an object with 'memories'.")),
    };
    list.into_iter().enumerate().map(|(index, item)| json_item(index + 1, item)).collect()
}

fn json_item(position: usize, item: Json) -> Result<Item> {
    let mut object = match item {
        Json::String(text) => return Ok(Item { text, ..Item::default() }),
        Json::Object(object) => object,
        _ => return Err(Error::invalid(format!("Memory {position} is neither a text nor an object."))),
    };
    let mut field = |names: &[&str]| names.iter().find_map(|name| object.remove(*name).filter(|v| !v.is_null()));
    let text = |value: Option<Json>, name: &str| match value {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::invalid(format!("The field '{name}' of memory {position} is not a text."))),
    };
    Ok(Item {
        text: text(field(&["text", "memory", "content"]), "text")?
            .ok_or_else(|| Error::invalid(format!("Memory {position} has no field 'text'.")))?,
        bucket: text(field(&["bucket", "bucketName"]), "bucket")?,
        source: text(field(&["source"]), "source")?,
        created_at: text(field(&["createdAt", "created_at"]), "createdAt")?,
    })
}

#[derive(Deserialize)]
struct CsvRow {
    #[serde(alias = "memory", alias = "content")]
    text: String,
    #[serde(default, alias = "bucketName", alias = "bucketname")]
    bucket: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default, alias = "created_at", alias = "createdAt")]
    createdat: Option<String>,
}

/// A reader that stands after the names of the columns, and these, in lower case.
fn csv_of(text: &str) -> csv::Result<(csv::Reader<&[u8]>, csv::StringRecord)> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers()?.iter().map(|name| name.trim().to_lowercase()).collect();
    Ok((reader, header))
}

fn parse_csv(text: &str) -> Result<Vec<Item>> {
    let bad = |error: csv::Error| Error::invalid(format!("The file is not CSV with a column 'text': {error}."));
    let (mut reader, header) = csv_of(text).map_err(bad)?;
    if !header.iter().any(|name| ["text", "memory", "content"].contains(&name)) {
        return Err(Error::invalid("The file is not CSV with a column 'text'; its first line must name the columns."));
    }
    reader.set_headers(header);
    let row = |row: csv::Result<CsvRow>| {
        let row = row.map_err(bad)?;
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        Ok(Item {
            text: row.text,
            bucket: given(row.bucket),
            source: given(row.source),
            created_at: given(row.createdat),
        })
    };
    reader.deserialize().map(row).collect()
}

fn parse_text(text: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let indented = line.strip_prefix("  ").or_else(|| line.strip_prefix('\t'));
        match (indented, items.last_mut()) {
            (Some(more), Some(last)) if open => {
                last.text.push('\n');
                last.text.push_str(more);
            }
            // Blank lines inside a memory are written as two spaces; a bare one ends it.
            _ if line.trim().is_empty() => open = false,
            _ => {
                let line = line.trim_start();
                let bullet = ["- ", "* ", "• "].iter().find_map(|bullet| line.strip_prefix(bullet));
                items.push(Item { text: bullet.unwrap_or(line).to_owned(), ..Item::default() });
                open = true;
            }
        }
    }
    items
}

/// Writes a memory as [`Format::Text`] has it.
pub fn write_text(out: &mut String, memory: &Memory) {
    for (index, line) in memory.text.split('\n').enumerate() {
        out.push_str(if index == 0 { "- " } else { "  " });
        out.push_str(line);
        out.push('\n');
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Memories stored.
    pub created: usize,
    /// Memories that were there already.
    pub duplicates: usize,
    /// Memories refused: their place in the file, from 1, and why.
    pub failed: Vec<(usize, String)>,
}

/// How many memories are stored in one transaction.
const BATCH: usize = 500;

/// Stores memories, making the buckets that are not there. Running it again
/// changes nothing, so an interrupted import is simply repeated.
///
/// # Errors
/// [`Error::Forbidden`] without the scope `write`; a failing storage. What was
/// stored until then stays.
pub async fn import(app: &App, caller: &Caller, items: Vec<Item>, bucket: Option<BucketId>) -> Result<Imported> {
    caller.require(Scope::Write)?;
    let mut imported = Imported::default();
    let mut batch = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match check(app, item, bucket) {
            Ok(new) => batch.push(new),
            Err(error) => imported.failed.push((index + 1, error.to_string())),
        }
        if batch.len() == BATCH {
            store(app, caller, std::mem::take(&mut batch), &mut imported).await?;
        }
    }
    store(app, caller, batch, &mut imported).await?;
    Ok(imported)
}

fn check(app: &App, item: Item, bucket: Option<BucketId>) -> Result<NewMemory> {
    let created_at = item.created_at.map(|text| {
        Micros::parse(&text)
            .ok_or_else(|| Error::invalid("'createdAt' is not a date such as 2026-07-26 or 2026-07-26T10:00:00Z."))
    });
    let bucket = match (bucket, item.bucket) {
        (Some(id), _) => Some(BucketRef::Id(id)),
        (None, Some(name)) => Some(BucketRef::Name(BucketName::new(&name)?.as_str().to_owned())),
        (None, None) => None,
    };
    Ok(NewMemory {
        text: MemoryText::new(item.text, app.config.max_text_chars)?,
        bucket,
        source: check_source(item.source)?,
        created_at: created_at.transpose()?,
    })
}

async fn store(app: &App, caller: &Caller, batch: Vec<NewMemory>, imported: &mut Imported) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let search = app.search.clone();
    // Of large texts it takes long enough to keep other requests from their turn.
    let embed = move || batch.into_iter().map(|new| (search.embed(new.text.as_str()), new)).collect();
    let batch: Vec<(Embedding, NewMemory)> = tokio::task::spawn_blocking(embed).await.map_err(Error::internal)?;
    let args = (caller.account, batch, app.clock.now());
    let (created, duplicates) =
        app.db.write(args, |tx, (account, batch, now)| store_in(tx, *account, batch, *now).boxed()).await?;
    app.search.is_waiting();
    imported.created += created;
    imported.duplicates += duplicates;
    Ok(())
}

async fn store_in(
    tx: &mut Tx,
    account: AccountId,
    batch: &[(Embedding, NewMemory)],
    now: Micros,
) -> Result<(usize, usize)> {
    auth::advance(tx, account, 1).await?;
    let (mut created, mut duplicates) = (0, 0);
    for (embedding, new) in batch {
        if let Some(BucketRef::Name(name)) = &new.bucket {
            bucket::ops::ensure(tx, account, name, now).await?;
        }
        if create_in(tx, account, new, embedding, now).await?.duplicate {
            duplicates += 1;
        } else {
            created += 1;
        }
    }
    Ok((created, duplicates))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(format: Format, body: &str) -> Vec<String> {
        parse(format, body.as_bytes()).expect("parses").into_iter().map(|item| item.text).collect()
    }

    #[test]
    fn text_lists_are_read_with_and_without_bullets() {
        assert_eq!(texts(Format::Text, "- a\n  more\n\n* b\nc\n\n  d"), ["a\nmore", "b", "c", "d"]);
    }

    #[test]
    fn what_is_written_as_text_is_read_back() {
        let text = "2026-07-26\n\nFirst - line\n  indented\n- dash";
        let memory = Memory {
            id: String::new(),
            bucket_id: BucketId(1),
            bucket_name: String::new(),
            text: text.to_owned(),
            source: None,
            content_type: "text".to_owned(),
            version: 1,
            created_at: Micros(0),
            updated_at: Micros(0),
        };
        let mut out = String::new();
        write_text(&mut out, &memory);
        write_text(&mut out, &memory);
        assert_eq!(texts(Format::Text, &out), [text, text]);
    }

    #[test]
    fn json_is_taken_in_all_its_forms_and_refused_by_position() {
        assert_eq!(texts(Format::Json, r#"["a", {"text":"b"}, {"memory":"c","source":null}]"#), ["a", "b", "c"]);
        assert_eq!(texts(Format::Json, "\u{feff}{\"memories\":[\"a\"]}"), ["a"]);
        for (bad, word) in [("{}", "memories"), ("[1]", "Memory 1"), (r#"["a",{"x":1}]"#, "Memory 2"), ("[", "JSON")] {
            let message = parse(Format::Json, bad.as_bytes()).expect_err(bad).to_string();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn only_own_exports_are_taken_for_memories_unasked() {
        let form = |text: &str| parse_own(text.as_bytes()).map(|(form, items)| (form, items.len()));
        assert_eq!(
            form("{\"memories\": [{\"id\": \"a\", \"text\": \"b\", \"bucket\": \"c\"}]}"),
            Some(("commonplace (JSON)", 1))
        );
        assert_eq!(form("id,text,bucket,source,createdAt,updatedAt\na,b,c,,,\n"), Some(("commonplace (CSV)", 1)));
        assert_eq!(form(r#"{"memories": ["a", "b"]}"#), Some(("commonplace (JSON)", 2)));
        for other in [
            r#"[{"role":"user","content":"hi"}]"#,
            r#"["a", "b"]"#,
            r#"{"memories": []}"#,
            "id,author,content\n1,me,hi\n",
            "text\nhello\n",
            "",
        ] {
            assert_eq!(form(other), None, "{other}");
        }
    }

    #[test]
    fn csv_columns_stand_in_any_order() {
        let items = parse(Format::Csv, b"Source,Text,Bucket\nx,\"a\nb\",\n,c,Work\n").expect("parses");
        assert_eq!(items[0].text, "a\nb");
        assert_eq!((items[0].bucket.as_deref(), items[0].source.as_deref()), (None, Some("x")));
        assert_eq!(items[1].bucket.as_deref(), Some("Work"));
        assert!(parse(Format::Csv, b"a,b\n1,2\n").is_err());
        assert!(parse(Format::Csv, b"a,b\n").is_err());
    }
}
