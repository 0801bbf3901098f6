//! A look at JSON without parsing it: how deep it is nested doesn't matter here,
//! and broken JSON gives what stands before the break.

/// Where the string that opens at `start` ends: the position after its closing quote.
#[must_use]
pub fn string_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < json.len() {
        match json[at] {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Where the first byte at or after `at` is that isn't white space.
#[must_use]
pub fn skip_space(json: &[u8], at: usize) -> usize {
    at + json.iter().skip(at).take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The keys of the object at the top, as they are written; none if it isn't an object.
#[must_use]
pub fn keys(json: &[u8]) -> Vec<&[u8]> {
    let mut keys = Vec::new();
    let mut at = skip_space(json, 0);
    if json.get(at) != Some(&b'{') {
        return keys;
    }
    let mut depth = 0_usize;
    let mut key_next = false;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                let Some(end) = string_end(json, at) else { break };
                if key_next && depth == 1 {
                    keys.push(&json[at + 1..end - 1]);
                    key_next = false;
                }
                at = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                key_next = depth == 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            b',' if depth == 1 => key_next = true,
            _ => {}
        }
        at += 1;
    }
    keys
}

/// Whether the object at the top has all of these keys.
#[must_use]
pub fn has_keys(json: &[u8], wanted: &[&str]) -> bool {
    let keys = keys(json);
    wanted.iter().all(|wanted| keys.contains(&wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_the_top_object_are_given() {
        let json = br#" {"a": {"x": 1}, "b\"": [{"y": 2}, "z"], "c": "d,e", "f": {} } "#;
        assert_eq!(keys(json), [&b"a"[..], br#"b\""#, b"c", b"f"]);
        assert!(has_keys(json, &["a", "f"]) && !has_keys(json, &["a", "x"]));
    }

    #[test]
    fn broken_json_gives_what_stands_before_the_break() {
        assert_eq!(keys(br#"{"a": 1, "b"#), [b"a"]);
        assert_eq!(keys(br#"{"a\"#), [] as [&[u8]; 0]);
        assert_eq!(keys(b"[{\"a\":1}]"), [] as [&[u8]; 0]);
    }
}
