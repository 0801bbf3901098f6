//! Gemini in Google's Takeout: `MyActivity.json`, a list of records, newest first,
//! one for each exchange. All products of Google write files of this form and
//! name, so a record is Gemini's only if it says so.
//!
//! Most records don't tell which conversation they are of. Those that link to
//! one are put together by it; every other is a conversation of its own.
//! [`super::gemini_html`] reads the same activity as HTML.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use serde::Deserialize;

use super::content::Names;
use super::finish::{Tally, give, with_files};
use super::format::{Format, Layout, Parts, Place, Sink};
use super::json::{Either, List, Object, Str};
use super::text::made_id;
use super::time::Time;
use super::{Conversation, Item, Message, Role, json, markup};
use crate::clock::Micros;

/// Activity of Gemini, as JSON.
pub const FORMAT: Format = Format {
    platform: "gemini",
    name: "Gemini (Takeout, MyActivity.json)",
    layouts: &[Layout::Array("")],
    is,
    start: || Box::new(Activity::default()),
};

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    header: Str<'a>,
    title: Str<'a>,
    title_url: Str<'a>,
    time: Time,
    products: List<Str<'a>>,
    safe_html_item: List<Object<Answer<'a>>>,
    details: List<Object<Link<'a>>>,
    subtitles: List<Object<Link<'a>>>,
    attached_files: Names<'a>,
    image_file: Names<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    html: Str<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Link<'a> {
    #[serde(borrow)]
    url: Either<'a, Answer<'a>>,
    name: Str<'a>,
}

impl Record<'_> {
    fn is_gemini(&self) -> bool {
        let named = std::iter::once(&self.header).chain(&*self.products).any(|name| names_gemini(name));
        named || path_at_gemini(&self.title_url).is_some()
    }

    fn link(&self) -> Option<String> {
        let details = self.details.iter().filter_map(|link| match &link.0.as_ref()?.url {
            Either::Text(url) => Some(url.as_ref()),
            _ => None,
        });
        std::iter::once(&*self.title_url).chain(details).find_map(conversation_of)
    }

    /// The names of the files that were sent. Pictures that the answer shows are listed with them, and the list has
    /// the names that Takeout gave the files; theirs stand below the title.
    fn files(&self) -> Vec<String> {
        let answers = self.safe_html_item.iter().filter_map(|answer| answer.0.as_ref());
        let shown: HashSet<&str> = answers.flat_map(|answer| answer.html.split('"')).collect();
        let lines = self.subtitles.iter().filter_map(|line| line.0.as_ref());
        let own: HashMap<&str, &str> = lines
            .filter_map(|line| match &line.url {
                Either::Text(url) => Some((url.as_ref(), line.name.trim().strip_prefix('-')?.trim())),
                _ => None,
            })
            .collect();
        let files = self.attached_files.names().into_iter().chain(self.image_file.names());
        let sent = files.filter(|file| !shown.contains(&**file));
        sent.map(|file| own.get(&*file).map_or_else(|| file.clone(), |name| (*name).to_owned())).collect()
    }
}

fn is(part: &[u8]) -> bool {
    let mut scratch = Vec::new();
    let record = json::parse::<Record<'_>>(part, &mut scratch);
    record.is_ok_and(|record| !record.title.is_empty() && record.time.0.is_some() && record.is_gemini())
}

/// Whether the name of a product is that of Gemini or Bard, in any language: `Gemini Apps`, `Gemini アプリ`. Longer texts
/// are not names.
pub(super) fn names_gemini(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    name.chars().count() <= 40 && words.any(|word| word == "Gemini" || word == "Bard")
}

/// The path of a URL of Gemini. The word in a URL of another host, such as a search for it, doesn't count.
fn path_at_gemini(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    matches!(host, "gemini.google.com" | "bard.google.com").then(|| path.split(['?', '#']).next().unwrap_or_default())
}

/// The id of the conversation that a URL leads to, as in `gemini.google.com/app/<id>`.
pub(super) fn conversation_of(url: &str) -> Option<String> {
    let path = path_at_gemini(url)?;
    let mut steps = path.split('/').filter(|step| !step.is_empty() && *step != "u" && *step != "c");
    let kind = steps.by_ref().find(|step| matches!(*step, "app" | "chat" | "gem" | "gems"))?;
    let id = if kind.starts_with("gem") { steps.nth(1) } else { steps.next() };
    id.filter(|id| id.len() >= 6).map(str::to_owned)
}

