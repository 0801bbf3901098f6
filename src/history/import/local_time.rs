//! Times as Google's HTML writes them: in the time and language of whoever
//! exported, such as `Jul 3, 2025, 5:04:12 PM PDT` or `2026年8月3日 下午4:05:00 CST`.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::clock::Micros;

/// Whether a text looks like a date with a time of day and nothing else, in whatever language.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    let numbers = numbers(text);
    let year = numbers.iter().any(|(_, number)| (1990..=2100).contains(number));
    let clock = clock(text).is_some();
    year && clock && (4..=7).contains(&numbers.len()) && text.chars().count() <= 64
}

/// Reads a date and time. `None` where the month is written in a language that is not known, or the zone is not known:
/// a time that would be wrong is worse than none.
#[must_use]
pub fn parse(text: &str) -> Option<Micros> {
    let text: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let (clock_start, clock_end, [mut hour, minute, second]) = clock(&text)?;
    let date = numbers(&text).into_iter().filter(|(at, _)| *at < clock_start).map(|(_, number)| number);
    let date: Vec<u32> = date.collect();
    let (year, month, day) = match (&date[..], month(&text[..clock_start])) {
        (&([day, year] | [year, day]), Some(month)) if day <= 31 && year > 31 => (year, month, day),
        (&[year, month, day], None) if year > 31 => (year, month, day),
        // Day and month are in doubt with a slash; with dots the day is first everywhere.
        (&[day, month, year], None) if year > 31 && text[..clock_start].contains('.') => (year, month, day),
        _ => return None,
    };
    let afternoon = ["PM", "pm", "p.m.", "p. m.", "下午", "午後", "오후"].iter().any(|mark| text.contains(mark));
    let morning = ["AM", "am", "a.m.", "a. m.", "上午", "午前", "오전", "凌晨"].iter().any(|mark| text.contains(mark));
    hour = match hour {
        12 if morning => 0,
        1..12 if afternoon => hour + 12,
        _ => hour,
    };
    let part = |number: u32| i8::try_from(number).ok();
    let local = DateTime::new(
        i16::try_from(year).ok()?,
        part(month)?,
        part(day)?,
        part(hour)?,
        part(minute)?,
        part(second)?,
        0,
    );
    let offset = zone(text[clock_end..].trim(), text.contains('年'))?;
    Some(Micros(offset.to_timestamp(local.ok()?).ok()?.as_microsecond()))
}

/// Where a time of day stands, and its hour, minute and second.
fn clock(text: &str) -> Option<(usize, usize, [u32; 3])> {
    let numbers = numbers(text);
    for (index, (at, hour)) in numbers.iter().enumerate() {
        let mut end = at + digits(&text[*at..]);
        let mut found = [*hour, 0, 0];
        let mut count = 1;
        for (next, number) in numbers.iter().skip(index + 1).take(2) {
            if text[end..*next] != *":" {
                break;
            }
            found[count] = *number;
            count += 1;
            end = next + digits(&text[*next..]);
        }
        if count >= 2 && found[0] < 24 && found[1] < 60 && found[2] < 60 {
            return Some((*at, end, found));
        }
    }
    None
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The numbers in a text, and where each begins.
fn numbers(text: &str) -> Vec<(usize, u32)> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c: char| c.is_ascii_digit()).map(|found| at + found) {
        let length = digits(&text[start..]);
        numbers.push((start, text[start..start + length].parse().unwrap_or(u32::MAX)));
        at = start + length;
    }
    numbers
}

/// The names of months, short and long, in English, French, Spanish, Portuguese, Italian, German and Dutch. No word is
/// of two months.
const MONTHS: [&[&str]; 12] = [
    &[
        "jan", "january", "janv", "janvier", "ene", "enero", "janeiro", "gen", "gennaio", "januar", "jän", "jänner",
        "januari",
    ],
    &["feb", "february", "févr", "fév", "février", "febrero", "fev", "fevereiro", "febbraio", "februar", "februari"],
    &["mar", "march", "mars", "marzo", "março", "mär", "märz", "mrt", "maart"],
    &["apr", "april", "avr", "avril", "abr", "abril", "aprile"],
    &["may", "mai", "mayo", "maio", "mag", "maggio", "mei"],
    &["jun", "june", "juin", "junio", "junho", "giu", "giugno", "juni"],
    &["jul", "july", "juil", "juillet", "julio", "julho", "lug", "luglio", "juli"],
    &["aug", "august", "août", "ago", "agosto", "augustus"],
    &["sep", "sept", "september", "septembre", "septiembre", "set", "setembro", "settembre"],
    &["oct", "october", "octobre", "octubre", "out", "outubro", "ott", "ottobre", "okt", "oktober"],
    &["nov", "november", "novembre", "noviembre", "novembro"],
    &["dec", "december", "déc", "décembre", "dic", "diciembre", "dez", "dezembro", "dicembre", "dezember"],
];

