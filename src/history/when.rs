//! When a query asks about: "what did we decide last month" as a range of time,
//! with the words that say so, which are not to be searched for.
//!
//! Rules over words ([`words`]), in English, German, Spanish and French. They are
//! careful, because a range that was not meant hides the answer: a month by its
//! name needs a year or a preposition, "may" and "march" more than that, and what
//! is about the future or in quotation marks is no range. Seasons, holidays, times
//! of day, and dates such as 03/04/2025 that mean two days are left alone.
//!
//! "Last week" is that of the calendar, from Monday on; "the past week" and "in the
//! last week" are the seven days until now. A month or a day without a year is the
//! latest that has begun.

mod words;

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;

use crate::clock::Micros;
use words::{Language, Token, Unit, Word};

/// A range of time that a query names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// The first instant, where there is a bound.
    pub after: Option<Micros>,
    /// The first instant that is past it, where there is a bound.
    pub before: Option<Micros>,
    /// Where the query says so, in bytes, in order.
    pub taken: Vec<Range<usize>>,
}

impl When {
    /// The range that a query asks about, for someone whose clock is `offset` ahead
    /// of UTC. Of several, what all of them cover; open ones are combined. `None`
    /// where it names none.
    #[must_use]
    pub fn of(query: &str, now: Micros, offset: Offset) -> Option<Self> {
        let now = offset.to_datetime(Timestamp::from_microsecond(now.0).ok()?);
        let words = words::words(query);
        let found = Language::ALL.into_iter().find_map(|language| Reader::new(query, &words, language, now).all())?;
        if found.is_empty() {
            return None;
        }
        let (mut hull, mut bounds): (Option<Days>, Bounds) = (None, Bounds::default());
        let mut taken = Vec::new();
        for (range, meant) in found {
            taken.push(range);
            match meant {
                Bounds { from: Some(from), to: Some(to) } => {
                    let (first, last) = hull.map_or((from, to), |hull| (hull.from.min(from), hull.to.max(to)));
                    hull = Some(Days { from: first, to: last });
                }
                open => bounds = bounds.and(open),
            }
        }
        if let Some(hull) = hull {
            bounds = bounds.and(hull.bounds());
        }
        if let Bounds { from: Some(from), to: Some(to) } = bounds
            && from >= to
        {
            return None;
        }
        let instant = |date: Date| Some(Micros(offset.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_microsecond()));
        Some(Self { after: bounds.from.and_then(instant), before: bounds.to.and_then(instant), taken })
    }

    /// The query without the words that name the range. It may be empty.
    #[must_use]
    pub fn rest(&self, query: &str) -> String {
        let mut rest = String::with_capacity(query.len());
        let mut end = 0;
        for range in &self.taken {
            rest.push_str(&query[end..range.start]);
            end = range.end;
        }
        rest.push_str(&query[end..]);
        rest.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Days from one on, up to another that is not one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    from: Date,
    to: Date,
}

impl Days {
    fn bounds(self) -> Bounds {
        Bounds { from: Some(self.from), to: Some(self.to) }
    }
}

/// The same, where each end may be open.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    from: Option<Date>,
    to: Option<Date>,
}

