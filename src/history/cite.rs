//! Checks the citations of an answer that a language model wrote: a model is given
//! passages by number, and may cite a number that it was not given.
//!
//! A mark is a bracket with numbers of up to three digits: `[1]`, `[1, 2]`,
//! `[1-3]`, `[^1]`, and the same in `【】`, as some models write it. Code, between
//! backticks, has none, and the text of a Markdown link is none.

use std::collections::BTreeSet;

/// What an answer cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The answer without what it cites wrongly. It is as it was where nothing is wrong.
    pub text: String,
    /// The numbers that it cites and was given.
    pub cited: BTreeSet<usize>,
    /// The numbers that it cited and was not given.
    pub unknown: BTreeSet<usize>,
}

impl Audit {
    /// Checks an answer against the numbers for which `is_given` holds. Marks lose
    /// the numbers that were not given, and go where they have no other.
    #[must_use]
    pub fn of(answer: &str, is_given: impl Fn(usize) -> bool) -> Self {
        let mut audit = Self { text: answer.to_owned(), cited: BTreeSet::new(), unknown: BTreeSet::new() };
        // What is left around a mark that goes may itself read as a mark, so until nothing is wrong.
        loop {
            let (text, is_changed) = audit.pass(&is_given);
            audit.text = text;
            if !is_changed {
                return audit;
            }
            audit.cited.clear();
        }
    }

    /// Whether the answer names no source at all.
    #[must_use]
    pub fn is_uncited(&self) -> bool {
        self.cited.is_empty()
    }

    fn pass(&mut self, is_given: &impl Fn(usize) -> bool) -> (String, bool) {
        let mut text = String::with_capacity(self.text.len());
        let mut is_changed = false;
        let mut end = 0;
        for mark in marks(&self.text) {
            let (known, unknown): (Vec<usize>, Vec<usize>) = mark.numbers.iter().partition(|number| is_given(**number));
            self.cited.extend(&known);
            if unknown.is_empty() {
                continue;
            }
            self.unknown.extend(unknown);
            is_changed = true;
            text.push_str(&self.text[end..mark.start]);
            end = mark.end;
            if known.is_empty() {
                let follows = self.text[end..].chars().next();
                // The space before it goes with it, unless it parts words.
                if follows.is_none_or(|c| !c.is_alphanumeric()) {
                    text.truncate(text.trim_end_matches(' ').len());
                }
            } else {
                let known: Vec<String> = known.iter().map(usize::to_string).collect();
                text.extend(["[", &known.join(", "), "]"]);
            }
        }
        text.push_str(&self.text[end..]);
        (text, is_changed)
    }
}

/// The length of the marks that a text begins with, and of the blanks between them.
#[must_use]
pub fn leading(text: &str) -> usize {
    let mut end = 0;
    for mark in marks(text) {
        if !text[end..mark.start].trim_matches(' ').is_empty() {
            break;
        }
        end = mark.end;
    }
    end
}

/// A mark, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it is over, in bytes.
    pub end: usize,
    /// What it names.
    pub numbers: Vec<usize>,
}

/// The marks of a text, in order.
#[must_use]
pub fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(skipped) = text[at..].find(['[', '【', '`']) {
        at += skipped;
        let rest = &text[at..];
        if rest.starts_with('`') {
            at += code(rest);
            continue;
        }
        let (open, close) = if rest.starts_with('[') { ('[', ']') } else { ('【', '】') };
        let inside = at + open.len_utf8();
        let length = text[inside..].find(|c: char| !matches!(c, '0'..='9' | ',' | ';' | '-' | '–' | ' ' | '^'));
        let found = length.filter(|length| text[inside + length..].starts_with(close));
        let numbers = found.and_then(|length| numbers(&text[inside..inside + length]));
        let end = inside + found.unwrap_or(0) + close.len_utf8();
        match numbers {
            Some(numbers) if !(close == ']' && text[end..].starts_with('(')) => {
                marks.push(Mark { start: at, end, numbers });
                at = end;
            }
            _ => at = inside,
        }
    }
    marks
}

/// The length of the code at the start of a text; of the backticks alone where they
/// are not closed.
fn code(text: &str) -> usize {
    let ticks = text.len() - text.trim_start_matches('`').len();
    let mut at = ticks;
    while let Some(skipped) = text[at..].find('`') {
        at += skipped;
        let closing = text[at..].len() - text[at..].trim_start_matches('`').len();
        at += closing;
        if closing == ticks {
            return at;
        }
    }
    ticks
}

