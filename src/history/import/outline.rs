//! Texts that list things to remember, cut into single ones: by headings, bullets
//! and paragraphs of Markdown, or by lines.

/// One thing that is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The last heading above it.
    pub heading: Option<&'a str>,
    /// Its text, without the bullet; lines that belong to it follow.
    pub text: String,
}

/// The entries of a text. Bullets and numbers each begin one, and lines indented below go with it. Other lines are
/// joined to paragraphs, or, if `lines_alone`, each is an entry.
#[must_use]
pub fn entries(text: &str, lines_alone: bool) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut heading = None;
    // Whether the last entry goes on, and whether it is a paragraph.
    let (mut open, mut paragraph) = (false, false);
    for line in text.lines() {
        let words = line.trim();
        if words.is_empty() || words.starts_with("```") || words == "---" {
            open = false;
            continue;
        }
        if let Some(found) = heading_of(words) {
            heading = Some(found).filter(|found| !found.is_empty());
            open = false;
            continue;
        }
        let indented = line.starts_with("  ") || line.starts_with('\t');
        let item = item_of(words);
        match entries.last_mut() {
            Some(last) if open && (indented || (paragraph && item.is_none() && !lines_alone)) => {
                last.text.push('\n');
                last.text.push_str(if paragraph { words } else { line.trim_end() });
            }
            _ => {
                entries.push(Entry { heading, text: item.unwrap_or(words).to_owned() });
                (open, paragraph) = (true, item.is_none());
            }
        }
    }
    entries
}

/// The longest heading, in characters, as it goes with each of the entries below it. It is that of a bucket's name.
const HEADING: usize = 100;

/// What stands in a line that is a heading, `# …` or all of it bold or in italics. A long one is none.
fn heading_of(line: &str) -> Option<&str> {
    if line.char_indices().nth(HEADING + "####### ".len()).is_some() {
        return None;
    }
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&level)
        && let Some(found) = line[level..].strip_prefix(' ')
    {
        return Some(found.trim());
    }
    // Of words in italics only a few that are no sentence.
    let italic = line.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')).filter(|rest| !rest.contains('*'));
    if let Some(found) =
        italic.filter(|found| found.split_whitespace().count() <= 4 && !found.ends_with(['.', '!', '?']))
    {
        return Some(found.trim().trim_end_matches(':'));
    }
    let bold = line.trim_end_matches(':').strip_prefix("**")?.strip_suffix("**")?;
    (!bold.contains("**")).then(|| bold.trim().trim_end_matches(':'))
}

/// What follows the bullet or the number of a line.
fn item_of(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let after = match digits {
        0 => line.strip_prefix(['-', '*', '•', '–'])?,
        1..=4 => line[digits..].strip_prefix(['.', ')'])?,
        _ => return None,
    };
    after.strip_prefix([' ', '\t']).map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::entries;

    fn listed(text: &str, lines_alone: bool) -> Vec<(Option<&str>, String)> {
        entries(text, lines_alone).into_iter().map(|entry| (entry.heading, entry.text)).collect()
    }

    #[test]
    fn headings_bullets_and_paragraphs_are_told_apart() {
        let text = "Before\nit.\n\n**Work:**\n\nRuns a lab.\nIn Greece.\n- one\n  - below\n- two\n\n## Home\n1. cat\n2) dog\n**bold** start\n\n*Recent months*\n\nA boat.\n*It floats.*";
        assert_eq!(
            listed(text, false),
            [
                (None, "Before\nit.".to_owned()),
                (Some("Work"), "Runs a lab.\nIn Greece.".to_owned()),
                (Some("Work"), "one\n  - below".to_owned()),
                (Some("Work"), "two".to_owned()),
                (Some("Home"), "cat".to_owned()),
                (Some("Home"), "dog".to_owned()),
                (Some("Home"), "**bold** start".to_owned()),
                (Some("Recent months"), "A boat.\n*It floats.*".to_owned()),
            ]
        );
    }

    #[test]
    fn a_long_line_is_no_heading() {
        let name = "h".repeat(100);
        assert_eq!(listed(&format!("# {name}\n- a"), false), [(Some(&*name), "a".to_owned())]);
        let long = format!("# {}", "h".repeat(200));
        assert_eq!(listed(&format!("{long}\n- a"), false), [(None, long), (None, "a".to_owned())]);
    }

    #[test]
    fn each_line_of_a_pasted_list_stands_alone() {
        let texts: Vec<String> =
            entries("a\nb\n\n\n• c\n- \n-5 degrees\n", true).into_iter().map(|entry| entry.text).collect();
        assert_eq!(texts, ["a", "b", "c", "-", "-5 degrees"]);
    }

    proptest! {
        #[test]
        fn entries_are_of_the_text_and_never_empty(text in "([a-z]{1,4}| |\n|- |# |\\*\\*|1\\. |é){0,40}") {
            for lines_alone in [false, true] {
                for entry in entries(&text, lines_alone) {
                    prop_assert!(!entry.text.is_empty());
                    prop_assert!(entry.text.lines().all(|line| text.contains(line.trim())));
                }
            }
        }
    }
}