impl Bounds {
    fn and(self, other: Self) -> Self {
        let to = match (self.to, other.to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { from: self.from.max(other.from), to }
    }
}

/// Days as they are named.
#[derive(Debug, Clone, Copy)]
enum Named {
    /// These; they need no preposition.
    Days(Days),
    /// These, with a preposition only.
    Year(Days),
    /// A date in digits, with a preposition only: alone it may be a matter of its own.
    Iso(Days),
    /// Those of the latest year in which they have begun, with a preposition only.
    Month(i8),
    Quarter(i8),
    Day(i8, i8),
    Weekday(Weekday),
}

/// Reads the words in one language.
struct Reader<'a> {
    query: &'a str,
    words: &'a [Word],
    tokens: Vec<Token>,
    language: Language,
    now: jiff::civil::DateTime,
    today: Date,
    tense: Tense,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tense {
    Past,
    Unknown,
    Future,
}

/// Where reading goes on, and what was read.
type Read<T> = Option<(usize, T)>;

impl<'a> Reader<'a> {
    fn new(query: &'a str, words: &'a [Word], language: Language, now: jiff::civil::DateTime) -> Self {
        let mut tokens: Vec<Token> = words.iter().map(|word| words::token(language, word)).collect();
        // "hier" is "here" in German, and "mars" a planet elsewhere.
        let is_german = language == Language::French && is_german(words);
        for (at, word) in words.iter().enumerate() {
            let three =
                |texts: [&str; 3]| words[at..].iter().zip(texts).filter(|(word, text)| word.text == *text).count() == 3;
            if is_german && word.text == "hier" {
                tokens[at] = Token::Other;
            }
            if language == Language::French && three(["il", "y", "a"]) {
                tokens[at] = Token::AgoPrefix;
            }
        }
        Self { query, words, tokens, language, now, today: now.date(), tense: tense(words) }
    }

    /// All that name a range, from left to right, with their places. `None` where
    /// nothing in the query could, so that another language may.
    fn all(&self) -> Option<Vec<(Range<usize>, Bounds)>> {
        let (mut all, mut is_read) = (Vec::new(), false);
        let mut at = 0;
        while at < self.tokens.len() {
            let Some((mut end, bounds)) = self.range(at) else {
                at += 1;
                continue;
            };
            is_read = true;
            if self.is_meant(at) && self.is_past(bounds) {
                // Yesterday's.
                if self.gap(end) == Some("'") || self.gap(end) == Some("’") {
                    end += usize::from(self.words.get(end).is_some_and(|word| word.text == "s"));
                }
                all.push((self.words[at].range.start..self.words[end - 1].range.end, bounds));
            }
            at = end;
        }
        is_read.then_some(all)
    }

    /// Whether a range has begun.
    fn is_past(&self, Bounds { from, to }: Bounds) -> bool {
        from.or(to).is_some_and(|first| first <= self.today)
    }

    fn token(&self, at: usize) -> Token {
        self.tokens.get(at).copied().unwrap_or(Token::Other)
    }

    /// What stands between a word and the one before, without white space.
    fn gap(&self, at: usize) -> Option<&'a str> {
        let (before, word) = (self.words.get(at.checked_sub(1)?)?, self.words.get(at)?);
        Some(self.query[before.range.end..word.range.start].trim())
    }

    /// Whether words belong together as far as what stands between them says.
    fn joined(&self, from: usize, to: usize) -> bool {
        (from + 1..to).all(|at| match self.gap(at) {
            Some("" | "'" | "’" | "-" | "–") => true,
            Some(",") => matches!(self.token(at), Token::Number(..)),
            Some(".") => matches!(self.token(at - 1), Token::Number(..) | Token::ShortMonth(_)),
            _ => false,
        })
    }

    fn skip(&self, at: usize, token: Token) -> usize {
        at + usize::from(self.token(at) == token)
    }

    /// Whether the word before leaves the range what it is: "not last week", "half a
    /// year ago", "two or three weeks ago", "later this year", "the week before May".
    fn is_meant(&self, at: usize) -> bool {
        const OTHERWISE: &[&str] =
            &["not", "except", "excluding", "half", "or", "later", "nicht", "außer", "halben", "excepto", "sauf"];
        let Some(before) = at.checked_sub(1) else { return true };
        let is_other = match self.token(before) {
            Token::Unit(_) => matches!(self.token(at), Token::Before | Token::After | Token::Vor),
            Token::To => before > 0 && matches!(self.token(at), Token::Number(..)),
            _ => OTHERWISE.contains(&self.words[before].text.as_str()),
        };
        !is_other
    }

