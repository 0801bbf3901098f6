//! Adding an entry to a JSON file that belongs to someone else: it is spliced
//! into the text, so that all else stays byte for byte as it was.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::error::{Error, Result};

/// `text`, a JSON object or nothing at all, with the entry under
/// `section` and `name`, and otherwise unchanged.
pub(super) fn merged(text: &str, section: &str, name: &str, entry: &impl Serialize) -> Result<String> {
    if text.trim().is_empty() {
        return merged("{}", section, name, entry).map(|text| text + "\n");
    }
    let no_json = |error| {
        Error::invalid(format!("It is not plain JSON, which may have neither comments nor trailing commas: {error}."))
    };
    serde_json::from_str::<IgnoredAny>(text).map_err(no_json)?;
    let no_object = |what: &str| Error::invalid(format!("{what} is no JSON object."));
    let top = Object::at(text, 0).ok_or_else(|| no_object("What it holds"))?;
    let style = Style::of(text, &top);
    let Some(servers) = top.get(section) else {
        return Ok(top.with(text, section, &style.rendered(&BTreeMap::from([(name, entry)]), 1)?, &style, 1));
    };
    let servers = Object::at(text, servers.start).ok_or_else(|| no_object(&format!("Its \"{section}\"")))?;
    let rendered = style.rendered(entry, 2)?;
    let Some(old) = servers.get(name) else {
        return Ok(servers.with(text, name, &rendered, &style, 2));
    };
    let same = serde_json::from_str::<Value>(&text[old.clone()]).ok() == serde_json::to_value(entry).ok();
    let rendered = if same { &text[old.clone()] } else { rendered.as_str() };
    Ok(format!("{}{rendered}{}", &text[..old.start], &text[old.end..]))
}

/// Where the members of an object are in a text.
struct Object {
    inside: Range<usize>,
    members: Vec<(String, Range<usize>)>,
}

impl Object {
    /// The object that is the next value from `at` on, in valid JSON; nothing
    /// if that is another kind of value.
    fn at(text: &str, at: usize) -> Option<Self> {
        let start = after(text, at, '{')?;
        let (mut at, mut members) = (start, Vec::new());
        loop {
            if let Some(end) = after(text, at, '}') {
                return Some(Self { inside: start..end - 1, members });
            }
            at = skip_blanks(text, after(text, at, ',').unwrap_or(at));
            let (key, end) = value_at::<String>(text, at)?;
            at = skip_blanks(text, after(text, end, ':')?);
            let (IgnoredAny, end) = value_at(text, at)?;
            members.push((key, at..end));
            at = end;
        }
    }

    /// Where the value of `key` is; that of the last, as readers of JSON take it.
    fn get(&self, key: &str) -> Option<Range<usize>> {
        self.members.iter().rfind(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    /// The text with one more member at the end of this object.
    fn with(&self, text: &str, key: &str, value: &str, style: &Style<'_>, depth: usize) -> String {
        let line = format!("{}\"{key}\": {value}", style.line(depth));
        match self.members.last() {
            Some((_, last)) => format!("{},{line}{}", &text[..last.end], &text[last.end..]),
            None => {
                let Range { start, end } = self.inside;
                format!("{}{line}{}{}", &text[..start], style.line(depth - 1), &text[end..])
            }
        }
    }
}

/// How a file is laid out.
struct Style<'a> {
    newline: &'static str,
    indent: &'a str,
}

impl<'a> Style<'a> {
    fn of(text: &'a str, top: &Object) -> Self {
        let before = &text[..skip_blanks(text, top.inside.start)];
        let indent = before.rfind('\n').map_or("", |newline| &before[newline + 1..]);
        let indented =
            !top.members.is_empty() && indent.bytes().all(|byte| matches!(byte, b' ' | b'\t')) && !indent.is_empty();
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self { newline, indent: if indented { indent } else { "  " } }
    }

    fn line(&self, depth: usize) -> String {
        format!("{}{}", self.newline, self.indent.repeat(depth))
    }

    /// A value over several lines, as it stands `depth` objects deep.
    fn rendered(&self, value: &impl Serialize, depth: usize) -> Result<String> {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.indent.as_bytes());
        value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).map_err(Error::internal)?;
        let text = String::from_utf8(bytes).map_err(Error::internal)?;
        // A line ends between values only: within a string it is escaped.
        Ok(text.replace('\n', &self.line(depth)))
    }
}

fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t', '\r', '\n']).len()
}

/// Where the text goes on after `wanted`, if that is next.
fn after(text: &str, at: usize, wanted: char) -> Option<usize> {
    let at = skip_blanks(text, at);
    text[at..].starts_with(wanted).then(|| at + wanted.len_utf8())
}

/// The value that begins at `at`, and where it ends.
fn value_at<T: DeserializeOwned>(text: &str, at: usize) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, at + values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::connect::{Entry, NAME};

    fn entry() -> Entry {
        let headers = json!({"Authorization": "Bearer cmpl_x"});
        Entry(vec![("url", "https://m.example/api/mcp/mcp".into()), ("headers", headers)])
    }

    fn merged(text: &str, section: &str, entry: &impl Serialize) -> Result<String> {
        super::merged(text, section, NAME, entry)
    }

    #[test]
    fn the_entry_is_laid_out_as_the_file_is() {
        let file = "{\r\n\t\"z\": 1.50,\r\n\t\"mcpServers\": {\r\n\t\t\"b\": {\"a\":[ ]}\r\n\t}\r\n}";
        let wanted = "{\r\n\t\"z\": 1.50,\r\n\t\"mcpServers\": {\r\n\t\t\"b\": {\"a\":[ ]},\r\n\t\t\"commonplace\": \
            {\r\n\t\t\t\"url\": \"https://m.example/api/mcp/mcp\",\r\n\t\t\t\"headers\": {\r\n\t\t\t\t\
            \"Authorization\": \"Bearer cmpl_x\"\r\n\t\t\t}\r\n\t\t}\r\n\t}\r\n}";
        assert_eq!(merged(file, "mcpServers", &entry()).unwrap(), wanted);
    }

    #[test]
    fn what_is_not_plain_json_is_refused_with_the_place() {
        let refused = |text: &str| merged(text, "servers", &entry()).expect_err(text).to_string();
        let message = refused("{\n  // mine\n  \"servers\": {}\n}");
        assert!(message.contains("comments") && message.contains("line 2 column 3"), "{message}");
        assert!(refused("{\"servers\": {},}").contains("line 1 column 16"));
        assert!(refused("[]").contains("no JSON object"));
        assert!(refused("{\"servers\": null}").contains("\"servers\""));
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_last_counts() {
        let text = r#"{"s": {"x": 1}, "s": {"commonplace": 1, "commonplace": {"old": 2}}}"#;
        let new: Value = serde_json::from_str(&merged(text, "s", &entry()).unwrap()).unwrap();
        assert_eq!(new, json!({"s": {"commonplace": entry()}}));
    }

    fn any_object() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        let object = |inner| {
            let key = prop_oneof![Just("servers".to_owned()), Just(NAME.to_owned()), "[a-c\"\\\\{},:]{0,3}"];
            proptest::collection::hash_map(key, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect()))
        };
        let array = |inner| proptest::collection::vec(inner, 0..4).prop_map(Value::from);
        object(
            leaf.prop_recursive(3, 24, 4, move |inner| prop_oneof![2 => object(inner.clone()), 1 => array(inner)])
                .boxed(),
        )
    }

    proptest! {
        #[test]
        fn merging_sets_the_entry_and_nothing_else(file in any_object(), pretty: bool) {
            let text = if pretty { format!("{file:#}") } else { file.to_string() };
            if file.get("servers").is_some_and(|servers| !servers.is_object()) {
                prop_assert!(merged(&text, "servers", &entry()).is_err());
                return Ok(());
            }
            let new = merged(&text, "servers", &entry()).unwrap();
            let mut wanted = file.clone();
            wanted["servers"][NAME] = json!(entry());
            prop_assert_eq!(serde_json::from_str::<Value>(&new).unwrap(), wanted);
            prop_assert_eq!(&merged(&new, "servers", &entry()).unwrap(), &new);
            if file["servers"].get(NAME).is_none() {
                let head = text.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
                let tail = text.bytes().rev().zip(new.bytes().rev()).take_while(|(old, new)| old == new).count();
                prop_assert!(head + tail >= text.len(), "{} became {}", text, new);
            }
        }
    }
}
