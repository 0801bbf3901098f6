//! Members of messages that many tools write in the same few forms: what is said,
//! and which files go with it.

use serde::Deserialize;

use super::json::{Either, Str};

/// What a message says: a string, or a list of blocks.
pub type Content<'a> = Either<'a, Block<'a>>;

/// A block of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Block<'a> {
    /// What it is.
    #[serde(borrow, rename = "type")]
    pub kind: Str<'a>,
    /// The text in it: a string, or an object with a `value`.
    pub text: Either<'a, Inner<'a>>,
}

/// A text in an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Inner<'a> {
    /// The text.
    #[serde(borrow)]
    pub value: Str<'a>,
}

/// Names of files: a name, an object with a name, or a list of these.
pub type Names<'a> = Either<'a, Name<'a>>;

/// A file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Name<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    filename: Str<'a>,
    #[serde(rename = "fileName")]
    file_name: Str<'a>,
}

impl Content<'_> {
    /// Its blocks, with their text; those of bare strings are of the kind `text`.
    #[must_use]
    pub fn blocks(&self) -> Vec<(&str, &str)> {
        let mut blocks = Vec::new();
        self.collect(&mut blocks);
        blocks
    }

    fn collect<'b>(&'b self, blocks: &mut Vec<(&'b str, &'b str)>) {
        match self {
            Self::Text(text) => blocks.push(("text", text)),
            Self::Object(block) => blocks.push((
                &block.kind,
                match &block.text {
                    Either::Text(text) => text,
                    Either::Object(inner) => &inner.value,
                    Either::List(_) | Either::Other => "",
                },
            )),
            Self::List(list) => list.iter().for_each(|one| one.collect(blocks)),
            Self::Other => {}
        }
    }

    /// The text of the blocks of these kinds, a blank line between them.
    #[must_use]
    pub fn text(&self, kinds: &[&str]) -> String {
        let blocks = self.blocks().into_iter().filter(|(kind, _)| kinds.contains(kind));
        let texts = blocks.map(|(_, text)| text.trim()).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join("\n\n")
    }
}

impl Names<'_> {
    /// The names that are not empty.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Text(name) => Some(name.trim().to_owned()).filter(|name| !name.is_empty()).into_iter().collect(),
            Self::Object(file) => {
                let all = [&file.name, &file.filename, &file.file_name];
                all.into_iter().map(|name| name.trim().to_owned()).find(|name| !name.is_empty()).into_iter().collect()
            }
            Self::List(list) => list.iter().flat_map(Self::names).collect(),
            Self::Other => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Names};

    #[test]
    fn content_is_a_string_or_blocks_of_kinds() {
        let text = |json: &str| serde_json::from_str::<Content<'_>>(json).unwrap().text(&["text"]);
        assert_eq!(text(r#""a""#), "a");
        assert_eq!(text(r#"{"type":"text","text":"a"}"#), "a");
        assert_eq!(text("null"), "");
        let blocks = r#"[{"type":"text","text":"a"},null,{"type":"think","text":"x"},"b",
            {"type":"text","text":{"value":"c"}},{"type":"text","text":[1]},{"text":"no kind"},3]"#;
        assert_eq!(text(blocks), "a\n\nb\n\nc");
    }

    #[test]
    fn files_are_named_in_any_form() {
        let names = |json: &str| serde_json::from_str::<Names<'_>>(json).unwrap().names();
        let list = r#"["a.pdf", {"name": "b.png", "id": 3}, {"fileName": "c"}, {"filename": "d"}, {}, null, 4, " "]"#;
        assert_eq!(names(list), ["a.pdf", "b.png", "c", "d"]);
        assert_eq!(names(r#""a.pdf""#), ["a.pdf"]);
        assert!(names("null").is_empty());
    }
}
