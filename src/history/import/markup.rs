//! Text of HTML, as far as assistants' answers in Google's exports use it:
//! paragraphs, lists, tables and code keep their form, and all else is its text.

/// The text of a fragment of HTML.
#[must_use]
pub fn text(html: &str) -> String {
    let mut out = Writer::default();
    let mut rest = html;
    // Elements to be skipped that don't end, so that their end is searched for once.
    let mut endless = Vec::new();
    while let Some(start) = rest.find('<') {
        out.text(&rest[..start]);
        rest = &rest[start..];
        let Tag { name, closing, end } = match tag(rest) {
            Ok(tag) => tag,
            Err(plain) => {
                out.text(&rest[..plain]);
                rest = &rest[plain..];
                continue;
            }
        };
        out.tag(&name, closing);
        let mut skipped = end;
        if !closing && matches!(name.as_str(), "script" | "style" | "head") && !endless.contains(&name) {
            match rest.find(&format!("</{name}")) {
                Some(close) => skipped = close,
                None => endless.push(name),
            }
        }
        rest = &rest[skipped..];
    }
    out.text(rest);
    out.out.trim_matches('\n').trim_end().to_owned()
}

struct Tag {
    /// Its name in lower case; of comments it is empty.
    name: String,
    closing: bool,
    /// Where it ends.
    end: usize,
}

/// The tag at the start. Where there is none, up to where the text has been seen to have none: so however many tags
/// are begun and not ended, no part of a text is looked through often.
fn tag(html: &str) -> Result<Tag, usize> {
    if let Some(comment) = html.strip_prefix("<!--") {
        let end = comment.find("-->").map_or(html.len(), |end| end + "<!---->".len());
        return Ok(Tag { name: String::new(), closing: false, end });
    }
    let after = &html[1..];
    let closing = after.starts_with('/');
    let inner = after.strip_prefix(['/', '!']).unwrap_or(after);
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(1);
    }
    let name = || inner.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let mut quote = None;
    for (at, c) in html.char_indices().skip(1) {
        match (quote, c) {
            (Some((_, open)), _) if open == c => quote = None,
            (None, '"' | '\'') if html[..at].ends_with('=') => quote = Some((at, c)),
            (None, '>') => return Ok(Tag { name: name(), closing, end: at + 1 }),
            (None, '<') => return Err(at),
            _ => {}
        }
    }
    // A quotation that doesn't end may have tags in it.
    Err(quote.map_or(html.len(), |(at, _)| at))
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Line feeds that are due before the next text.
    due: usize,
    /// Whether white space is due before the next text.
    space: bool,
    /// Open lists: the number of the next item; `None` where they are not numbered.
    lists: Vec<Option<usize>>,
    /// What begins the next line: the mark of an item.
    mark: String,
    pre: bool,
}

impl Writer {
    fn text(&mut self, html: &str) {
        let text = decode(html);
        if self.pre {
            if !text.is_empty() {
                self.begin();
                self.out.push_str(&text);
            }
            return;
        }
        for (at, word) in text.split([' ', '\n', '\t', '\r', '\u{a0}']).enumerate() {
            self.space |= at > 0;
            if !word.is_empty() {
                self.begin();
                self.out.push_str(word);
            }
        }
    }

    /// Writes what is due before text.
    fn begin(&mut self) {
        if self.due > 0 && !self.out.is_empty() {
            self.out.extend(std::iter::repeat_n('\n', self.due));
            self.space = false;
        }
        if !self.mark.is_empty() {
            self.out.push_str(&std::mem::take(&mut self.mark));
            self.space = false;
        }
        if self.space && !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
        (self.due, self.space) = (0, false);
    }

    fn lines(&mut self, due: usize) {
        self.due = self.due.max(due);
        self.space = false;
    }