    /// A range that begins at this word.
    fn range(&self, at: usize) -> Read<Bounds> {
        let (end, meant) = self.two_ends(at).or_else(|| self.one(at)).or_else(|| self.open(at))?;
        self.joined(at, end).then_some((end, meant))
    }

    /// Since, before, after, until.
    fn open(&self, at: usize) -> Read<Bounds> {
        let word = self.token(at);
        let from = match word {
            Token::Since | Token::Before | Token::After | Token::Until | Token::Vor => at + 1,
            _ => return None,
        };
        let from = self.skip(self.skip(from, Token::Of), Token::Early);
        if word == Token::Since && self.language != Language::English {
            // "Seit zwei Wochen" has no word for ago.
            let length = self.length(from);
            if let Some((end, (count, unit))) = length {
                return Some((end, Bounds { from: Some(self.back(count, unit)?), to: None }));
            }
        }
        let (end, named) = self.named(from)?;
        self.is_unambiguous(from, end, named).then_some(())?;
        let days = self.latest(named)?;
        let meant = match word {
            Token::Since => Bounds { from: Some(days.from), to: None },
            Token::After => Bounds { from: Some(days.to), to: None },
            Token::Until => Bounds { from: None, to: Some(days.to) },
            _ => Bounds { from: None, to: Some(days.from) },
        };
        Some((end, meant))
    }

    /// Between and, from to.
    fn two_ends(&self, at: usize) -> Read<Bounds> {
        let is_between = self.token(at) == Token::Between;
        if !is_between && self.token(at) != Token::From {
            return None;
        }
        let (middle, first) = self.named(at + 1)?;
        let is_parted = match self.token(middle) {
            Token::And => is_between,
            Token::To | Token::Until => !is_between,
            _ => false,
        };
        let (end, last) = self.named(middle + 1).filter(|_| is_parted)?;
        // From Monday to Friday is a habit.
        if [first, last].iter().any(|named| matches!(named, Named::Weekday(_))) {
            return None;
        }
        let to = self.latest(last)?;
        let from = match first {
            Named::Days(days) | Named::Year(days) | Named::Iso(days) => days,
            other => self.latest_until(other, to.from)?,
        };
        (from.from < to.to).then_some((end, Bounds { from: Some(from.from), to: Some(to.to) }))
    }

    /// Whether the latest such days are of this year. Otherwise those to come may be meant.
    fn is_of_this_year(&self, named: Named) -> bool {
        self.latest(named).is_some_and(|days| days.from.year() == self.today.year())
    }

    /// Days, with or without a preposition.
    fn one(&self, at: usize) -> Read<Bounds> {
        let is_on = self.token(at) == Token::On;
        let is_in = self.token(at) == Token::In;
        let from = at + usize::from(is_on || is_in || self.token(at) == Token::From);
        if is_in && let Some((end, days)) = self.past_unit(from) {
            return Some((end, days.bounds()));
        }
        if at == from && self.token(at) == Token::Today {
            let is_earlier = at > 0 && self.words[at - 1].text == "earlier";
            return (self.tense == Tense::Past || is_earlier)
                .then_some((at + 1, self.calendar(0, Unit::Day)?.bounds()));
        }
        let from = self.skip(from, Token::Early);
        let (end, named) = self.named(from)?;
        let fits = match named {
            Named::Days(_) => true,
            Named::Year(_) => is_in,
            Named::Iso(_) => is_in || is_on,
            Named::Month(_) | Named::Quarter(_) => is_in && self.tense != Tense::Future,
            Named::Day(..) => is_on && (self.tense == Tense::Past || self.is_of_this_year(named)),
            Named::Weekday(_) => is_on && self.tense == Tense::Past,
        };
        (fits && self.is_unambiguous(from, end, named)).then_some(())?;
        Some((end, self.latest(named)?.bounds()))
    }

