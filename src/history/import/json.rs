//! Deserializing JSON as it is found in exports: broken text is mended, and a
//! member of an unexpected type counts as absent instead of losing all around it.
//!
//! Text is borrowed from the input where it has no escapes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::heal::heal;
use super::time::Time;

/// Deserializes a value. Text that isn't UTF-8 and escapes of lone surrogates don't lose the value: they are
/// replaced by U+FFFD and the value is read again, from `scratch`. So are control characters in strings, and the
/// numbers that JSON doesn't have (`NaN`).
///
/// # Errors
/// The value isn't JSON, or not of this shape.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> serde_json::Result<T> {
    // One check of the whole is faster than one of each string.
    let error = match str::from_utf8(bytes) {
        Ok(text) => match serde_json::from_str(text) {
            Ok(value) => return Ok(value),
            Err(error) => Some(error),
        },
        Err(_) => None,
    };
    match (heal(bytes), error) {
        (None, Some(error)) => Err(error),
        (None, None) => serde_json::from_slice(bytes),
        (Some(healed), _) => {
            *scratch = healed;
            serde_json::from_slice(scratch)
        }
    }
}

/// What to do with each type that a lenient value can meet; everything is ignored unless said otherwise.
macro_rules! ignores {
    (@bool) => { fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok(Self::Value::default()) } };
    (@number) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok(Self::Value::default()) }
    };
    (@text) => { fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> { Ok(Self::Value::default()) } };
    (@null) => { fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok(Self::Value::default()) } };
    (@list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    ($what:literal: $($kind:tt)*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str($what) }
        $(ignores!(@$kind);)*
    };
}

/// Text. A number is its digits; anything else is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str<'a>(pub Cow<'a, str>);

impl Deref for Str<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Str<'de>;
            ignores!("text": bool null list object);
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(text.to_owned())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

/// A boolean; anything else but `true` is false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Flag;
            ignores!("a boolean": number text null list object);
            fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(flag))
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

/// An object; anything else is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object<T>(pub Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = Object<T>;
            ignores!("an object": bool number text null list);
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|value| Object(Some(value)))
            }
        }
        deserializer.deserialize_any(Visit(PhantomData))
    }
}

/// A list; anything else is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Option<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = List<T>;
            ignores!("a list": bool number text null object);
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(List(Some(values)))
            }
        }
        deserializer.deserialize_any(Visit(PhantomData))
    }
}

/// An object whose members are values of one kind, in the order of the file; anything else is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members<'a, T>(pub Option<Vec<(Str<'a>, T)>>);

impl<T> Default for Members<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Members<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = Members<'de, T>;
            ignores!("an object": bool number text null list);
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(Some(members)))
            }
        }
        deserializer.deserialize_any(Visit(PhantomData))
    }
}

/// Text, an object or a list, where all occur.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Either<'a, T> {
    /// Text.
    Text(Cow<'a, str>),
    /// An object.
    Object(T),
    /// A list of the same.
    List(Vec<Either<'a, T>>),
    /// Anything else.
    #[default]
    Other,
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Either<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = Either<'de, T>;
            ignores!("text, an object or a list": bool number null);
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Either::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Either::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Either::Object)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Either::List(values))
            }
        }
        deserializer.deserialize_any(Visit(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Time;
            ignores!("a time": bool null list);
            fn visit_i64<E>(self, number: i64) -> Result<Time, E> {
                #[expect(clippy::cast_precision_loss, reason = "seconds and milliseconds of this era are exact")]
                Ok(Time::from_number(number as f64))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Time, E> {
                #[expect(clippy::cast_precision_loss, reason = "seconds and milliseconds of this era are exact")]
                Ok(Time::from_number(number as f64))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Time, E> {
                Ok(Time::from_number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Time, E> {
                Ok(Time::from_text(text))
            }
            /// Extended JSON, as of `MongoDB`: `{"$date": {"$numberLong": "1700000000000"}}`.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
                let mut time = Time::default();
                while let Some(key) = map.next_key::<Str<'de>>()? {
                    if matches!(&*key, "$date" | "$numberLong" | "$numberDouble") {
                        time = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(time)
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::{Either, Flag, List, Members, Object, Str, parse};
    use crate::history::import::time::Time;
    use serde::Deserialize;
    use std::borrow::Cow;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct All<'a> {
        #[serde(borrow)]
        text: Str<'a>,
        flag: Flag,
        object: Object<Inner<'a>>,
        list: List<Inner<'a>>,
        members: Members<'a, Flag>,
        either: Either<'a, Inner<'a>>,
        time: Time,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow)]
        a: Str<'a>,
    }

    #[test]
    fn a_member_of_any_type_loses_nothing_around_it() {
        for value in ["null", "true", "-1", "1.5", "18446744073709551615", r#""x""#, r#"[1,{"a":2}]"#, r#"{"a":[]}"#] {
            for name in ["text", "flag", "object", "members", "either", "time"] {
                let json = format!(r#"{{"unknown":{value},"{name}":{value},"flag2":1}}"#);
                let read = serde_json::from_str::<All<'_>>(&json);
                assert!(read.is_ok(), "{json}: {read:?}");
            }
        }
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let mut scratch = Vec::new();
        let all: All<'_> = parse(br#"{"text":"abc","either":"x"}"#, &mut scratch).unwrap();
        assert!(matches!(all.text.0, Cow::Borrowed("abc")));
        assert!(matches!(all.either, Either::Text(Cow::Borrowed("x"))));
    }

    #[test]
    fn broken_text_is_mended_and_the_rest_is_kept() {
        let mut scratch = Vec::new();
        let all: All<'_> = parse(b"{\"text\":\"a\\ud800b\xffc\nd\",\"time\":NaN}", &mut scratch).unwrap();
        assert_eq!(&*all.text, "a\u{fffd}b\u{fffd}c\nd");
        assert_eq!(all.time, Time::default());
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        assert!(parse::<All<'_>>(b"{\"text\":", &mut Vec::new()).is_err());
        assert!(parse::<All<'_>>(b"{\"text\":\"a\\ud800\"", &mut Vec::new()).is_err());
        assert!(parse::<All<'_>>(b"\xff", &mut Vec::new()).is_err());
    }
}
