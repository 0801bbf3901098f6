//! When two texts are the same memory: equal after trimming and without a
//! leading date, which clients put there in three ways (`2026-07-26 text`,
//! `2026-07-26 - text`, and the date in a paragraph of its own). So the same
//! fact sent on another day is found to be known.

use sha2::{Digest, Sha256};

/// What remains of a text for the comparison, and for its embedding, of which a
/// date would be a part that says nothing. A text that is only a date stays.
pub(crate) fn essence(text: &str) -> &str {
    let text = text.trim();
    let Some((date, rest)) = text.split_at_checked(10) else { return text };
    if !is_date(date) || !rest.starts_with(char::is_whitespace) {
        return text;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("- ").map_or(rest, str::trim_start);
    if rest.is_empty() { text } else { rest }
}

/// A number that equal essences share, for the index. Different ones can share
/// it too, so what it finds is compared.
pub(super) fn fingerprint(text: &str) -> i64 {
    let digest = Sha256::digest(essence(text));
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(number)
}

fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

#[cfg(test)]
mod tests {
    use super::essence;

    #[test]
    fn a_leading_date_does_not_count() {
        for text in ["2026-07-26 Uses tabs", "2026-07-26\n\nUses tabs", "2026-07-26 - Uses tabs", " Uses tabs\n"] {
            assert_eq!(essence(text), "Uses tabs", "{text:?}");
        }
    }

    #[test]
    fn what_is_no_leading_date_stays() {
        for text in [
            "2026-07-26",
            "2026-07-26th of",
            "12026-07-26 x",
            "2026/07/26 x",
            "-  - x",
            "日本語のテキスト",
            "2026-07-2é x",
        ] {
            assert_eq!(essence(text), text);
        }
    }
}