    /// Whether a name without a year can be nothing else: "may" and "march" are also
    /// verbs, so they have a capital, or end a query that has none. After a year
    /// comes no noun that it counts.
    fn is_unambiguous(&self, from: usize, end: usize, named: Named) -> bool {
        let next = self.words.get(end).filter(|_| self.gap(end) == Some("")).map_or("", |word| word.text.as_str());
        match named {
            Named::Month(3 | 5) if self.language == Language::English => {
                let has_capitals = self.words.iter().any(|word| word.is_capitalized);
                self.words[end - 1].is_capitalized || (!has_capitals && next.is_empty())
            }
            Named::Year(_) => {
                end > from + 1
                    || !matches!(
                        next,
                        "words"
                            | "characters"
                            | "chars"
                            | "tokens"
                            | "steps"
                            | "lines"
                            | "pixels"
                            | "ways"
                            | "bytes"
                            | "points"
                            | "dollars"
                            | "euros"
                    )
            }
            _ => true,
        }
    }

    /// Days as they are named, from this word on.
    fn named(&self, at: usize) -> Read<Named> {
        let after_the = self.skip(at, Token::The);
        let days = |(end, days)| (end, Named::Days(days));
        self.ago(at)
            .or_else(|| self.relative(after_the))
            .map(days)
            .or_else(|| self.iso(at))
            .or_else(|| self.date(after_the))
            .or_else(|| self.plain(after_the))
    }

    /// "Two weeks".
    fn length(&self, at: usize) -> Read<(i32, Unit)> {
        let Token::Number(count, digits) = self.token(at) else { return None };
        let at = self.skip(at + 1, Token::Of);
        let Token::Unit(unit) = self.token(at) else { return None };
        (count > 0 && digits <= 3 && unit != Unit::Weekend).then_some((at + 1, (count, unit)))
    }

    /// "Two weeks ago".
    fn ago(&self, at: usize) -> Read<Days> {
        let is_before = matches!(self.token(at), Token::AgoPrefix | Token::Vor);
        let from = match (self.token(at), self.language) {
            (Token::AgoPrefix, Language::French) => at + 3,
            _ => at + usize::from(is_before),
        };
        // "A couple of weeks", "a few weeks".
        let from = from
            + usize::from(matches!(
                (self.token(from), self.token(from + 1)),
                (Token::Number(1, 0), Token::Number(2 | 3, 0))
            ));
        let (end, (count, unit)) = self.length(from)?;
        let end = if is_before {
            end
        } else if self.token(end) == Token::Ago {
            end + 1
        } else {
            return None;
        };
        let days = match unit {
            Unit::Hour => {
                let day = self.back(count, unit)?;
                Days { from: day, to: day.tomorrow().ok()? }
            }
            _ => self.calendar(count, unit)?,
        };
        Some((end, days))
    }

    /// Yesterday, last week, this month, the last three days, last Tuesday. Not the
    /// last year of something, and not last weeks without their number.
    fn relative(&self, at: usize) -> Read<Days> {
        let (end, days) = self.relative_to_now(at)?;
        let is_of = self.language == Language::English && self.token(end) == Token::Of;
        let has_number = (at..end).any(|at| matches!(self.token(at), Token::Number(..)));
        let is_plural = self.words[at..end].iter().any(|word| words::is_plural(&word.text));
        (!is_of && (has_number || !is_plural)).then_some((end, days))
    }

