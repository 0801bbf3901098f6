//! Reads what an embeddings server answers. Pure: bytes in, numbers or a
//! sentence out. Nothing of the answer's text gets into a sentence, because
//! servers quote keys and inputs in theirs.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Embedding,
}

/// Numbers, or the same as base64 of little-endian 32-bit floats, which some
/// servers send although plain numbers were asked for.
struct Embedding(Vec<f32>);

impl<'de> Deserialize<'de> for Embedding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EmbeddingVisitor).map(Self)
    }
}

struct EmbeddingVisitor;

impl<'de> Visitor<'de> for EmbeddingVisitor {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers or base64")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut numbers = Vec::with_capacity(seq.size_hint().unwrap_or(1024));
        // JSON has no NaN; servers that computed one write null.
        while let Some(number) = seq.next_element::<Option<f64>>()? {
            #[expect(clippy::cast_possible_truncation, reason = "what is too large becomes infinite, and is noticed")]
            numbers.push(number.unwrap_or(f64::NAN) as f32);
        }
        Ok(numbers)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let bytes = STANDARD.decode(text).map_err(|_| E::custom("not base64"))?;
        let (floats, []) = bytes.as_chunks::<4>() else {
            return Err(E::custom("not whole floats"));
        };
        Ok(floats.iter().map(|float| f32::from_le_bytes(*float)).collect())
    }
}

/// The embeddings of `count` texts, in the order of the texts: finite, all of
/// one length, none empty or all zeros.
///
/// # Errors
/// What is wrong with the answer, as the end of a sentence that begins with its
/// sender.
pub(super) fn read(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        let page = body.trim_ascii_start().starts_with(b"<");
        match (page, error.classify()) {
            (true, _) => "sent a web page instead of JSON; check the base URL, which usually ends in /v1".to_owned(),
            (_, serde_json::error::Category::Data) => "sent JSON that is not an answer with embeddings".to_owned(),
            _ => "sent something that is not JSON".to_owned(),
        }
    })?;
    if answer.data.len() != count {
        return Err(format!("sent {} embeddings for {count} texts", answer.data.len()));
    }
    let rows = in_order(answer.data)?;
    let dimensions = rows.first().map_or(0, Vec::len);
    for row in &rows {
        if row.is_empty() {
            return Err("sent an empty embedding".to_owned());
        }
        if row.len() != dimensions {
            return Err(format!("sent embeddings of {dimensions} and of {} numbers in one answer", row.len()));
        }
        if !row.iter().all(|number| number.is_finite()) {
            return Err("sent an embedding with something in it that is not a finite number".to_owned());
        }
        if row.iter().all(|&number| number == 0.0) {
            return Err("sent an embedding that is all zeros".to_owned());
        }
    }
    Ok(rows)
}

/// Puts the items where their `index` says. Servers that number none of them
/// send them in the order of the texts.
fn in_order(items: Vec<Item>) -> Result<Vec<Vec<f32>>, String> {
    if items.iter().all(|item| item.index.is_none()) {
        return Ok(items.into_iter().map(|item| item.embedding.0).collect());
    }
    let mut rows = vec![None; items.len()];
    for item in items {
        let place = item.index.and_then(|index| rows.get_mut(index));
        match place {
            Some(place @ None) => *place = Some(item.embedding.0),
            _ => return Err("sent embeddings whose indexes are not those of the texts".to_owned()),
        }
    }
    // As many places as items, and no item found its place taken: none is empty.
    Ok(rows.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read_json(value: &serde_json::Value, count: usize) -> Result<Vec<Vec<f32>>, String> {
        read(value.to_string().as_bytes(), count)
    }

    #[test]
    fn items_are_put_in_the_order_of_their_indexes() {
        let answer = json!({"data": [{"index": 1, "embedding": [0.5, 1.0]}, {"index": 0, "embedding": [2.0, 3.0]}], "usage": {}});
        assert_eq!(read_json(&answer, 2), Ok(vec![vec![2.0, 3.0], vec![0.5, 1.0]]));
    }

    #[test]
    fn items_without_indexes_keep_their_order() {
        let answer = json!({"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]});
        assert_eq!(read_json(&answer, 2), Ok(vec![vec![1.0], vec![2.0]]));
    }

    #[test]
    fn base64_is_read_as_little_endian_floats() {
        let bytes: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        let answer = json!({"data": [{"index": 0, "embedding": STANDARD.encode(bytes)}]});
        assert_eq!(read_json(&answer, 1), Ok(vec![vec![1.5, -2.0]]));
        let torn = json!({"data": [{"index": 0, "embedding": STANDARD.encode([1, 2, 3])}]});
        assert!(read_json(&torn, 1).is_err());
    }

    #[test]
    fn every_wrong_answer_is_told_apart() {
        let one = |embedding: serde_json::Value| json!({"data": [{"index": 0, "embedding": embedding}]}).to_string();
        let two = |first: usize, second: usize| {
            json!({"data": [{"index": first, "embedding": [1.0]}, {"index": second, "embedding": [2.0, 1.0]}]})
                .to_string()
        };
        for (body, count, part) in [
            ("\n<!doctype html><html>".to_owned(), 1, "web page"),
            ("{\"data\": [".to_owned(), 1, "not JSON"),
            ("{\"data\": [{\"embedding\": [NaN]}]}".to_owned(), 1, "not JSON"),
            ("{\"embeddings\": []}".to_owned(), 1, "not an answer"),
            (one(json!([1.0])), 2, "1 embeddings for 2 texts"),
            (one(json!([1.0, null])), 1, "not a finite number"),
            (one(json!([1e300])), 1, "not a finite number"),
            (one(json!([])), 1, "empty"),
            (one(json!([0.0, 0.0])), 1, "all zeros"),
            (two(0, 1), 2, "of 1 and of 2 numbers"),
            (two(0, 0), 2, "indexes"),
            (two(0, 2), 2, "indexes"),
        ] {
            let error = read(body.as_bytes(), count).expect_err("a wrong answer");
            assert!(error.contains(part), "{body} gave: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_order_of_items_gives_the_order_of_texts(order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle()) {
            let data: Vec<_> = order.iter().map(|index| json!({"index": index, "embedding": [index + 1]})).collect();
            let rows = read_json(&json!({ "data": data }), 9).expect("a good answer");
            let wanted: Vec<Vec<f32>> = (1..=9_u8).map(|number| vec![f32::from(number)]).collect();
            prop_assert_eq!(rows, wanted);
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&body, 1).is_err());
        }
    }
}
