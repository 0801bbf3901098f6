//! How inputs are changed. Bytes changed at random are hardly ever JSON, and what
//! isn't JSON gets no further than the parser; so in JSON values are changed.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Changes bytes, as the fuzzer does by itself.
pub fn plain(bytes: &mut [u8], size: usize, most: usize, _seed: u32) -> usize {
    fuzzer_mutate(bytes, size, most)
}

/// Changes a value of a JSON text, or of one of several texts on lines of their own. One time in four, and where there
/// is no JSON, changes bytes.
pub fn json(bytes: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed) + 1);
    let changed = if random.below(4) == 0 { None } else { changed(&bytes[..size], &mut random) };
    match changed {
        Some(text) if text.len() <= most => {
            bytes[..text.len()].copy_from_slice(&text);
            text.len()
        }
        _ => fuzzer_mutate(bytes, size, most),
    }
}

fn changed(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    if let Ok(mut value) = serde_json::from_slice(bytes) {
        change(&mut value, random);
        return serde_json::to_vec(&value).ok();
    }
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    let line;
    match random.below(6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other]),
        2 => lines.swap(at, other),
        _ => {
            let mut value = serde_json::from_slice(lines[at]).ok()?;
            change(&mut value, random);
            line = serde_json::to_vec(&value).ok()?;
            lines[at] = &line;
        }
    }
    Some(lines.join(&b'\n'))
}

/// Changes a value inside of another.
fn change(value: &mut Value, random: &mut Random) {
    let count = count(value);
    let other = nth(value, &mut random.below(count)).cloned().unwrap_or_default();
    let Some(at) = nth_mut(value, &mut random.below(count)) else { return };
    match random.below(8) {
        // Ids and parents are found among the other values.
        0 | 1 => *at = other,
        2 => *at = odd(random),
        _ => match at {
            Value::String(text) => *text = odd_text(text, random),
            Value::Array(list) if !list.is_empty() => {
                let place = random.below(list.len());
                match random.below(4) {
                    0 => drop(list.remove(place)),
                    1 => list.swap(0, place),
                    2 => list.push(list[place].clone()),
                    _ => list.insert(place, other),
                }
            }
            Value::Object(object) if !object.is_empty() => {
                let keys: Vec<String> = object.keys().cloned().collect();
                let (key, second) = (&keys[random.below(keys.len())], &keys[random.below(keys.len())]);
                match random.below(4) {
                    0 => drop(object.remove(key)),
                    1 => drop(object.insert(key.clone(), other)),
                    2 => {
                        let value = object[key].clone();
                        object.insert(second.clone(), value);
                    }
                    _ => {
                        let value = object.remove(key).unwrap_or_default();
                        object.insert(odd_text(key, random), value);
                    }
                }
            }
            other => *other = odd(random),
        },
    }
}

/// A value that is seldom where it is expected.
fn odd(random: &mut Random) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1_700_000_000.5),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("2026-08-01T10:00:00Z"),
        json!("user"),
        json!("assistant"),
        json!("text"),
        json!([]),
        json!({}),
        json!([[{}]]),
        json!({"$date": {"$numberLong": "1700000000500"}}),
    ];
    values[random.below(values.len())].clone()
}

/// A text with something put in, cut out or repeated.
fn odd_text(text: &str, random: &mut Random) -> String {
    const BITS: [&str; 24] = [
        "\n\n", " ", "\u{0}", "\u{85}", "\u{a0}", "\u{2028}", "\u{fffd}", "é", "漢", "😀", "\u{e200}", "\u{e202}",
        "\u{e201}", "【", "†】", "[", "]", "```", "<", "</", ">", "\"", "&lt;", "# ",
    ];
    let (a, b) = (random.below(text.len() + 1), random.below(text.len() + 1));
    let (a, b) = (text.floor_char_boundary(a.min(b)), text.floor_char_boundary(a.max(b)));
    match random.below(4) {
        0 => [&text[..a], &text[b..]].concat(),
        1 => [&text[..b], &text[a..]].concat(),
        _ => [&text[..a], BITS[random.below(BITS.len())], &text[a..]].concat(),
    }
}

/// How many values there are, with those inside.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(object) => object.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'a>(value: &'a Value, at: &mut usize) -> Option<&'a Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter().find_map(|inner| nth(inner, at)),
        Value::Object(object) => object.values().find_map(|inner| nth(inner, at)),
        _ => None,
    }
}

fn nth_mut<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|inner| nth_mut(inner, at)),
        Value::Object(object) => object.values_mut().find_map(|inner| nth_mut(inner, at)),
        _ => None,
    }
}

/// Splitmix64, so that a seed gives the same change again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % (end as u64).max(1)).unwrap_or(0)
    }
}