    fn relative_to_now(&self, at: usize) -> Read<Days> {
        let has_the = at > 0 && self.token(at - 1) == Token::The;
        let [first, second, third] = [at, at + 1, at + 2].map(|at| self.token(at));
        match (first, second, third) {
            (Token::Yesterday, ..) => Some((at + 1, self.calendar(1, Unit::Day)?)),
            (Token::BeforeYesterday, ..) => Some((at + 1, self.calendar(2, Unit::Day)?)),
            (Token::Unit(Unit::Day), Token::Before, Token::Yesterday) => Some((at + 3, self.calendar(2, Unit::Day)?)),
            (Token::Before, Token::Yesterday, _)
                if self.language == Language::French && self.gap(at + 1) == Some("-") =>
            {
                Some((at + 2, self.calendar(2, Unit::Day)?))
            }
            (Token::Unit(unit), Token::Before, Token::Last) if has_the && is_calendar(unit) => {
                Some((at + 3, self.calendar(2, unit)?))
            }
            (Token::Last | Token::Past, Token::Number(count, digits), Token::Unit(unit))
            | (Token::Number(count, digits), Token::Last, Token::Unit(unit))
                if count > 0 && digits <= 3 =>
            {
                Some((at + 3, self.rolling(count, unit)?))
            }
            (Token::This, Token::Past | Token::Last, Token::Unit(unit)) if is_calendar(unit) => {
                Some((at + 3, self.rolling(1, unit)?))
            }
            (Token::Past, Token::Unit(unit), _) if is_calendar(unit) => Some((at + 2, self.rolling(1, unit)?)),
            (Token::Last, Token::Unit(unit), _) if is_calendar(unit) => Some((at + 2, self.calendar(1, unit)?)),
            (Token::Unit(unit), Token::Last, _) if is_calendar(unit) && self.language != Language::English => {
                Some((at + 2, self.calendar(1, unit)?))
            }
            (Token::This, Token::Unit(unit), _)
                if is_calendar(unit) && unit != Unit::Weekend && self.tense != Tense::Future =>
            {
                Some((at + 2, self.calendar(0, unit)?))
            }
            (Token::Last, Token::Weekday(day), _) => Some((at + 2, self.weekday(day)?)),
            (Token::Weekday(day), Token::Last, _) if self.language != Language::English => {
                Some((at + 2, self.weekday(day)?))
            }
            (Token::Last, Token::Month(month), _) => Some((at + 2, self.last_month(month)?)),
            (Token::Month(month), Token::Last, _) if self.language != Language::English => {
                Some((at + 2, self.last_month(month)?))
            }
            _ => None,
        }
    }

    /// After "in": "the last week" is the seven days until now.
    fn past_unit(&self, at: usize) -> Read<Days> {
        let from = self.skip(at, Token::The);
        match (self.token(from), self.token(from + 1)) {
            _ if self.token(from + 2) == Token::Of => None,
            (Token::Last | Token::Past, Token::Unit(unit)) if from > at && is_calendar(unit) => {
                Some((from + 2, self.rolling(1, unit)?)).filter(|_| self.language == Language::English)
            }
            _ => None,
        }
    }

    /// 2025-03-04, 2025-03.
    fn iso(&self, at: usize) -> Read<Named> {
        let is_dashed =
            |at: usize| self.gap(at) == Some("-") && self.words[at].range.start == self.words[at - 1].range.end + 1;
        let (Token::Number(year, 4), Token::Number(month, 2)) = (self.token(at), self.token(at + 1)) else {
            return None;
        };
        let month = i8::try_from(month).ok().filter(|_| is_dashed(at + 1))?;
        if let Token::Number(day, 2) = self.token(at + 2)
            && is_dashed(at + 2)
        {
            let day = Date::new(i16::try_from(year).ok()?, month, i8::try_from(day).ok()?).ok()?;
            return Some((at + 3, Named::Iso(Days { from: day, to: day.tomorrow().ok()? })));
        }
        (self.gap(at + 2) != Some("-")).then_some(())?;
        Some((at + 2, Named::Iso(month_of(year, month)?)))
    }

