//! Coding agents put text of their own into the person's messages, between tags.

/// Takes out `<name …>…</name>` for each of the names. A tag that isn't closed stays: it may be the person's own.
#[must_use]
pub fn without(text: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        match names.iter().find_map(|name| length(from, name)) {
            Some(length) => rest = &from[length..],
            None => {
                out.push('<');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// What stands in the first `<name>…</name>`.
#[must_use]
pub fn inside<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let open = format!("<{name}>");
    let start = text.find(&open)? + open.len();
    let length = text[start..].find(&format!("</{name}>"))?;
    Some(text[start..start + length].trim())
}

/// How long the element of this name is that begins here.
fn length(text: &str, name: &str) -> Option<usize> {
    let after = text.strip_prefix('<')?.strip_prefix(name)?;
    if !after.starts_with(['>', ' ', '\n']) {
        return None;
    }
    let close = format!("</{name}>");
    Some(text.find(&close)? + close.len())
}

#[cfg(test)]
mod tests {
    use super::{inside, without};

    #[test]
    fn named_elements_are_taken_out_and_all_else_stays() {
        let names = ["note", "a b"];
        assert_eq!(without("<note>x</note>keep <note id=\"1\">\ny</note> this <b>", &names), "keep  this <b>");
        assert_eq!(without("<notes>x</notes> why <note>?", &names), "<notes>x</notes> why <note>?");
        assert_eq!(without("<a b>x</a b>é<", &names), "é<");
        assert_eq!(inside("a<note> x </note>", "note"), Some("x"));
        assert_eq!(inside("a<note> x", "note"), None);
    }
}
