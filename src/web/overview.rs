//! The first page: what is stored, how it grew, how it is used, and how it is doing.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::layout::thousands;
use super::plot::{Plot, Time, Unit, percent};
use super::{Layout, Shown, SignedIn, page};
use crate::app::App;
use crate::error::Error;
use crate::overview::usage::{Day, Kind};
use crate::overview::{Began, Snapshot, snapshot};
use crate::search::Kept;

/// How far plots look back: what the address says, what the page says, days, and
/// how many of them are one bar.
const PERIODS: &[(&str, &str, i64, i64)] =
    &[("30", "30 days", 30, 1), ("90", "90 days", 90, 1), ("year", "a year, by weeks", 364, 7)];
/// Most sources that are named; the rest is one more.
const MOST_SOURCES: usize = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    layout: Layout,
    is_empty: bool,
    tiles: Vec<Tile>,
    due: Option<Due>,
    period: &'static str,
    plots: Vec<Plot>,
    shares: Vec<Shares>,
    health: Vec<Line>,
}

/// A number, and the page that shows what was counted.
struct Tile {
    label: &'static str,
    path: &'static str,
    count: String,
}

/// What the trash lets go of next.
struct Due {
    at: String,
    count: String,
    is_one: bool,
}

/// Where things come from.
struct Shares {
    id: &'static str,
    title: &'static str,
    none: &'static str,
    rows: Vec<Share>,
}

/// One of the places that things come from.
struct Share {
    name: String,
    count: String,
    /// Of the longest bar.
    percent: f64,
}

/// How a part of the server is doing.
struct Line {
    what: &'static str,
    is_well: bool,
    text: String,
}

pub(super) async fn show(State(app): State<App>, signed_in: SignedIn) -> Result<Response, Shown> {
    let asked = signed_in.query.get("period")?.unwrap_or("30");
    let period = PERIODS.iter().find(|(name, ..)| *name == asked);
    let &(period, _, days, span) =
        period.ok_or_else(|| Error::invalid("The overview looks back for 30 or 90 days, or a year."))?;
    let seen = snapshot(&app, &signed_in.caller, days, span).await?;
    let stored = &seen.stored;
    let conversations = stored.conversations();
    let in_trash = stored.trashed_memories + stored.trashed_conversations;
    let tile = |label, path, count: i64| Tile { label, path, count: thousands(count) };
    let overview = Overview {
        layout: Layout::new(&signed_in, "/"),
        is_empty: stored.memories + conversations + in_trash == 0,
        tiles: vec![
            tile("Memories", "/memories", stored.memories),
            tile("Conversations", "/conversations", conversations),
            tile("Messages", "/conversations", stored.messages()),
            tile("Buckets", "/buckets", stored.buckets),
            tile("In the trash", "/trash", in_trash),
        ],
        due: seen.due.map(|due| Due { at: due.at.rfc3339(), count: thousands(due.count), is_one: due.count == 1 }),
        period,
        plots: plots(&seen, &Time::new(seen.first, days, span)),
        shares: shares(&seen),
        health: health(&seen),
    };
    Ok(page(StatusCode::OK, &overview))
}

fn plots(seen: &Snapshot, time: &Time) -> Vec<Plot> {
    let new = |began: &[Began]| {
        let mut numbers = vec![(0, 0); time.begins.len()];
        for Began { day, count } in began {
            if let Some((whole, _)) = time.place(*day).and_then(|place| numbers.get_mut(place)) {
                *whole += count;
            }
        }
        numbers
    };
    let grown = |began: &[Began], before: i64| {
        let new: i64 = began.iter().map(|day| day.count).sum();
        format!("{} of {} in this time", thousands(new), thousands(before + new))
    };
    let growth = &seen.growth;
    let (memories, conversations) = (new(&growth.memories), new(&growth.conversations));
    let used = |kind: Kind| seen.usage.iter().filter(move |day| day.kind == kind);
    let by_place = |kind: Kind, number: fn(&Day) -> (i64, i64)| {
        let mut numbers = vec![(0, 0); time.begins.len()];
        for day in used(kind) {
            if let Some(place) = time.place(day.day).and_then(|place| numbers.get_mut(place)) {
                *place = number(day);
            }
        }
        numbers
    };
    let count = |kind: Kind| used(kind).map(|day| day.count).sum::<i64>();
    let searches = by_place(Kind::Search, |day| (day.count, 0));
    let recalls = by_place(Kind::Recall, |day| (day.count, 0));
    let both = searches.iter().zip(&recalls).map(|((searched, _), (recalled, _))| (searched + recalled, *recalled));
    let slowest = |kind: Kind| {
        let slowest = used(kind).map(|day| day.slowest).max();
        slowest.map_or_else(|| "none yet".to_owned(), |most| format!("the slowest took {}", Unit::Time.text(most)))
    };
    let latency = |day: &Day| (day.p95, day.p50);
    let took = ("95 % within", Some("half within"));
    vec![
        Plot::new(
            "memories",
            "New memories",
            grown(&growth.memories, growth.memories_before),
            ("memories", None),
            Unit::Count,
            time,
            &memories,
        ),
        Plot::new(
            "conversations",
            "Conversations begun",
            grown(&growth.conversations, growth.conversations_before),
            ("conversations", None),
            Unit::Count,
            time,
            &conversations,
        ),
        Plot::new(
            "searches",
            "Searches by your tools",
            format!(
                "{} of memories, {} of conversations",
                thousands(count(Kind::Search)),
                thousands(count(Kind::Recall))
            ),
            ("searches", Some("of conversations")),
            Unit::Count,
            time,
            &both.collect::<Vec<_>>(),
        ),
        Plot::new(
            "search-time",
            "Time for a search of memories",
            slowest(Kind::Search),
            took,
            Unit::Time,
            time,
            &by_place(Kind::Search, latency),
        ),
        Plot::new(
            "recall-time",
            "Time for a recall",
            slowest(Kind::Recall),
            took,
            Unit::Time,
            time,
            &by_place(Kind::Recall, latency),
        ),
    ]
}

