//! Gemini in Google's Takeout as `MyActivity.html`, which Takeout makes unless it
//! is told otherwise. A record is a block `outer-cell` with a `header-cell` that
//! names the product, and a `content-cell`: prompt, `<br>`, time, `<br>`, answer.

use std::ops::ControlFlow;

use super::finish::Tally;
use super::format::{Format, Layout, Parts, Place, Sink};
use super::gemini::{Exchange, Exchanges, conversation_of, counts_files, names_gemini, prompt_of};
use super::{local_time, markup};

/// Activity of Gemini, as HTML.
pub const FORMAT: Format = Format {
    platform: "gemini",
    name: "Gemini (Takeout, MyActivity.html)",
    layouts: &[Layout::Split("outer-cell")],
    is: |part| cells(&String::from_utf8_lossy(part)).is_some_and(|cells| names_gemini(&cells.product)),
    start: || Box::new(Activity::default()),
};

struct Cells<'a> {
    product: String,
    content: &'a str,
    rest: &'a str,
}

/// The cells of a record; `None` if it is none, as the part before the first.
fn cells(html: &str) -> Option<Cells<'_>> {
    let opened = |html: &str, class: &str| -> Option<(usize, usize)> {
        let quoted = ["\"", "'"].into_iter().filter_map(|quote| html.find(&format!("<div class={quote}{class}")));
        let start = quoted.min()?;
        Some((start, start + html[start..].find('>')? + 1))
    };
    // A part ends inside of the tag of the next record.
    let html = html.rfind('<').filter(|start| !html[*start..].contains('>')).map_or(html, |start| &html[..start]);
    let (_, header) = opened(html, "header-cell")?;
    let (header_end, content) =
        opened(&html[header..], "content-cell").map(|(start, end)| (header + start, header + end))?;
    let end = opened(&html[content..], "content-cell").map_or(html.len(), |(start, _)| content + start);
    Some(Cells { product: markup::text(&html[header..header_end]), content: &html[content..end], rest: &html[end..] })
}

/// The pieces between line breaks, as positions.
fn pieces(html: &str) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = html[at..].find("<br").map(|found| at + found) {
        let Some(end) = html[found..].find('>').map(|end| found + end + 1) else { break };
        at = end;
        if matches!(html[found + 3..end - 1].trim(), "" | "/") {
            pieces.push((start, found));
            start = end;
        }
    }
    pieces.push((start, html.len()));
    pieces
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Where a line leads to that Google puts below the prompt.
const GEMS: &str = "https://gemini.google.com/gems/view";

/// An exchange; `None` where no time stands, which everything that happened has.
fn exchange(cells: &Cells<'_>) -> Option<(String, Exchange)> {
    let html = cells.content;
    let texts: Vec<(usize, usize, String)> =
        pieces(html).into_iter().map(|(start, end)| (start, end, markup::text(&html[start..end]))).collect();
    // A prompt can have a date on a line of its own, too; one that is read entirely is more likely the record's.
    let at = texts.iter().skip(1).position(|(_, _, text)| {
        local_time::looks_like_one(first_line(text)) && local_time::parse(first_line(text)).is_some()
    });
    let at = 1 + at
        .or_else(|| texts.iter().skip(1).position(|(_, _, text)| local_time::looks_like_one(first_line(text))))?;
    let (start, end, time) = &texts[at];
    // The answer can begin without a line break, with a paragraph.
    let (time, begun) = time.split_once('\n').unwrap_or((time, ""));
    let answer = [begun, &markup::text(&html[(*end).min(html.len())..])].map(str::trim).join("\n\n");
    let mut lines = Vec::new();
    let mut files = Vec::new();
    let mut in_files = false;
    for (place, (start, end, line)) in texts[..at].iter().enumerate() {
        if place > 0 && html[*start..*end].contains(GEMS) {
            // It says which of the person's own versions of Gemini was asked.
        } else if counts_files(line) {
            in_files = true;
        } else if let Some(name) = line.strip_prefix('-').filter(|_| in_files) {
            files.push(name.trim().to_owned());
        } else {
            lines.push(line.as_str());
        }
    }
    let hrefs = |html: &str| {
        html.split("href=").skip(1).find_map(|after| {
            let url = after.trim_start_matches(['"', '\'']);
            conversation_of(&markup::decode(url.split(['"', '\'', '>']).next().unwrap_or_default()))
        })
    };
    let exchange = Exchange {
        link: hrefs(&html[..*start]).or_else(|| hrefs(cells.rest)),
        time: local_time::parse(time),
        written: time.to_owned(),
        prompt: String::new(),
        files,
        answer: answer.trim().to_owned(),
    };
    Some((lines.join("\n"), exchange))
}

#[derive(Default)]
struct Activity {
    exchanges: Exchanges,
    skipped: Tally,
}

impl Parts for Activity {
    fn part(&mut self, part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let html = String::from_utf8_lossy(part);
        let Some(cells) = cells(&html) else {
            // Not every part is a record: the name of the class stands in the style sheet, too.
            if html.contains("header-cell") && html.contains("content-cell") {
                self.skipped.add("blocks that are no record");
            }
            return ControlFlow::Continue(());
        };
        if !names_gemini(&cells.product) {
            self.skipped.add("records of other products");
            return ControlFlow::Continue(());
        }
        let Some((title, mut exchange)) = exchange(&cells) else {
            self.skipped.add("records without a time");
            return ControlFlow::Continue(());
        };
        let Some(prompt) = prompt_of(&title, &cells.product, !exchange.answer.is_empty()) else {
            self.skipped.add("records that are no chat");
            return ControlFlow::Continue(());
        };
        exchange.prompt = prompt;
        self.exchanges.add(exchange, &place, sink)
    }

