//! Identifiers, and the only source of randomness (the operating system's).

use std::fmt;

use serde::de::{Deserializer, Visitor};

use crate::clock::Micros;
use crate::error::{Error, Result};

/// `N` bytes from the operating system's generator.
///
/// # Errors
/// [`Error::Internal`] where the system has none to give.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal(e.to_string()))?;
    Ok(bytes)
}

/// An id of the form `prefix_` and 32 hexadecimal digits of a `UUIDv7`, so that
/// ids sort by the time they were made.
///
/// # Errors
/// As [`random`].
pub fn new(prefix: &str, now: Micros) -> Result<String> {
    let millis = u64::try_from(now.0 / 1000).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random()?).into_uuid();
    Ok(format!("{prefix}_{}", uuid.simple()))
}

/// Whether [`new`] can have made this id. One that it can't have made is none's,
/// so it need not, and with a NUL in it could not, be looked for.
#[must_use]
pub fn is_of(prefix: &str, id: &str) -> bool {
    let digits = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// The account that owns a row. Every query on owned rows takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub i64);

/// How many bits of a document number count within its account.
const DOC_BITS: u32 = 36;

impl AccountId {
    /// The number of the account's `seq`-th row in the full-text index, where
    /// each account has a range of its own.
    #[must_use]
    pub fn doc(self, seq: i64) -> i64 {
        (self.0 << DOC_BITS) | seq
    }

    /// The lowest and the highest document number of this account.
    #[must_use]
    pub fn doc_range(self) -> (i64, i64) {
        (self.doc(0), self.doc((1 << DOC_BITS) - 1))
    }
}

/// A bucket's id: a positive integer below 2^53, because the wire has it both
/// as a JSON number and as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketId(pub i64);

impl BucketId {
    /// The largest id, the largest integer that every JSON reader keeps exact.
    pub const MAX: i64 = (1 << 53) - 1;

    /// A random id.
    ///
    /// # Errors
    /// As [`random`].
    pub fn random() -> Result<Self> {
        Ok(Self((i64::from_be_bytes(random()?) & Self::MAX).max(1)))
    }

    /// Reads the decimal form; `None` for anything that no bucket can have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id: i64 = text.trim().parse().ok()?;
        (1..=Self::MAX).contains(&id).then_some(Self(id))
    }

    /// Reads an integer of any size; one that no bucket can have becomes 0, which
    /// is none's id. `None` for what is no integer.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        integer.then(|| Self::parse(text).unwrap_or(Self(0)))
    }
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// For serde: a bucket id as a number or as text; nothing for `null` and "".
///
/// # Errors
/// The deserializer's, for anything else.
pub fn bucket_id_forms<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<BucketId>, D::Error> {
    struct Forms;
    impl Visitor<'_> for Forms {
        type Value = Option<BucketId>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a bucket id: a whole number, or one as text")
        }

        fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Self::Value, E> {
            self.visit_str(&value.to_string())
        }

        fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Self::Value, E> {
            self.visit_str(&value.to_string())
        }

        fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Self::Value, E> {
            if value.fract() != 0.0 {
                return Err(E::invalid_type(serde::de::Unexpected::Float(value), &self));
            }
            self.visit_str(&format!("{value:.0}"))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
            match text.trim() {
                "" => Ok(None),
                text => BucketId::read(text)
                    .map(Some)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }

        fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<Self::Value, E> {
            Ok(None)
        }
    }
    from.deserialize_any(Forms)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{AccountId, BucketId, bucket_id_forms, is_of, new};
    use crate::clock::Micros;

    #[test]
    fn only_ids_of_the_right_form_are_looked_for() {
        let id = new("mem", Micros(1_700_000_000_000_000)).expect("an id");
        assert!(is_of("mem", &id) && !is_of("del", &id));
        for bad in [&id[..35], &format!("{id}0"), &id.to_uppercase(), "mem_", "", "mem_\0", "mem_é"] {
            assert!(!is_of("mem", bad), "{bad:?}");
        }
    }

    #[test]
    fn doc_ranges_of_accounts_do_not_touch() {
        assert!(AccountId(1).doc_range().1 < AccountId(2).doc_range().0);
    }

    #[test]
    fn bucket_ids_stay_within_what_json_keeps() {
        assert_eq!(BucketId::parse(" 12 "), Some(BucketId(12)));
        for bad in ["0", "-1", "9007199254740992", "1.0", "", "x", "99999999999999999999"] {
            assert_eq!(BucketId::parse(bad), None, "{bad}");
        }
    }

    #[derive(Deserialize)]
    struct Named {
        #[serde(deserialize_with = "bucket_id_forms")]
        id: Option<BucketId>,
    }

    #[test]
    fn a_bucket_id_with_a_fraction_of_zero_is_read_exactly() {
        for id in BucketId::MAX - 1_000..=BucketId::MAX {
            let named: Named = serde_json::from_str(&format!(r#"{{"id":{id}.0}}"#)).expect("reads");
            assert_eq!(named.id, Some(BucketId(id)));
        }
    }
}