/// What stands before the prompt in a title, in the languages that are known. A word that is the beginning of another
/// comes after it.
const PROMPT: [&str; 23] = [
    "Prompt : Vous avez dit",
    "Prompt :",
    "Prompt:",
    "Prompted with:",
    "Prompted",
    "Branched",
    "Asked Gemini:",
    "Asked Bard:",
    "Asked",
    "Said",
    "Submitted query",
    "Eingegebener Prompt",
    "Angefordert",
    "Petición enviada",
    "Prompt inviato",
    "送信したメッセージ",
    "プロンプト",
    "已提示",
    "Υποβλήθηκε το ερώτημα",
    "Has dicho",
    "Hiciste la petición",
    "Preguntado",
    "Answered",
];

/// What else is recorded, in English: canvases, files, extensions, feedback, choices.
const OTHER: [&str; 7] = ["Created ", "Added ", "Used ", "Gave ", "Selected ", "Viewed ", "Shared "];

/// The prompt in a title. One that begins with no known word is taken whole, because there are more languages than
/// known words; `None` for what is no prompt.
pub(super) fn prompt_of(title: &str, product: &str, answered: bool) -> Option<String> {
    let title = title.replace(['\u{a0}', '\u{202f}'], " ");
    let title = title.trim();
    for word in PROMPT {
        if let Some(rest) = title.strip_prefix(word)
            && (rest.is_empty() || word.ends_with(':') || rest.starts_with([' ', ':', '：', '\n']))
        {
            return Some(rest.trim_start_matches([' ', ':', '：', '\n']).to_owned());
        }
    }
    let english = product == "Gemini Apps" || product == "Bard";
    let other = OTHER.iter().any(|word| title.starts_with(word)) || (english && !answered);
    (!other).then(|| title.to_owned())
}

/// Whether a line says how many files are attached, or pictures were made.
pub(super) fn counts_files(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["Attached", number, "file." | "files."]
        | [number, "Datei" | "Dateien", "angehängt."]
        | [number, "generated", "image." | "images."] => number.parse::<usize>().is_ok(),
        _ => false,
    }
}

/// A prompt and its answer.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// The conversation that it is of, if it is known.
    pub link: Option<String>,
    /// When.
    pub time: Option<Micros>,
    /// The time as it is written, where it could not be read.
    pub written: String,
    /// The prompt; empty if only files were sent.
    pub prompt: String,
    /// Files sent with it.
    pub files: Vec<String>,
    /// The answer; empty where Google kept none.
    pub answer: String,
}

/// Puts exchanges together to conversations.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    /// By link, newest first.
    linked: HashMap<String, Vec<Linked>>,
    /// The links, in the order in which they were met.
    order: Vec<String>,
    seen: HashSet<String>,
}

/// When an exchange was, and its prompt and answer.
type Linked = (Option<Micros>, [Option<Message>; 2]);

impl Exchanges {
    /// Takes the next exchange of the file.
    ///
    /// # Errors
    /// None; `Break` is what the sink answered.
    pub fn add(&mut self, exchange: Exchange, place: &Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        // Many times occur twice, and HTML has them to the second only.
        let words: String = exchange.prompt.split_whitespace().collect::<Vec<_>>().join(" ");
        let second = exchange
            .time
            .map_or_else(|| "undated".to_owned(), |time| Micros(time.0 - time.0.rem_euclid(1_000_000)).rfc3339());
        let written = if exchange.time.is_none() { exchange.written.as_str() } else { "" };
        let key = format!("{second}-{}", &made_id([&*words, written])[..16]);
        if !self.seen.insert(key.clone()) {
            return sink(Item::Skipped { place: place.with_id(&key), why: "the same exchange again".to_owned() });
        }
        let message = |role, text: String, end: &str| {
            let message = Message { id: format!("{key}-{end}"), role, text, created_at: exchange.time };
            Some(message).filter(|message| !message.text.is_empty())
        };
        let prompt = message(Role::Human, with_files(&exchange.prompt, &exchange.files), "prompt");
        let answer = message(Role::Assistant, exchange.answer.clone(), "answer");
        if let Some(link) = exchange.link {
            let known = self.linked.entry(link.clone()).or_insert_with(|| {
                self.order.push(link);
                Vec::new()
            });
            known.push((exchange.time, [prompt, answer]));
            return ControlFlow::Continue(());
        }
        let messages = [prompt, answer].into_iter().flatten().collect();
        give(untitled(key, messages), *place, sink)
    }

    /// Gives the conversations that were put together.
    ///
    /// # Errors
    /// None; `Break` is what the sink answered.
    pub fn end(&mut self, file: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
        for link in std::mem::take(&mut self.order) {
            let mut exchanges = self.linked.remove(&link).unwrap_or_default();
            exchanges.reverse();
            exchanges.sort_by_key(|(time, _)| *time);
            let messages = exchanges.into_iter().flat_map(|(_, messages)| messages.into_iter().flatten()).collect();
            give(untitled(link, messages), Place { file, index: None, offset: 0 }, sink)?;
        }
        ControlFlow::Continue(())
    }
}