    fn end(&mut self, file: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
        self.exchanges.end(file, sink)?;
        self.skipped.give(file, sink)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::FORMAT;
    use crate::history::import::examine::{conversation, conversations, read, said, skipped};
    use crate::history::import::gemini;

    pub const SAMPLE: &str = concat!(
        "<html><head><style>.outer-cell{margin:0}.header-cell{color:red}</style></head><body><div class=\"mdl-grid\">\n",
        "<div class=\"outer-cell mdl-cell mdl-cell--12-col mdl-shadow--2dp\"><div class=\"mdl-grid\">",
        "<div class=\"header-cell mdl-cell\"><p class=\"mdl-typography--title\">Gemini Apps<br></p></div>",
        "<div class=\"content-cell mdl-cell mdl-typography--body-1\">Prompted&nbsp;Is 1 &lt; 2?<br>On 3 May?<br>Attached 1 file.<br>",
        "-&nbsp;<a href=\"x.png\">x.png</a><br>Jul 20, 2026, 3:15:21\u{202f}PM UTC<br><p>Yes:</p><ul><li>1</li></ul><p>a<br>b</p></div>",
        "<div class=\"content-cell mdl-cell mdl-typography--text-right\"></div>",
        "<div class=\"content-cell mdl-typography--caption\"><b>Products:</b><br>&emsp;Gemini Apps<br>",
        "<a href=\"https://gemini.google.com/app/abc123def\">d</a></div></div></div>\n",
        "<div class=\"outer-cell mdl-cell\"><div class=\"mdl-grid\"><div class=\"header-cell\"><p>Gemini Apps<br></p></div>",
        "<div class=\"content-cell\">Created Gemini Canvas titled x<br>Jul 20, 2026, 3:00:00 PM UTC<br></div></div></div>\n",
        "<div class=\"outer-cell mdl-cell\"><div class=\"mdl-grid\"><div class=\"header-cell\"><p>Search<br></p></div>",
        "<div class=\"content-cell\">Searched for Gemini Apps<br>Jul 20, 2026, 3:00:00 PM UTC<br></div></div></div>\n",
        "<div class=\"outer-cell mdl-cell\"><div class=\"mdl-grid\"><div class=\"header-cell\"><p>Gemini Apps<br></p></div>",
        "<div class=\"content-cell\">Prompted&nbsp;again<br>Jul 19, 2026, 11:00:00 PM PDT<br><p>And again.</p></div></div></div>\n",
        "<div class=\"outer-cell mdl-cell\"><div class=\"header-cell\"><p>Gemini Apps</p></div><div class=\"content-cell\">Why?</div></div>",
        "</div></body></html>"
    );

    #[test]
    fn records_are_read_from_their_cells() {
        let items = read(&FORMAT, SAMPLE);
        let all = conversations(&items);
        assert_eq!(all.len(), 2);
        assert_eq!(said(all[0]), ["> again", "And again."]);
        let unbroken = read(&FORMAT, &SAMPLE.replace("PDT<br><p>And again.", "PDT<p>And again.</p><p>And again."));
        assert_eq!(said(conversation(&unbroken)), ["> again", "And again.\n\nAnd again."]);
        assert_eq!(conversation(&unbroken).created_at, all[0].created_at);
        assert_eq!(all[0].created_at.expect("read").rfc3339(), "2026-07-20T06:00:00Z");
        assert_eq!(all[1].id, "abc123def");
        assert_eq!(said(all[1]), ["> Is 1 < 2?\nOn 3 May?\n\n[file: x.png]", "Yes:\n\n- 1\n\na\nb"]);
        assert_eq!(
            skipped(&items),
            ["1 records of other products", "1 records that are no chat", "1 records without a time"]
        );
    }

    #[test]
    fn which_gem_was_asked_is_no_part_of_the_prompt() {
        let gem = "again<br>Cook was used in this chat. <a href=\"https://gemini.google.com/gems/view\">Manage your Gems.</a><br>";
        let items = read(&FORMAT, &SAMPLE.replace("again<br>", gem));
        assert_eq!(said(conversations(&items)[0]), ["> again", "And again."]);
    }

    #[test]
    fn html_and_json_of_one_exchange_have_one_id() {
        let json = r#"[{"header":"Gemini Apps","title":"Prompted again","time":"2026-07-20T06:00:00.123Z","safeHtmlItem":[{"html":"<p>And again.</p>"}]}]"#;
        assert_eq!(conversation(&read(&gemini::FORMAT, json)).id, conversations(&read(&FORMAT, SAMPLE))[0].id);
    }

    #[test]
    fn files_are_told_from_the_prompt_in_german_too() {
        let html = SAMPLE
            .replace("Prompted&nbsp;", "Eingegebener Prompt:&nbsp;")
            .replace("Attached 1 file.", "1 Datei angehängt.");
        assert_eq!(said(conversations(&read(&FORMAT, &html))[1])[0], "> Is 1 < 2?\nOn 3 May?\n\n[file: x.png]");
    }

    #[test]
    fn the_head_and_other_products_are_not_claimed() {
        assert!(!(FORMAT.is)(SAMPLE.split("outer-cell").next().expect("head").as_bytes()));
        assert!(!(FORMAT.is)(br#"<div class="header-cell">Search</div><div class="content-cell">Gemini</div>"#));
    }

    #[test]
    fn a_date_in_an_unknown_language_separates_prompt_and_answer() {
        let html = SAMPLE.replace("Jul 19, 2026, 11:00:00 PM PDT", "19 lipca 2026, 23:00:00 CEST");
        let items = read(&FORMAT, &html);
        assert_eq!(said(conversation(&items)), ["> again", "And again."]);
        assert_eq!(conversation(&items).created_at, None);
        assert!(conversation(&items).id.starts_with("undated-"));
    }
}
