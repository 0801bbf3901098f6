//! Mending JSON text that a strict parser refuses though it is clear what it says.

/// The text with what a strict parser refuses replaced: bytes that aren't UTF-8 and escapes of lone surrogates by
/// U+FFFD, control characters in strings by their escapes, `NaN` and `Infinity` by `null`. `None` if there is
/// nothing of this in it.
#[must_use]
pub fn heal(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    let source = text.as_bytes();
    let mut healed = Vec::with_capacity(source.len());
    let mut changed = matches!(text, std::borrow::Cow::Owned(_));
    let mut in_string = false;
    let mut at = 0;
    while let Some(&byte) = source.get(at) {
        let rest = &source[at..];
        let (used, put): (usize, &[u8]) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, b"\"")
            }
            b'\\' if in_string => match (unit(rest), rest.get(6..).and_then(unit)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, &rest[..12]),
                (Some(0xD800..=0xDFFF), _) => (6, b"\\ufffd"),
                _ => {
                    let used = rest.len().min(2);
                    (used, &rest[..used])
                }
            },
            0..0x20 if in_string => match byte {
                b'\n' => (1, b"\\n"),
                b'\r' => (1, b"\\r"),
                b'\t' => (1, b"\\t"),
                _ => (1, b"\\ufffd"),
            },
            b'N' if !in_string && rest.starts_with(b"NaN") => (3, b"null"),
            b'I' if !in_string && rest.starts_with(b"Infinity") => (8, b"null"),
            b'-' if !in_string && rest.starts_with(b"-Infinity") => (9, b"null"),
            _ => {
                let run = plain(rest, in_string);
                (run, &rest[..run])
            }
        };
        changed |= used != put.len() || source[at..at + used] != *put;
        healed.extend_from_slice(put);
        at += used;
    }
    changed.then_some(healed)
}

/// How many bytes, at least one, stand for themselves.
fn plain(bytes: &[u8], in_string: bool) -> usize {
    let special = |byte: &u8| match byte {
        b'"' | b'\\' => true,
        0..0x20 => in_string,
        b'N' | b'I' | b'-' => !in_string,
        _ => false,
    };
    bytes.iter().skip(1).position(special).map_or(bytes.len(), |at| at + 1)
}

/// The UTF-16 unit of an escape such as `\ud83d` at the beginning of the text.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(2..6).filter(|_| bytes.starts_with(b"\\u"))?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | u16::try_from(char::from(digit).to_digit(16)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::heal;
    use proptest::prelude::*;

    fn healed(text: &[u8]) -> String {
        String::from_utf8(heal(text).unwrap()).unwrap()
    }

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_kept() {
        assert_eq!(healed(br#""\ud83d\ude00 \ud83d \ude00""#), r#""\ud83d\ude00 \ufffd \ufffd""#);
        assert_eq!(healed(br#""\uD83D\n\\ud83d""#), r#""\ufffd\n\\ud83d""#);
        assert_eq!(healed(br#""\ud83d\ud83d\ude00""#), r#""\ufffd\ud83d\ude00""#);
    }

    #[test]
    fn sound_text_is_left_alone() {
        assert_eq!(heal(br#"{"a":"NaN \\ud83d \ud83d\ude00 -Infinity","b":[-1,null]}"#), None);
        assert_eq!(heal("\"é\\u00e9\"\n".as_bytes()), None);
    }

    #[test]
    fn bytes_control_characters_and_numbers_are_replaced() {
        assert_eq!(healed(b"[NaN,-Infinity,Infinity,\"\x01\n\xc3\"]"), "[null,null,null,\"\\ufffd\\n\u{fffd}\"]");
    }

    proptest! {
        #[test]
        fn healing_any_bytes_ends_in_text_that_needs_no_more(bytes: Vec<u8>) {
            if let Some(once) = heal(&bytes) {
                prop_assert!(std::str::from_utf8(&once).is_ok());
                prop_assert_eq!(heal(&once), None);
            }
        }

        #[test]
        fn what_a_strict_parser_reads_is_left_alone(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(heal(json.as_bytes()), None);
        }
    }
}