fn untitled(id: String, messages: Vec<Message>) -> Conversation {
    Conversation { id, title: String::new(), created_at: None, updated_at: None, messages }
}

#[derive(Default)]
struct Activity {
    exchanges: Exchanges,
    skipped: Tally,
}

impl Parts for Activity {
    fn part(&mut self, part: &[u8], place: Place<'_>, sink: &mut Sink<'_>) -> ControlFlow<()> {
        let mut scratch = Vec::new();
        let record: Record<'_> = match json::parse(part, &mut scratch) {
            Ok(record) => record,
            Err(error) => return sink(place.failed(error)),
        };
        if !record.is_gemini() {
            self.skipped.add("records of other products");
            return ControlFlow::Continue(());
        }
        let answers = record.safe_html_item.iter().filter_map(|answer| answer.0.as_ref());
        let answers = answers.map(|answer| markup::text(&answer.html)).filter(|answer| !answer.is_empty());
        let answer = answers.collect::<Vec<_>>().join("\n\n");
        let mut title = record.title.trim_end();
        while let Some((before, _)) = title.rsplit_once('\n').filter(|(_, line)| counts_files(line)) {
            title = before.trim_end();
        }
        let Some(prompt) = prompt_of(title, &record.header, !answer.is_empty()) else {
            self.skipped.add("records that are no chat");
            return ControlFlow::Continue(());
        };
        let (link, files) = (record.link(), record.files());
        let exchange = Exchange { link, time: record.time.0, written: String::new(), prompt, files, answer };
        self.exchanges.add(exchange, &place, sink)
    }

    fn end(&mut self, file: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
        self.exchanges.end(file, sink)?;
        self.skipped.give(file, sink)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{FORMAT, conversation_of, names_gemini, prompt_of};
    use crate::history::import::examine::{conversation, conversations, read, said, skipped};

    pub const SAMPLE: &str = r#"[
      {"header": "Gemini Apps", "title": "Prompted And the second half?", "titleUrl": "https://gemini.google.com/app/c/abc123def?hl=en",
       "time": "2026-07-20T15:20:00.100Z", "products": ["Gemini Apps"], "activityControls": ["Gemini Apps Activity"],
       "safeHtmlItem": [{"html": "<p>The <b>second</b> half.</p>"}]},
      {"header": "Gemini Apps", "title": "Prompted Explain the first half", "details": [{"name": "Open", "url": "https://gemini.google.com/app/abc123def"}],
       "time": "2026-07-20T15:15:21.568Z", "products": ["Gemini Apps"], "subtitles": [{"value": "ignored"}],
       "safeHtmlItem": [{"html": "<p>One.</p>"}, {"html": "<ul><li>Two</li></ul>"}], "attachedFiles": [{"name": "notes.pdf"}], "imageFile": "a.png"},
      {"header": "Gemini Apps", "title": "Created Gemini Canvas titled x", "time": "2026-07-19T09:00:00.000Z", "products": ["Gemini Apps"]},
      {"header": "Gemini Apps", "title": "Selected preferred draft", "time": "2026-07-19T08:59:00Z", "products": ["Gemini Apps"]},
      {"header": "Gemini アプリ", "title": "送信したメッセージ: これは", "titleUrl": null, "time": "2026-07-18T11:02:03.000Z", "products": ["Gemini アプリ"],
       "safeHtmlItem": [{"html": "<p>はい。</p>"}]},
      {"header": "Gemini Apps", "title": "Prompted Unanswered", "time": "2026-07-17T07:00:00.000Z", "products": ["Gemini Apps"]},
      {"header": "Search", "title": "Searched for gemini", "titleUrl": "https://www.google.com/search?q=gemini.google.com/app/abcdefgh", "time": "2026-07-17T07:00:00.000Z", "products": ["Search"]},
      null]"#;

    #[test]
    fn exchanges_are_joined_by_their_link_only() {
        let items = read(&FORMAT, SAMPLE.replace(",\n      null]", "]").as_str());
        let all = conversations(&items);
        assert_eq!(all.len(), 3);
        let linked = all.iter().find(|one| one.id == "abc123def").expect("by link");
        assert_eq!(
            said(linked),
            [
                "> Explain the first half\n\n[file: notes.pdf]\n\n[file: a.png]",
                "One.\n\n- Two",
                "> And the second half?",
                "The second half."
            ]
        );
        assert_eq!(linked.created_at.expect("given").rfc3339(), "2026-07-20T15:15:21.568Z");
        assert_eq!(said(all[0]), ["> これは", "はい。"]);
        assert_eq!(said(all[1]), ["> Unanswered"]);
        assert_eq!(skipped(&items), ["1 records of other products", "2 records that are no chat"]);
    }

    #[test]
    fn pictures_of_the_answer_are_not_sent_and_files_have_their_own_names() {
        let json = r#"[{"header": "Gemini Apps", "title": "Prompted ", "time": "2026-07-20T15:20:00Z", "products": ["Gemini Apps"],
          "subtitles": [{"name": "1 generated image."}, {"name": "Attached 1 file."}, {"name": "-  us.jpg", "url": "us-0a1b.jpg"}],
          "imageFile": "us-0a1b.jpg", "attachedFiles": ["123.png", "us-0a1b.jpg"],
          "safeHtmlItem": [{"html": "<p>In black and white.<img alt=\"\" src=\"123.png\"></p>"}]}]"#;
        assert_eq!(said(conversation(&read(&FORMAT, json))), ["> [file: us.jpg]", "In black and white."]);
    }

    #[test]
    fn ids_come_from_time_and_prompt_and_not_from_the_position() {
        let record = |millis: u32| {
            format!(r#"{{"header":"Gemini Apps","title":"Prompted a  b","time":"2026-07-17T07:00:00.{millis:03}Z"}}"#)
        };
        let other = r#"{"header":"Gemini Apps","title":"Prompted c","time":"2026-07-17T07:00:00Z"}"#;
        let old = read(&FORMAT, &format!("[{}]", record(1)));
        let new = read(&FORMAT, &format!("[{other},{},{}]", record(1), record(2)));
        assert_eq!(conversations(&new)[1], conversation(&old));
        assert!(conversation(&old).id.starts_with("2026-07-17T07:00:00Z-"));
        assert_ne!(conversations(&new)[0].id, conversations(&new)[1].id);
        assert_eq!(skipped(&new), ["the same exchange again"]);
    }

    #[test]
    fn only_products_and_links_of_gemini_are_claimed() {
        assert!(names_gemini("Gemini Apps") && names_gemini("Εφαρμογές Gemini") && names_gemini("Bard"));
        assert!(!names_gemini("Geminis") && !names_gemini("Search"));
        assert_eq!(conversation_of("https://gemini.google.com/u/1/app/abcdef12?x#y").as_deref(), Some("abcdef12"));
        assert_eq!(conversation_of("https://gemini.google.com/gem/coder/abcdef12").as_deref(), Some("abcdef12"));
        for none in ["https://gemini.google.com/", "https://gemini.google.com/faq", "https://evil.com/app/abcdef12", ""]
        {
            assert_eq!(conversation_of(none), None, "{none}");
        }
    }

    #[test]
    fn what_stands_before_the_prompt_is_taken_off() {
        for (title, prompt) in [
            ("Prompted hi", "hi"),
            ("Prompted with: hi", "hi"),
            ("Prompted with care", "with care"),
            ("Asked Gemini: hi", "hi"),
            ("Asked Gemini hi", "Gemini hi"),
            ("Branched hi", "hi"),
            ("Eingegebener Prompt: hi", "hi"),
            ("プロンプト: 東京", "東京"),
            ("Prompt\u{a0}: Vous avez dit\nbonjour", "bonjour"),
            ("Prompt : bonjour", "bonjour"),
            ("已提示：你好", "你好"),
        ] {
            assert_eq!(prompt_of(title, "Gemini Apps", false).as_deref(), Some(prompt), "{title}");
        }
        let json = r#"[{"header":"Gemini Apps","title":"Prompted see these\n1 generated image.\nAttached 2 files.","time":"2026-07-20T15:20:00Z"}]"#;
        assert_eq!(said(conversation(&read(&FORMAT, json))), ["> see these"]);
    }

    #[test]
    fn unknown_languages_are_taken_whole() {
        assert_eq!(prompt_of("Eingabe: hallo", "Gemini-Apps", false).as_deref(), Some("Eingabe: hallo"));
        assert_eq!(prompt_of("Prompted\u{a0}hi", "Gemini Apps", false).as_deref(), Some("hi"));
        assert_eq!(prompt_of("Prompted：你好", "Gemini", false).as_deref(), Some("你好"));
        assert_eq!(prompt_of("Created x", "Gemini Apps", false), None);
        assert_eq!(prompt_of("Used an extension", "Gemini Apps", true), None);
    }
}
