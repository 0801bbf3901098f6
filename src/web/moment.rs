//! Times as pages show them.

use crate::clock::Micros;

/// A time for a `<time>` element.
#[derive(Debug)]
pub(super) struct Moment {
    /// RFC 3339, for `datetime`.
    pub iso: String,
    /// For people, in UTC: 2026-07-26 14:03.
    pub text: String,
}

impl From<Micros> for Moment {
    fn from(time: Micros) -> Self {
        let iso = time.rfc3339();
        let text = iso.get(..16).map_or_else(|| iso.clone(), |start| start.replace('T', " "));
        Self { iso, text }
    }
}

impl Moment {
    /// The day alone: 2026-07-26.
    pub(super) fn day(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;
    use crate::clock::Micros;

    #[test]
    fn a_time_is_shown_to_the_minute() {
        let moment = Moment::from(Micros::parse("2026-07-26T14:03:59.5Z").expect("a time"));
        assert_eq!(
            (moment.iso.as_str(), moment.text.as_str(), moment.day()),
            ("2026-07-26T14:03:59.5Z", "2026-07-26 14:03", "2026-07-26")
        );
    }
}