    /// March 4, 2025; the 4th of March; März 2025; Q1 2025.
    fn date(&self, at: usize) -> Read<Named> {
        let month = |token, has_number| match token {
            Token::Month(month) => Some(month),
            Token::ShortMonth(month) if has_number => Some(month),
            _ => None,
        };
        let day = |token| match token {
            Token::Number(day @ 1..=31, 1 | 2) => i8::try_from(day).ok(),
            Token::Ordinal(day @ 1..=31) => Some(day),
            _ => None,
        };
        let (end, day, month) = if let (Some(month), Some(day)) = (month(self.token(at), true), day(self.token(at + 1)))
        {
            (at + 2, Some(day), month)
        } else if let Some(day) = day(self.token(at)) {
            let next = self.skip(at + 1, Token::Of);
            (next + 1, Some(day), month(self.token(next), true)?)
        } else {
            let has_year = self.year(self.skip(at + 1, Token::Of)).is_some();
            if let Token::Quarter(quarter) = self.token(at) {
                let (end, year) = self.year(self.skip(at + 1, Token::Of))?;
                return Some((end, Named::Days(quarter_of(year, quarter)?)));
            }
            (at + 1, None, month(self.token(at), has_year).filter(|_| has_year)?)
        };
        match (self.year(self.skip(end, Token::Of)), day) {
            (Some((end, year)), Some(day)) => {
                let day = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
                Some((end, Named::Days(Days { from: day, to: day.tomorrow().ok()? })))
            }
            (Some((end, year)), None) => Some((end, Named::Days(month_of(year, month)?))),
            (None, Some(day)) => Some((end, Named::Day(month, day))),
            (None, None) => None,
        }
    }

    /// A month, a year, a quarter or a day of the week by its name alone.
    fn plain(&self, at: usize) -> Read<Named> {
        let named = match self.token(at) {
            Token::Month(month) => Named::Month(month),
            Token::Quarter(quarter) => Named::Quarter(quarter),
            Token::Weekday(day) => Named::Weekday(day),
            _ => {
                let (_, year) = self.year(at)?;
                let from = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
                let days = Days { from, to: from.checked_add(jiff::Span::new().years(1)).ok()? };
                Named::Year(days)
            }
        };
        Some((at + 1, named))
    }

    /// A year of which there can be a conversation.
    fn year(&self, at: usize) -> Read<i32> {
        let Token::Number(year @ 2000.., 4) = self.token(at) else { return None };
        // A part of a longer number or name goes on at once.
        let end = self.words[at].range.end;
        let is_whole = self.words.get(at + 1).is_none_or(|next| {
            self.query[end..next.range.start].contains(|c: char| c.is_whitespace() || matches!(c, '\'' | '’'))
        });
        (is_whole && year <= i32::from(self.today.year())).then_some((at + 1, year))
    }

    /// The days that a name means: the latest that have begun.
    fn latest(&self, named: Named) -> Option<Days> {
        self.latest_until(named, self.today)
    }

    /// The latest that have begun by a day.
    fn latest_until(&self, named: Named, last: Date) -> Option<Days> {
        let of_year = |days: &dyn Fn(i32) -> Option<Days>| {
            let year = i32::from(last.year());
            // The 29th of February is up to eight years away.
            (0..=8).filter_map(|back| days(year - back)).find(|days| days.from <= last)
        };
        match named {
            Named::Days(days) | Named::Year(days) | Named::Iso(days) => Some(days),
            Named::Weekday(day) => self.weekday(day),
            Named::Month(month) => of_year(&|year| month_of(year, month)),
            Named::Quarter(quarter) => of_year(&|year| quarter_of(year, quarter)),
            Named::Day(month, day) => of_year(&|year| {
                let day = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
                Some(Days { from: day, to: day.tomorrow().ok()? })
            }),
        }
    }

    /// The month of this name that is over.
    fn last_month(&self, month: i8) -> Option<Days> {
        let year = i32::from(self.today.year());
        let days = month_of(year, month)?;
        if days.to <= self.today { Some(days) } else { month_of(year - 1, month) }
    }

    /// The latest such day before today.
    fn weekday(&self, day: Weekday) -> Option<Days> {
        let from = self.today.nth_weekday(-1, day).ok()?;
        Some(Days { from, to: from.tomorrow().ok()? })
    }