    fn tag(&mut self, name: &str, closing: bool) {
        match (name, closing) {
            ("br", _) if self.pre => self.out.push('\n'),
            ("br", _) => self.lines((self.due + 1).min(2)),
            ("ul" | "ol", false) => {
                self.lines(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push((name == "ol").then_some(1));
            }
            ("ul" | "ol", true) => {
                self.lists.pop();
                self.mark.clear();
                self.lines(if self.lists.is_empty() { 2 } else { 1 });
            }
            ("li", false) => {
                self.lines(1);
                let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(8));
                self.mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{indent}{}. ", *number - 1)
                    }
                    _ => format!("{indent}- "),
                };
            }
            ("pre", false) => {
                self.lines(2);
                self.begin();
                self.out.push_str("```\n");
                self.pre = true;
            }
            ("pre", true) if self.pre => {
                if !self.out.ends_with('\n') {
                    self.out.push('\n');
                }
                self.out.push_str("```");
                self.pre = false;
                self.lines(2);
            }
            ("code", _) if !self.pre => {
                if closing {
                    self.out.push('`');
                } else {
                    self.begin();
                    self.out.push('`');
                }
            }
            // Inside of an item, its mark stands before the paragraph.
            ("p" | "div" | "blockquote" | "section", false) if !self.mark.is_empty() => {}
            ("p" | "div" | "section", _) if !self.lists.is_empty() => self.lines(1),
            ("li" | "tr" | "div" | "section", _) => self.lines(1),
            ("p" | "blockquote" | "table" | "hr" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6", _) => self.lines(2),
            ("td" | "th", true) => {
                self.begin();
                self.out.push_str(" |");
                self.space = true;
            }
            _ => {}
        }
    }
}

/// Text with its character references replaced; unknown ones stay.
#[must_use]
pub fn decode(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let reference = rest.get(1..).and_then(|after| {
            let end = after.bytes().take(12).position(|byte| byte == b';')?;
            Some((character(&after[..end])?, end + 2))
        });
        match reference {
            Some((character, end)) => {
                out.push_str(character.encode_utf8(&mut [0; 4]));
                rest = &rest[end..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    let named = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("emsp", '\u{2003}'),
        ("ensp", '\u{2002}'),
        ("thinsp", '\u{2009}'),
        ("hellip", '…'),
        ("mdash", '—'),
        ("ndash", '–'),
        ("lsquo", '‘'),
        ("rsquo", '’'),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("laquo", '«'),
        ("raquo", '»'),
        ("bull", '•'),
        ("middot", '·'),
        ("deg", '°'),
        ("times", '×'),
        ("euro", '€'),
        ("pound", '£'),
        ("copy", '©'),
        ("reg", '®'),
        ("trade", '™'),
        ("rarr", '→'),
        ("larr", '←'),
        ("shy", '\u{ad}'),
        ("zwj", '\u{200d}'),
        ("zwnj", '\u{200c}'),
    ];
    named.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, text};

    #[test]
    fn paragraphs_lists_tables_and_code_keep_their_form() {
        let html = "<h3>Plan</h3>\n<p>First <b>this</b>,<br>then&nbsp;that.</p><ul>\n<li><p>one</p></li><li>two<ol><li>a</li>\
                    <li>b</li></ol></li></ul><pre><code class=\"x\">if a &lt; b {\n  c\n}\n</code></pre><p>Use <code>x</code>.</p>\
                    <table><tr><th>k</th><th>v</th></tr><tr><td>1</td><td>2</td></tr></table>";
        assert_eq!(
            text(html),
            "Plan\n\nFirst this,\nthen that.\n\n- one\n- two\n  1. a\n  2. b\n\n```\nif a < b {\n  c\n}\n```\n\nUse `x`.\n\n\
             k | v |\n1 | 2 |"
        );
    }

    #[test]
    fn what_is_no_tag_stays() {
        assert_eq!(text("a < b && c <3 <"), "a < b && c <3 <");
        assert_eq!(text("<style>p { x > 1 }</style>a<!-- <p>no</p> -->b<a href='x>y'>c</a>"), "abc");
        assert_eq!(decode("&#39;&#x1F600;&amp;lt;&unknown;&#xD800;&"), "'😀&lt;&unknown;&#xD800;&");
    }

    #[test]
    fn what_begins_like_a_tag_and_does_not_end_is_text() {
        assert_eq!(text("if a <b and <i>c</i>"), "if a <b and c");
        assert_eq!(text("<p class=\"x><b>a</b>"), "<p class=\"x>a");
        assert_eq!(text("a<script>b<script>c"), "abc");
    }

    /// Otherwise it would not come to an end before the tests are stopped.
    #[test]
    fn many_tags_that_do_not_end_are_read_once() {
        for begun in ["<a ", "<a b=\"<a\" ", "<a b='", "<script>", "<!--"] {
            for end in ["", "<"] {
                let _ = text(&(begun.repeat(1 << 17) + end));
            }
        }
    }

    proptest! {
        #[test]
        fn no_html_panics(html in "(<|>|/|&|;|#|!--|-->|p|li|ul|ol|pre|code|br|td|script|\"|'|=|é|x| |\n){0,60}") {
            let _ = text(&html);
        }

        #[test]
        fn plain_words_come_through(words in "[a-z]{1,8}( [a-z]{1,8}){0,5}") {
            prop_assert_eq!(text(&words), words);
        }
    }
}
