//! Plots of what happened on each day, or in each week, as SVG.
//!
//! A plot is bars over time: each from the ground, and in it a second one, lower
//! and darker, where a number is a part of another. Shapes alone are in the SVG,
//! which stretches; words are beside it, so that they stay readable on a phone.

use super::layout::thousands;
use crate::clock::Micros;

/// Units of the drawing, from which it is stretched.
const HEIGHT: f64 = 100.0;
/// How wide one bar and its gap are.
const STEP: f64 = 10.0;
const BAR: f64 = 8.0;

/// The days that plots show.
#[derive(Debug, Clone)]
pub(super) struct Time {
    /// The first instant of each day or week.
    pub begins: Vec<Micros>,
    /// Days in each.
    pub span: i64,
}

impl Time {
    /// `days` days from `first` on, `span` of them together.
    pub(super) fn new(first: Micros, days: i64, span: i64) -> Self {
        Self { begins: (0..days / span).map(|index| first.plus_days(index * span)).collect(), span }
    }

    /// The place among [`Time::begins`] that a time is in.
    pub(super) fn place(&self, time: Micros) -> Option<usize> {
        let first = self.begins.first()?;
        let place = (time.0 - first.0).div_euclid(self.span * Micros::DAY);
        usize::try_from(place).ok().filter(|place| *place < self.begins.len())
    }

    fn name(&self, place: usize) -> String {
        let day = self.begins.get(place).map(|begin| day(*begin)).unwrap_or_default();
        if self.span == 1 { day } else { format!("week of {day}") }
    }
}

/// A day as people read it.
pub(super) fn day(time: Micros) -> String {
    time.date().map(|date| date.to_string()).unwrap_or_default()
}

/// How numbers of a plot are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As a number of things.
    Count,
    /// Microseconds, as time.
    Time,
}

impl Unit {
    pub(super) fn text(self, number: i64) -> String {
        match self {
            Self::Count => thousands(number),
            Self::Time if number < 10_000 => format!("{}.{} ms", number / 1_000, number % 1_000 / 100),
            Self::Time if number < 1_000_000 => format!("{} ms", number / 1_000),
            Self::Time => format!("{}.{} s", number / 1_000_000, number % 1_000_000 / 100_000),
        }
    }
}

/// A plot, ready for its template.
#[derive(Debug)]
pub(super) struct Plot {
    /// For the ids of its parts.
    pub id: &'static str,
    pub title: &'static str,
    /// What it comes to, in words.
    pub summary: String,
    /// What the whole bar is, and the part of it, where there is one.
    pub names: (&'static str, Option<&'static str>),
    pub bars: Vec<Bar>,
    pub width: f64,
    /// The number at the top.
    pub top: String,
    pub first: String,
    pub last: String,
    /// Whether there is nothing in it.
    pub is_empty: bool,
}

/// A day or week in a plot.
#[derive(Debug)]
pub(super) struct Bar {
    pub when: String,
    pub x: f64,
    pub width: f64,
    /// Both numbers, as text.
    pub whole: String,
    pub part: String,
    /// Where the whole begins from above, and how high it is.
    pub y: f64,
    pub height: f64,
    pub part_y: f64,
    pub part_height: f64,
    pub is_none: bool,
}

impl Plot {
    /// A plot of numbers, a whole and a part for each day or week of `time`.
    pub(super) fn new(
        id: &'static str,
        title: &'static str,
        summary: String,
        names: (&'static str, Option<&'static str>),
        unit: Unit,
        time: &Time,
        numbers: &[(i64, i64)],
    ) -> Self {
        let most = numbers.iter().map(|(whole, _)| *whole).max().unwrap_or_default();
        let bar = |(place, (whole, part)): (usize, &(i64, i64))| {
            let (height, part_height) = (height(*whole, most), height(*part, most));
            Bar {
                when: time.name(place),
                x: STEP * as_f64(place) + (STEP - BAR) / 2.0,
                width: BAR,
                whole: unit.text(*whole),
                part: unit.text(*part),
                y: HEIGHT - height,
                height,
                part_y: HEIGHT - part_height,
                part_height,
                is_none: *whole == 0,
            }
        };
        let end = time.begins.last().map(|begin| begin.plus_days(time.span - 1));
        Self {
            id,
            title,
            summary,
            names,
            bars: numbers.iter().enumerate().map(bar).collect(),
            width: STEP * as_f64(numbers.len()),
            top: unit.text(most),
            first: time.begins.first().map(|begin| day(*begin)).unwrap_or_default(),
            last: end.map(day).unwrap_or_default(),
            is_empty: most == 0,
        }
    }
}

/// How high a number stands, rounded to what can be seen; what is not nothing is seen.
fn height(number: i64, most: i64) -> f64 {
    if number <= 0 || most <= 0 {
        return 0.0;
    }
    let share = i128::from(number) * 1_000 / i128::from(most);
    f64::from(i32::try_from(share).unwrap_or(1_000)).max(15.0) / 10.0
}

fn as_f64(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What share of a number another one is, in percent, for a bar beside it.
pub(super) fn percent(number: i64, most: i64) -> f64 {
    height(number, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(days: i64, span: i64) -> Time {
        Time::new(Micros::parse("2026-03-01").expect("a day"), days, span)
    }

    #[test]
    fn every_day_has_a_bar_and_the_highest_reaches_the_top() {
        let numbers = [(0, 0), (2, 1), (4, 0)];
        let plot = Plot::new("m", "M", String::new(), ("all", None), Unit::Count, &time(3, 1), &numbers);
        let heights: Vec<_> = plot.bars.iter().map(|bar| (bar.y, bar.height, bar.part_height)).collect();
        assert_eq!(heights, [(100.0, 0.0, 0.0), (50.0, 50.0, 25.0), (0.0, 100.0, 0.0)]);
        assert_eq!((plot.top.as_str(), plot.first.as_str(), plot.last.as_str()), ("4", "2026-03-01", "2026-03-03"));
        assert_eq!((plot.width, plot.bars[2].x, plot.bars[1].when.as_str()), (30.0, 21.0, "2026-03-02"));
    }

    #[test]
    fn one_among_millions_is_seen() {
        assert!(height(1, 5_000_000) > 1.0 && height(0, 5) < 0.1 && height(i64::MAX, i64::MAX) > 99.9);
    }

    #[test]
    fn a_time_is_in_its_day_or_week_or_in_none() {
        let weeks = time(14, 7);
        let at = |text: &str| weeks.place(Micros::parse(text).expect("a time"));
        assert_eq!((at("2026-03-01"), at("2026-03-07T23:59:59Z"), at("2026-03-08")), (Some(0), Some(0), Some(1)));
        assert_eq!((at("2026-02-28T23:59:59Z"), at("2026-03-15")), (None, None));
        assert_eq!(weeks.name(1), "week of 2026-03-08");
    }

    #[test]
    fn times_are_written_as_people_say_them() {
        let texts: Vec<_> = [0, 640, 9_990, 12_345, 1_250_000].map(|micros| Unit::Time.text(micros)).into();
        assert_eq!(texts, ["0.0 ms", "0.6 ms", "9.9 ms", "12 ms", "1.2 s"]);
    }
}
