//! Times as exports write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::clock::Micros;

/// A time, if one could be read. 0 and what lies before it is none: tools write 0 where they don't know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Option<Micros>);

impl Time {
    /// Seconds since 1970; or milliseconds or microseconds, told by size, since seconds stay below 10¹¹ until the
    /// year 5138.
    #[must_use]
    pub fn from_number(number: f64) -> Self {
        let micros = match number {
            n if n <= 0.0 => return Self(None),
            n if n < 1e11 => n * 1e6,
            n if n < 1e14 => n * 1e3,
            n if n < 1e17 => n,
            _ => return Self(None),
        };
        #[expect(clippy::cast_possible_truncation, reason = "below 10¹⁷")]
        Self(Some(Micros(micros.round() as i64)))
    }

    /// RFC 3339, the same without an offset (then in UTC), or a number as text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Self::from_number(number);
        }
        let micros = match text.parse::<Timestamp>() {
            Ok(time) => Some(time.as_microsecond()),
            Err(_) => text
                .parse::<DateTime>()
                .ok()
                .and_then(|time| Some(Offset::UTC.to_timestamp(time).ok()?.as_microsecond())),
        };
        Self(micros.filter(|&micros| micros > 0).map(Micros))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;
    use crate::clock::Micros;

    #[test]
    fn a_time_is_read_from_every_form_that_occurs() {
        let time = Time(Some(Micros(1_700_000_000_500_000)));
        for json in [
            "1700000000.5",
            "\"1700000000.5\"",
            "1700000000500",
            "1700000000500000",
            "\"2023-11-14T22:13:20.500000Z\"",
            "\"2023-11-15T06:13:20.5+08:00\"",
            "\"2023-11-14T22:13:20.5\"",
            "\"2023-11-14 22:13:20.5\"",
            r#"{"$date":{"$numberLong":"1700000000500"}}"#,
            r#"{"$date":1700000000500}"#,
            r#"{"$date":"2023-11-14T22:13:20.5Z"}"#,
        ] {
            assert_eq!(serde_json::from_str::<Time>(json).unwrap(), time, "{json}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for json in ["null", "0", "0.0", "-5", "1e300", "\"\"", "\"soon\"", "\"NaN\"", "true", "[]", "{}", "\"0\""] {
            assert_eq!(serde_json::from_str::<Time>(json).unwrap(), Time(None), "{json}");
        }
    }
}
