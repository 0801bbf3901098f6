//! What changed between two texts, word by word.

/// What became of a part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Change {
    Kept,
    Removed,
    Added,
}

/// A part of two texts together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub change: Change,
    pub text: String,
}

/// The most pairs of words that are compared; more would take too long. What
/// differs of larger texts is shown as removed and added whole.
const MOST_PAIRS: usize = 1 << 20;

/// Words and what is between them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut was_word = false;
    for (at, character) in text.char_indices() {
        let is_word = character.is_alphanumeric();
        if at > start && !(is_word && was_word) {
            words.push(&text[start..at]);
            start = at;
        }
        was_word = is_word;
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// The parts of both texts in order: those of the old one are what is kept and
/// removed, those of the new one what is kept and added.
pub(super) fn diff(old: &str, new: &str) -> Vec<Part> {
    let (old, new) = (words(old), words(new));
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let before = old.iter().zip(&new).take_while(same).count();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let after = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
    let (old_middle, new_middle) = (&old_rest[..old_rest.len() - after], &new_rest[..new_rest.len() - after]);
    let mut parts = Vec::new();
    push(&mut parts, Change::Kept, &old[..before]);
    compare(&mut parts, old_middle, new_middle);
    push(&mut parts, Change::Kept, &old_rest[old_rest.len() - after..]);
    parts
}

fn push(parts: &mut Vec<Part>, change: Change, words: &[&str]) {
    match parts.last_mut() {
        _ if words.is_empty() => {}
        Some(last) if last.change == change => last.text.extend(words.iter().copied()),
        _ => parts.push(Part { change, text: words.concat() }),
    }
}

/// By the longest words in common, in order.
fn compare(parts: &mut Vec<Part>, old: &[&str], new: &[&str]) {
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        push(parts, Change::Removed, old);
        push(parts, Change::Added, new);
        return;
    }
    // How many words what follows a pair of places has in common.
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i * width + j] = if one == other {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            push(parts, Change::Kept, &old[i..=i]);
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            push(parts, Change::Removed, &old[i..=i]);
            i += 1;
        } else {
            push(parts, Change::Added, &new[j..=j]);
            j += 1;
        }
    }
    push(parts, Change::Removed, &old[i..]);
    push(parts, Change::Added, &new[j..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Change, diff};

    fn shown(old: &str, new: &str) -> String {
        let part = |part: &super::Part| match part.change {
            Change::Kept => part.text.clone(),
            Change::Removed => format!("[-{}]", part.text),
            Change::Added => format!("[+{}]", part.text),
        };
        diff(old, new).iter().map(part).collect()
    }

    #[test]
    fn words_that_changed_are_told_from_those_that_stayed() {
        assert_eq!(shown("Ann takes tea.", "Ann takes coffee."), "Ann takes [-tea][+coffee].");
        assert_eq!(shown("", "new"), "[+new]");
        assert_eq!(shown("same", "same"), "same");
        assert_eq!(shown("a b c", "a c"), "a [-b ]c");
    }

    proptest! {
        #[test]
        fn both_texts_are_in_their_difference(old in "[ab é.]{0,30}", new in "[ab é.]{0,30}") {
            let parts = diff(&old, &new);
            let without = |change| -> String { parts.iter().filter(|part| part.change != change).map(|part| part.text.as_str()).collect() };
            prop_assert_eq!(without(Change::Added), old);
            prop_assert_eq!(without(Change::Removed), new);
        }
    }
}
