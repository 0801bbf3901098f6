use proptest::prelude::*;

use super::*;

/// Wednesday, 18 March 2026, half past nine in the morning.
const NOW: &str = "2026-03-18T09:30:00Z";

fn of(query: &str) -> Option<When> {
    When::of(query, Micros::parse(NOW).expect("is a time"), Offset::UTC)
}

/// `from..to` in days, and what is left of the query.
fn shown(query: &str) -> String {
    let Some(when) = of(query) else { return "nothing".to_owned() };
    let day = |at: Option<Micros>| {
        at.map_or(String::new(), |at| at.rfc3339().strip_suffix("T00:00:00Z").expect("is a midnight").to_owned())
    };
    format!("{}..{} {}", day(when.after), day(when.before), when.rest(query)).trim_end().to_owned()
}

fn check(table: &[(&str, &str)]) {
    let wrong: Vec<_> = table.iter().filter(|(query, expected)| shown(query) != *expected).collect();
    let shown: Vec<_> =
        wrong.iter().map(|(query, expected)| format!("{query}: {} and not {expected}", shown(query))).collect();
    assert!(wrong.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn days_weeks_months_and_years_that_are_past() {
    check(&[
        ("what did we discuss yesterday", "2026-03-17..2026-03-18 what did we discuss"),
        ("Yesterday's recipe", "2026-03-17..2026-03-18 recipe"),
        ("the day before yesterday we spoke of cats", "2026-03-16..2026-03-17 we spoke of cats"),
        ("what did I ask earlier today?", "2026-03-18..2026-03-19 what did I ask earlier ?"),
        ("last week", "2026-03-09..2026-03-16"),
        ("the plan from last week", "2026-03-09..2026-03-16 the plan"),
        ("last week's plan", "2026-03-09..2026-03-16 plan"),
        ("the week before last: taxes", "2026-03-02..2026-03-09 : taxes"),
        ("what happened last weekend", "2026-03-14..2026-03-16 what happened"),
        ("last month rust questions", "2026-02-01..2026-03-01 rust questions"),
        ("notes of the previous month", "2026-02-01..2026-03-01 notes of"),
        ("last quarter numbers", "2025-10-01..2026-01-01 numbers"),
        ("what books did I read last year?", "2025-01-01..2026-01-01 what books did I read ?"),
        ("this year", "2026-01-01..2027-01-01"),
        ("bugs fixed this month", "2026-03-01..2026-04-01 bugs fixed"),
        ("what have I asked this week", "2026-03-16..2026-03-23 what have I asked"),
        ("LAST MONTH", "2026-02-01..2026-03-01"),
    ]);
}

#[test]
fn lengths_of_time() {
    check(&[
        ("two weeks ago", "2026-03-02..2026-03-09"),
        ("a week ago I asked about tea", "2026-03-09..2026-03-16 I asked about tea"),
        ("3 days ago", "2026-03-15..2026-03-16"),
        ("a few months ago", "2025-12-01..2026-01-01"),
        ("a couple of years ago", "2024-01-01..2025-01-01"),
        ("10 hours ago", "2026-03-17..2026-03-18"),
        ("in the last 3 days", "2026-03-15..2026-03-19"),
        ("over the past two weeks", "2026-03-04..2026-03-19"),
        ("in the last week", "2026-03-11..2026-03-19"),
        ("the past month", "2026-02-18..2026-03-19"),
        ("this past year", "2025-03-18..2026-03-19"),
        ("last 48 hours", "2026-03-16..2026-03-19"),
    ]);
}

#[test]
fn months_years_and_dates_by_name() {
    check(&[
        ("what did we decide in March", "2026-03-01..2026-04-01 what did we decide"),
        ("in april", "2025-04-01..2025-05-01"),
        ("in May", "2025-05-01..2025-06-01"),
        ("recipes in late May", "2025-05-01..2025-06-01 recipes"),
        ("last May", "2025-05-01..2025-06-01"),
        ("last March", "2025-03-01..2025-04-01"),
        ("in March 2025", "2025-03-01..2025-04-01"),
        ("March 2025 notes", "2025-03-01..2025-04-01 notes"),
        ("Mar 2025 notes", "2025-03-01..2025-04-01 notes"),
        ("during March of 2025", "2025-03-01..2025-04-01"),
        ("on March 3", "2026-03-03..2026-03-04"),
        ("what was new on the 3rd of April", "2025-04-03..2025-04-04 what was new"),
        ("March 3rd, 2025: the call", "2025-03-03..2025-03-04 : the call"),
        ("3 March 2025", "2025-03-03..2025-03-04"),
        ("on 2025-03-04", "2025-03-04..2025-03-05"),
        ("in 2025-03 invoices", "2025-03-01..2025-04-01 invoices"),
        ("what did I learn in 2024?", "2024-01-01..2025-01-01 what did I learn ?"),
        ("Q4 2025 goals", "2025-10-01..2026-01-01 goals"),
        ("in Q1", "2026-01-01..2026-04-01"),
        ("what was said on Tuesday", "2026-03-17..2026-03-18 what was said"),
        ("on wednesday we talked about ants", "2026-03-11..2026-03-12 we talked about ants"),
        ("last Friday", "2026-03-13..2026-03-14"),
    ]);
}

#[test]
fn ranges_with_one_end_or_two() {
    check(&[
        ("between May and July", "2025-05-01..2025-08-01"),
        ("between May and July 2024", "2024-05-01..2024-08-01"),
        ("between November and February", "2025-11-01..2026-03-01"),
        ("between May 2023 and July 2024", "2023-05-01..2024-08-01"),
        ("from 2022 to 2024", "2022-01-01..2025-01-01"),
        ("from January 5 to February 2", "2026-01-05..2026-02-03"),
        ("between yesterday and last week", "2026-03-09..2026-03-18 between and"),
        ("before June", "..2025-06-01"),
        ("before last week", "..2026-03-09"),
        ("before 2025 only", "..2025-01-01 only"),
        ("since Tuesday", "2026-03-17.."),
        ("since last month", "2026-02-01.."),
        ("since 2023", "2023-01-01.."),
        ("after January", "2026-02-01.."),
        ("until February", "..2026-03-01"),
        ("since January and before March", "2026-01-01..2026-03-01 and"),
        ("compare January 2025 with January 2026", "2025-01-01..2026-02-01 compare with"),
    ]);
}

#[test]
fn other_languages() {
    check(&[
        ("was haben wir letzten Monat besprochen", "2026-02-01..2026-03-01 was haben wir besprochen"),
        ("letzte Woche", "2026-03-09..2026-03-16"),
        ("gestern", "2026-03-17..2026-03-18"),
        ("vorgestern", "2026-03-16..2026-03-17"),
        ("vor zwei Wochen", "2026-03-02..2026-03-09"),
        ("vor einem Jahr", "2025-01-01..2026-01-01"),
        ("im März 2025", "2025-03-01..2025-04-01"),
        ("im Mai", "2025-05-01..2025-06-01"),
        ("am 3. März 2025", "2025-03-03..2025-03-04"),
        ("seit Dienstag", "2026-03-17.."),
        ("seit zwei Wochen", "2026-03-04.."),
        ("zwischen Mai und Juli", "2025-05-01..2025-08-01"),
        ("in den letzten drei Monaten", "2025-12-18..2026-03-19"),
        ("vor Juni", "..2025-06-01"),
        ("dieses Jahr", "2026-01-01..2027-01-01"),
        ("qué dijimos ayer", "2026-03-17..2026-03-18 qué dijimos"),
        ("la semana pasada", "2026-03-09..2026-03-16"),
        ("el mes pasado", "2026-02-01..2026-03-01"),
        ("hace dos semanas", "2026-03-02..2026-03-09"),
        ("en marzo de 2025", "2025-03-01..2025-04-01"),
        ("desde el martes", "2026-03-17.."),
        ("entre mayo y julio", "2025-05-01..2025-08-01"),
        ("antes de junio", "..2025-06-01"),
        ("los últimos tres meses", "2025-12-18..2026-03-19"),
        ("qu'avons-nous dit hier", "2026-03-17..2026-03-18 qu'avons-nous dit"),
        ("avant-hier", "2026-03-16..2026-03-17"),
        ("la semaine dernière", "2026-03-09..2026-03-16"),
        ("le mois dernier", "2026-02-01..2026-03-01"),
        ("l'année dernière", "2025-01-01..2026-01-01"),
        ("il y a deux semaines", "2026-03-02..2026-03-09"),
        ("en mars 2025", "2025-03-01..2025-04-01"),
        ("depuis mardi", "2026-03-17.."),
        ("entre mai et juillet", "2025-05-01..2025-08-01"),
        ("ces trois derniers mois", "2025-12-18..2026-03-19 ces"),
    ]);
}

/// Queries that name no range, though words for time are in them.
const TIMELESS: &[&str] = &[
    "",
    "may I ask you something",
    "It may rain before we march on",
    "they march on Rome",
    "in march on rome",
    "what may be in march order",
    "the second option",
    "wait a second",
    "last second changes",
    "I said last",
    "the last time we met",
    "my last message",
    "last but not least",
    "the last day of school",
    "at last",
    "past tense of go",
    "walk past the week old bread",
    "next week",
    "tomorrow",
    "in two weeks",
    "next month plans",
    "what should I cook today",
    "what should I cook this week",
    "today's weather",
    "where should I travel in March",
    "will it rain in May",
    "what is open on Tuesday",
    "from Monday to Friday",
    "Tuesday",
    "March",
    "May",
    "june bug",
    "april fools joke",
    "email from May",
    "summarize in 2000 words",
    "the 2024 report",
    "the war in 1945",
    "in 2030",
    "model 2025",
    "room 2024-31",
    "chapter 3",
    "between 2 and 3",
    "version 2025.03",
    "on 03/04/2025",
    "the song \"Yesterday\"",
    "the film “Last week”",
    "since you asked",
    "since it may be late",
    "before lunch",
    "after all",
    "until now",
    "between us",
    "in time",
    "every day",
    "a day",
    "two weeks",
    "for two weeks",
    "five days of work",
    "mar the surface",
    "dec the halls",
    "sun and sat",
    "in the morning",
    "weekly plan",
    "monthly",
    "Gib es hier etwas Neues, was steht hier",
    "wo ist das hier",
    "der letzte Tag",
    "vor allem",
    "vor dem Haus",
    "in der Woche",
    "planète mars",
    "la dernière fois",
    "por la mañana",
    "el último día",
    "month last paid",
    "this time",
    "0 days ago",
    "99999 years ago",
    "9999 years ago",
    "since, well, May",
    "last, week",
    "in. March",
    "in 2020 steps",
    "in 2023 dollars",
    "the last year of college",
    "during the last 2 years of war",
    "how do I parse 2025-03-04",
    "format 2025-03-04T10:00:00Z",
    "in 2025-03-04T10:00",
    "the meeting is on April 30",
    "half a year ago",
    "two to three weeks ago",
    "two or three weeks ago",
    "not last week",
    "all except last month",
    "later this year",
    "the week before August 3, 2025",
    "two weeks after May 2025",
    "in den letzten Wochen",
    "vor einem halben Jahr",
    "the Fourth of July",
    "Friday the 13th",
    "April 31 2025",
    "last ten",
    "May 5 people come",
    "the year 2024 model",
];

#[test]
fn words_that_only_look_like_time_are_left_alone() {
    let found: Vec<_> =
        TIMELESS.iter().filter(|query| of(query).is_some()).map(|query| (query, shown(query))).collect();
    assert_eq!(found, []);
}

#[test]
fn the_day_is_that_of_the_asker() {
    let now = Micros::parse("2026-03-18T23:30:00Z").expect("is a time");
    let when = |hours| When::of("yesterday", now, Offset::constant(hours)).expect("is a range").after;
    assert_eq!(when(0), Micros::parse("2026-03-17"));
    assert_eq!(when(2), Micros::parse("2026-03-17T22:00:00Z"));
    assert_eq!(when(-8), Micros::parse("2026-03-17T08:00:00Z"));
}

#[test]
fn a_leap_day_and_the_ends_of_years_are_days_like_others() {
    let at = |now: &str, query: &str| {
        let when = When::of(query, Micros::parse(now).expect("is a time"), Offset::UTC).expect("is a range");
        (when.after.expect("is bounded").rfc3339(), when.before.expect("is bounded").rfc3339())
    };
    assert_eq!(at("2026-01-01", "yesterday").0, "2025-12-31T00:00:00Z");
    assert_eq!(at("2026-01-01", "last week"), ("2025-12-22T00:00:00Z".to_owned(), "2025-12-29T00:00:00Z".to_owned()));
    assert_eq!(at("2026-01-15", "last quarter").0, "2025-10-01T00:00:00Z");
    assert_eq!(at("2026-05-01", "sent on February 29").0, "2024-02-29T00:00:00Z");
    assert_eq!(at("2026-05-31", "the past 3 months").0, "2026-02-28T00:00:00Z");
}

/// Otherwise it would not come to an end before the tests are stopped.
#[test]
fn a_query_of_many_words_is_read_once() {
    for word in ["hier ", "last week ", "il y a ", "between 2024 and "] {
        let _ = When::of(&word.repeat(30_000), Micros(1_795_500_000_000_000), Offset::UTC);
    }
}

proptest! {
    #[test]
    fn any_query_at_any_time_is_read(query in "\\PC{0,60}|((last|this|in|since|May|two|weeks|ago|2024|Tuesday|between|and|on|3|vor|hier|mois|'|-|\")[ ]?){0,12}", now in any::<i64>(), hours in -25_i8..=25) {
        let Some(when) = When::of(&query, Micros(now), Offset::constant(hours)) else { return Ok(()) };
        prop_assert!(!when.taken.is_empty());
        prop_assert!(when.taken.windows(2).all(|pair| pair[0].end <= pair[1].start));
        if let (Some(after), Some(before)) = (when.after, when.before) {
            prop_assert!(after < before);
        }
        prop_assert!(when.rest(&query).len() <= query.len());
    }
}
