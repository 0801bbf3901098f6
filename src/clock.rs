//! The only source of time. Everything else takes it from here, so that tests
//! can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Microseconds since 1970-01-01 UTC, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// Microseconds in a day.
    pub const DAY: i64 = 86_400_000_000;

    /// The time in RFC 3339, UTC, to the microsecond where it has one.
    #[must_use]
    pub fn rfc3339(self) -> String {
        // Every stored time came from `parse` or the clock, both inside jiff's range.
        Timestamp::from_microsecond(self.0).map_or_else(|_| self.0.to_string(), |t| t.to_string())
    }

    /// Reads an RFC 3339 time, or a plain date as its first instant in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Some(Self(time.as_microsecond()));
        }
        let date: jiff::civil::Date = text.parse().ok()?;
        let time = jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Self(time.as_microsecond()))
    }

    /// The date in UTC; none for a time that no calendar has.
    #[must_use]
    pub fn date(self) -> Option<jiff::civil::Date> {
        let time = Timestamp::from_microsecond(self.0).ok()?;
        Some(jiff::tz::Offset::UTC.to_datetime(time).date())
    }

    /// This time moved by whole minutes.
    #[must_use]
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(60_000_000)))
    }

    /// This time moved by whole days.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(Self::DAY)))
    }
}

/// A clock that is the system's, moved forward by an offset that only tests set.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> Micros {
        Micros(Timestamp::now().as_microsecond() + self.offset.load(Ordering::Relaxed))
    }

    /// Moves this clock and all its clones forward, in microseconds.
    pub fn advance(&self, micros: i64) {
        self.offset.fetch_add(micros, Ordering::Relaxed);
    }

    /// The same in days.
    pub fn advance_days(&self, days: i64) {
        self.advance(days * Micros::DAY);
    }
}

#[cfg(test)]
mod tests {
    use super::Micros;

    #[test]
    fn times_and_dates_are_read_and_written() {
        assert_eq!(Micros::parse("1970-01-02"), Some(Micros(Micros::DAY)));
        assert_eq!(Micros::parse("1970-01-01T01:00:00+01:00"), Some(Micros(0)));
        assert_eq!(Micros::parse("yesterday"), None);
        assert_eq!(Micros(1_500_000).rfc3339(), "1970-01-01T00:00:01.5Z");
    }
}