fn shares(seen: &Snapshot) -> Vec<Shares> {
    let sources = seen.stored.sources.iter().map(|source| {
        let name = source.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("not said");
        (name.to_owned(), source.memories)
    });
    let platforms = seen.stored.platforms.iter().map(|volume| (volume.platform.clone(), volume.conversations));
    vec![
        Shares {
            id: "sources",
            title: "Where memories come from",
            none: "There are no memories.",
            rows: rows(sources.collect()),
        },
        Shares {
            id: "platforms",
            title: "Where conversations come from",
            none: "There are no conversations.",
            rows: rows(platforms.collect()),
        },
    ]
}

fn rows(mut all: Vec<(String, i64)>) -> Vec<Share> {
    if all.len() > MOST_SOURCES + 1 {
        let rest = all.split_off(MOST_SOURCES);
        all.push((format!("{} others", rest.len()), rest.iter().map(|(_, count)| count).sum()));
    }
    let most = all.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let share = |(name, count)| Share { name, count: thousands(count), percent: percent(count, most) };
    all.into_iter().map(share).collect()
}

fn health(seen: &Snapshot) -> Vec<Line> {
    let line = |what, is_well, text: String| Line { what, is_well, text };
    let (there, passages) = (seen.stored.memories, seen.passages);
    let of = |done: i64, all: i64, what: &str| format!("{} of {} {what}", thousands(done), thousands(all));
    let mut lines = vec![
        match &seen.embedder_failure {
            None => line("Embedder", true, "It answers.".to_owned()),
            Some(why) => line("Embedder", false, format!("{why} Words are found all the same.")),
        },
        line(
            "Found by meaning",
            seen.embedded >= there && seen.embedded_passages >= passages,
            format!(
                "{}, {}",
                of(seen.embedded, there, "memories"),
                of(seen.embedded_passages, passages, "passages of conversations")
            ),
        ),
        match seen.kept {
            Kept::Unneeded => line("Index", true, "The database searches by itself.".to_owned()),
            Kept::NotYet => line("Index", true, "The next search loads it.".to_owned()),
            Kept::Loading => line("Index", true, "It is being loaded; until then words are found.".to_owned()),
            Kept::Loaded(size) => line("Index", true, format!("Loaded, {} of memory.", bytes(size))),
            Kept::TooLarge => line(
                "Index",
                false,
                "It would take more memory than it may (search_memory_mb), so only words are found.".to_owned(),
            ),
        },
        line(
            "Imports",
            true,
            match seen.imports {
                0 => "None is running.".to_owned(),
                1 => "1 file is being read.".to_owned(),
                many => format!("{} files are being read, or wait.", thousands(many)),
            },
        ),
    ];
    if let Some(size) = seen.stored.storage_bytes {
        lines.push(line("Storage", true, format!("{}, for all accounts together.", bytes(size))));
    }
    lines
}

/// A number of bytes as people read it.
fn bytes(number: impl TryInto<u64>) -> String {
    let number = number.try_into().unwrap_or_default();
    let (unit, name) = match number {
        0..1_000 => return format!("{number} bytes"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    format!("{}.{} {name}", thousands(number / unit), number % unit * 10 / unit)
}

#[cfg(test)]
mod tests {
    use super::{bytes, rows};

    #[test]
    fn sizes_are_written_as_people_say_them() {
        let sizes = [0, 999, 1_250, 4_096_000, 7_890_000_000, 2_500_000_000_000_u64].map(bytes);
        assert_eq!(sizes, ["0 bytes", "999 bytes", "1.2 kB", "4.0 MB", "7.8 GB", "2,500.0 GB"]);
    }

    #[test]
    fn many_sources_are_the_first_and_the_sum_of_the_rest() {
        let shares = rows((1..=12).map(|number| (format!("s{number}"), 100 - number)).collect());
        let last = shares.last().expect("one");
        assert_eq!((shares.len(), last.name.as_str(), last.count.as_str()), (9, "4 others", "358"));
        assert_eq!(rows((1..=9).map(|number| (format!("s{number}"), 1)).collect()).len(), 9);
    }
}