    /// The day that is this long ago.
    fn back(&self, count: i32, unit: Unit) -> Option<Date> {
        let count = i64::from(count);
        let span = jiff::Span::new();
        let span = match unit {
            Unit::Hour => return Some(self.now.checked_sub(span.hours(count)).ok()?.date()),
            Unit::Day => span.days(count),
            Unit::Week | Unit::Weekend => span.weeks(count),
            Unit::Month => span.months(count),
            Unit::Quarter => span.months(3 * count),
            Unit::Year => span.years(count),
        };
        self.today.checked_sub(span).ok()
    }

    /// This many of a unit until now, today included.
    fn rolling(&self, count: i32, unit: Unit) -> Option<Days> {
        Some(Days { from: self.back(count, unit)?, to: self.today.tomorrow().ok()? })
    }

    /// The unit of the calendar that is this many back.
    fn calendar(&self, count: i32, unit: Unit) -> Option<Days> {
        let day = self.back(count, unit)?;
        let monday = || day.checked_sub(jiff::Span::new().days(day.weekday().to_monday_zero_offset())).ok();
        let year = i32::from(day.year());
        match unit {
            Unit::Hour | Unit::Day => Some(Days { from: day, to: day.tomorrow().ok()? }),
            Unit::Week => Some(Days { from: monday()?, to: monday()?.checked_add(jiff::Span::new().weeks(1)).ok()? }),
            Unit::Weekend => {
                let to = monday()?.checked_add(jiff::Span::new().weeks(1)).ok()?;
                Some(Days { from: to.checked_sub(jiff::Span::new().days(2)).ok()?, to })
            }
            Unit::Month => month_of(year, day.month()),
            Unit::Quarter => quarter_of(year, (day.month() - 1) / 3 + 1),
            Unit::Year => {
                let from = day.first_of_year();
                Some(Days { from, to: from.checked_add(jiff::Span::new().years(1)).ok()? })
            }
        }
    }
}

/// Whether a unit has a place in the calendar. The last day is that of anything.
fn is_calendar(unit: Unit) -> bool {
    !matches!(unit, Unit::Hour | Unit::Day)
}

fn month_of(year: i32, month: i8) -> Option<Days> {
    months_of(year, month, 1)
}

fn quarter_of(year: i32, quarter: i8) -> Option<Days> {
    months_of(year, 3 * quarter - 2, 3)
}

fn months_of(year: i32, first: i8, count: i8) -> Option<Days> {
    let from = Date::new(i16::try_from(year).ok()?, first, 1).ok()?;
    Some(Days { from, to: from.checked_add(jiff::Span::new().months(count)).ok()? })
}

fn is_german(words: &[Word]) -> bool {
    const GERMAN: &[&str] = &[
        "ich", "wir", "der", "die", "das", "den", "und", "ist", "was", "wie", "wo", "nicht", "ein", "eine", "über",
        "haben", "hat", "gibt", "steht",
    ];
    words.iter().any(|word| GERMAN.contains(&word.text.as_str()))
}

/// The tense of an English question, by the words that often give it.
fn tense(words: &[Word]) -> Tense {
    const PAST: &[&str] = &[
        "did", "was", "were", "had", "said", "told", "wrote", "sent", "gave", "spoke", "came", "went", "made", "found",
        "thought", "took", "got", "saw", "chose",
    ];
    const FUTURE: &[&str] = &[
        "will", "ll", "should", "shall", "going", "gonna", "next", "upcoming", "tomorrow", "can", "could", "would",
        "want",
    ];
    let is_past = |word: &Word| {
        let text = word.text.as_str();
        PAST.contains(&text) || (text.len() > 4 && text.ends_with("ed") && !text.ends_with("eed"))
    };
    if words.iter().any(is_past) {
        Tense::Past
    } else if words.iter().any(|word| FUTURE.contains(&word.text.as_str())) {
        Tense::Future
    } else {
        Tense::Unknown
    }
}

#[cfg(test)]
mod tests;