/// The numbers between brackets, each once, ranges written out. `None` where it is something else.
fn numbers(inside: &str) -> Option<Vec<usize>> {
    let number = |text: &str| {
        let digits = text.trim();
        let digits = digits.strip_prefix('^').unwrap_or(digits);
        let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<usize>().ok().filter(|_| is_number)
    };
    // Once each: ranges are short to write, and there may be many.
    let (mut numbers, mut known) = (Vec::new(), BTreeSet::new());
    for part in inside.split([',', ';']) {
        match part.split_once(['-', '–']) {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then(|| numbers.extend((first..=last).filter(|number| known.insert(*number))))?;
            }
            None => numbers.extend(Some(number(part)?).filter(|number| known.insert(*number))),
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// With three passages given.
    fn audit(answer: &str) -> (String, Vec<usize>, Vec<usize>) {
        let Audit { text, cited, unknown } = Audit::of(answer, |number| (1..=3).contains(&number));
        (text, cited.into_iter().collect(), unknown.into_iter().collect())
    }

    #[test]
    fn what_was_given_may_be_cited_in_every_form() {
        for answer in ["Yes [1], no[2].", "So [1, 2; 3].", "So [1-3].", "So [^2].", "So 【3】.", "So [1][2]."] {
            let (text, cited, unknown) = audit(answer);
            assert_eq!(text, answer);
            assert!(!cited.is_empty() && unknown.is_empty(), "{answer}");
        }
        assert_eq!(audit("So [1-3].").1, [1, 2, 3]);
    }

    #[test]
    fn what_was_not_given_goes() {
        assert_eq!(audit("Yes [4]. No [1]."), ("Yes. No [1].".to_owned(), vec![1], vec![4]));
        assert_eq!(audit("Yes [1, 9]."), ("Yes [1].".to_owned(), vec![1], vec![9]));
        assert_eq!(audit("Yes [2-5]."), ("Yes [2, 3].".to_owned(), vec![2, 3], vec![4, 5]));
        assert_eq!(audit("Yes [3, 2-5; 2-3]."), ("Yes [3, 2].".to_owned(), vec![2, 3], vec![4, 5]));
        assert_eq!(audit("Yes 【12】"), ("Yes".to_owned(), vec![], vec![12]));
        assert_eq!(audit("Odd [0][999] end"), ("Odd end".to_owned(), vec![], vec![0, 999]));
    }

    #[test]
    fn what_is_left_does_not_become_a_wrong_mark() {
        assert_eq!(audit("A [[9]8] B"), ("A B".to_owned(), vec![], vec![8, 9]));
    }

    #[test]
    fn what_is_no_citation_stays() {
        for answer in
            ["`a[9]` and ```\nb[7]\n```", "see [9](https://example.org)", "in [2024] [x] [] [1,] [3-1] [9", "[1.5]"]
        {
            assert_eq!(audit(answer), (answer.to_owned(), vec![], vec![]));
        }
        assert!(Audit::of("None.", |_| true).is_uncited());
        // A backtick that is not closed hides nothing.
        assert_eq!(audit("it`s [9]").2, [9]);
    }

    #[test]
    fn marks_at_the_start_are_told_from_others() {
        for (text, length) in [("[1] So [2]", 3), (" [1][2, 3]. So", 10), ("So [1]", 0), ("", 0), ("[x] [1]", 0)] {
            assert_eq!(leading(text), length, "{text}");
        }
    }

    fn answer() -> impl Strategy<Value = String> {
        "(word|[ .]|\\[|\\]|【|】|[0-9]|, |-|\\[[0-9]{1,2}\\]|`|\n|\\(|é){0,40}"
    }

    proptest! {
        #[test]
        fn a_checked_answer_cites_only_what_was_given(answer in answer(), most in 0_usize..8) {
            let is_given = |number| (1..=most).contains(&number);
            let first = Audit::of(&answer, is_given);
            prop_assert!(first.cited.iter().all(|number| is_given(*number)));
            prop_assert!(first.unknown.iter().all(|number| !is_given(*number)));
            let again = Audit::of(&first.text, is_given);
            prop_assert_eq!(&again.text, &first.text);
            prop_assert_eq!(&again.cited, &first.cited);
            prop_assert!(again.unknown.is_empty());
            prop_assert_eq!(first.unknown.is_empty(), first.text == answer);
        }

        #[test]
        fn words_are_never_lost(words in prop::collection::vec("[a-z]{1,5}", 1..10), numbers in prop::collection::vec(0_usize..12, 10)) {
            let marked: Vec<String> = words.iter().zip(&numbers).map(|(word, number)| format!("{word} [{number}]")).collect();
            let audit = Audit::of(&marked.join(" "), |number| number < 6);
            let left: Vec<&str> = audit.text.split(' ').filter(|word| !word.starts_with('[')).collect();
            prop_assert_eq!(left, words);
        }
    }
}
