//! Coding agents put text of their own into the person's messages, between tags.

/// Takes out `<name …>…</name>` for each of the names. A tag that isn't closed stays: it may be the person's own.
#[must_use]
pub fn without(text: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Names that no end follows any more: a text of beginnings alone is not searched to its end for each of them.
    let mut endless = Vec::new();
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        if let Some(name) = names.iter().find(|name| begins(from, name) && !endless.contains(*name)) {
            match length(from, name) {
                Some(length) => {
                    rest = &from[length..];
                    continue;
                }
                None => endless.push(name),
            }
        }
        out.push('<');
        rest = &from[1..];
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// The text without the tags of these names, but with what stands between them.
#[must_use]
pub fn unwrapped(text: &str, names: &[&str]) -> String {
    let is_tag = |text: &str| {
        let closes = |name: &&str| text.strip_prefix("</").and_then(|text| text.strip_prefix(*name));
        names.iter().any(|name| begins(text, name) || closes(name).is_some_and(|after| after.starts_with('>')))
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        rest = from;
        if is_tag(from) {
            // Without an end, neither has any that follows.
            let Some(end) = from.find('>') else { break };
            rest = &from[end + 1..];
        } else {
            out.push('<');
            rest = &from[1..];
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

/// Whether an element of this name begins here.
fn begins(text: &str, name: &str) -> bool {
    let after = text.strip_prefix('<').and_then(|text| text.strip_prefix(name));
    after.is_some_and(|after| after.starts_with(['>', ' ', '\n']))
}

/// How long the element of this name is that begins here.
fn length(text: &str, name: &str) -> Option<usize> {
    let close = format!("</{name}>");
    Some(text.find(&close)? + close.len())
}

#[cfg(test)]
mod tests {
    use super::{inside, unwrapped, without};

    #[test]
    fn named_elements_are_taken_out_and_all_else_stays() {
        let names = ["note", "a b"];
        assert_eq!(without("<note>x</note>keep <note id=\"1\">\ny</note> this <b>", &names), "keep  this <b>");
        assert_eq!(without("<notes>x</notes> why <note>?", &names), "<notes>x</notes> why <note>?");
        assert_eq!(without("<a b>x</a b>é<", &names), "é<");
        assert_eq!(inside("a<note> x </note>", "note"), Some("x"));
        assert_eq!(inside("a<note> x", "note"), None);
    }

    #[test]
    fn tags_alone_are_taken_off() {
        assert_eq!(unwrapped("<say to=\"x\">a <b>c</b></say> <said>", &["say"]), "a <b>c</b> <said>");
        assert_eq!(unwrapped("<say> a </say", &["say"]), "a </say");
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn many_elements_that_are_not_closed_are_read_once() {
        let text = "<note >".repeat(1 << 20);
        assert_eq!(without(&text, &["note", "a b"]), text);
        let text = "<note ".repeat(1 << 20);
        assert_eq!(unwrapped(&text, &["note", "a b"]), text.trim());
    }
}