fn month(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_alphabetic()).find_map(|word| {
        let word = word.to_lowercase();
        let at = MONTHS.iter().position(|names| names.contains(&&*word))?;
        u32::try_from(at + 1).ok()
    })
}

/// The offset of a zone. `CST` is China's time in dates written with 年, and otherwise America's; `IST` is India's.
fn zone(text: &str, chinese: bool) -> Option<Offset> {
    let name = text.split(' ').rfind(|word| !matches!(*word, "AM" | "PM" | "am" | "pm" | "a.m." | "p.m."))?;
    if let Some(offset) = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")) {
        return offset_of(offset);
    }
    let minutes = match name {
        "Z" | "WET" => 0,
        "BST" | "WEST" | "CET" | "MEZ" => 60,
        "CEST" | "MESZ" | "EET" | "SAST" => 120,
        "EEST" | "MSK" => 180,
        "IST" => 330,
        "SGT" | "HKT" | "AWST" => 480,
        "CST" if chinese => 480,
        "JST" | "KST" => 540,
        "ACST" => 570,
        "AEST" => 600,
        "ACDT" => 630,
        "AEDT" => 660,
        "NZST" => 720,
        "NZDT" => 780,
        "BRT" | "ART" | "ADT" => -180,
        "EDT" | "AST" => -240,
        "EST" | "CDT" => -300,
        "CST" | "MDT" => -360,
        "MST" | "PDT" => -420,
        "PST" | "AKDT" => -480,
        "AKST" => -540,
        "HST" => -600,
        _ => return None,
    };
    Offset::from_seconds(minutes * 60).ok()
}

/// `+02:00`, `-3`, `+0530`; nothing is UTC.
fn offset_of(text: &str) -> Option<Offset> {
    let Some(sign) = text.chars().next() else { return Some(Offset::UTC) };
    let sign = match sign {
        '+' => 1,
        '-' | '−' => -1,
        _ => return None,
    };
    let (hours, minutes) = match numbers(text)[..] {
        [(_, hours), (_, minutes)] => (hours, minutes),
        [(_, both)] if both >= 100 => (both / 100, both % 100),
        [(_, hours)] => (hours, 0),
        _ => return None,
    };
    let seconds = i32::try_from(hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?).ok()?;
    Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{looks_like_one, parse};

    #[test]
    fn times_are_read_with_their_zones() {
        for (text, time) in [
            ("Jul 3, 2025, 5:04:12\u{202f}PM PDT", "2025-07-04T00:04:12Z"),
            ("Sept 3, 2025, 12:04:12 AM UTC", "2025-09-03T00:04:12Z"),
            ("3 July 2025, 17:04:12 BST", "2025-07-03T16:04:12Z"),
            ("3 Jul 2025, 17:04:12 GMT+05:30", "2025-07-03T11:34:12Z"),
            ("2026年8月3日 下午4:05:06 CST", "2026-08-03T08:05:06Z"),
            ("2026/08/03 16:05:06 JST", "2026-08-03T07:05:06Z"),
            ("03.08.2026, 16:05:06 MESZ", "2026-08-03T14:05:06Z"),
            ("Dec 3, 2025, 5:04:12 PM CST", "2025-12-03T23:04:12Z"),
            ("28 févr. 2026, 22:30:00 CET", "2026-02-28T21:30:00Z"),
            ("10 de mai. de 2026, 03:46:09 BRT", "2026-05-10T06:46:09Z"),
            ("3 ago 2026, 5:30:00 p.\u{a0}m. CEST", "2026-08-03T15:30:00Z"),
            ("3 lug 2026, 22:30:00 CEST", "2026-07-03T20:30:00Z"),
            ("17. März 2026, 22:30:00 MEZ", "2026-03-17T21:30:00Z"),
        ] {
            assert!(looks_like_one(text), "{text}");
            assert_eq!(parse(text).unwrap_or_else(|| panic!("{text}")).rfc3339(), time, "{text}");
        }
    }

    #[test]
    fn no_word_is_of_two_months() {
        let mut words: Vec<&str> = super::MONTHS.into_iter().flatten().copied().collect();
        words.sort_unstable();
        assert!(words.is_sorted_by(|a, b| a < b), "{words:?}");
    }

    #[test]
    fn what_is_in_doubt_is_no_time() {
        for text in [
            "3 lipca 2025, 17:04:12 CEST",
            "2026年8月3日 下午4:05",
            "03/08/2026, 16:05:06 UTC",
            "Jul 3, 2025, 5:04:12 PM XYZ",
        ] {
            assert!(looks_like_one(text), "{text}");
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn sentences_do_not_look_like_times() {
        for text in [
            "Meet me at 10:30",
            "In 2024 I had 3 cats",
            "",
            "What happened in 2001 and 2002 and 2003 and 1 2 3 4 at 10:30?",
        ] {
            assert!(!looks_like_one(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", like in "[0-9:., 年/PMAGTUC+-]{0,40}") {
            for text in [text, like] {
                let _ = (looks_like_one(&text), parse(&text));
            }
        }
    }
}
