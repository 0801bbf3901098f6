//! How often and how fast an account is searched, by day: numbers alone, nothing
//! of what was asked or found.
//!
//! A search only adds to numbers in memory; the housekeeping stores them every
//! minute, and so does the end of the process. What was counted since then is
//! lost when a process is killed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;

use super::{MOST_DAYS, day_of, first_day, rows};
use crate::app::App;
use crate::auth::Caller;
use crate::clock::Micros;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;

/// For how many accounts, days and durations is counted in memory until it is
/// stored. Beyond that, which takes thousands of accounts in a minute or a storage
/// that fails, nothing new is counted.
const MOST_PENDING: usize = 100_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A search of memories.
    Search,
    /// A search of conversations, with or without an answer made of it.
    Recall,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Search, Self::Recall];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Recall => "recall",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What was counted of a day that took about the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub count: i64,
    pub micros: i64,
    pub slowest: i64,
}

impl Step {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.micros += other.micros;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// An account, a day, what was counted, and how long it took: see [`step_of`].
pub(super) type Key = (AccountId, i64, Kind, u8);

/// What a process has counted and not stored yet.
#[derive(Debug, Default)]
pub struct Pending(Mutex<BTreeMap<Key, Step>>);

impl Pending {
    fn add(&self, counted: impl IntoIterator<Item = (Key, Step)>) {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, step) in counted {
            if pending.len() < MOST_PENDING || pending.contains_key(&key) {
                pending.entry(key).or_default().add(step);
            }
        }
    }

    fn take(&self) -> BTreeMap<Key, Step> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn of(&self, account: AccountId) -> Vec<(Key, Step)> {
        let pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.iter().filter(|((of, ..), _)| *of == account).map(|(key, step)| (*key, *step)).collect()
    }
}

/// Which power of √2 a number of microseconds is at least: durations are told
/// apart to within a factor of √2.
fn step_of(micros: i64) -> u8 {
    let micros = u128::try_from(micros).unwrap_or(0).max(1);
    u8::try_from((micros * micros).ilog2()).unwrap_or(u8::MAX)
}

/// The longest duration of a step, in microseconds.
fn end_of(step: u8) -> i64 {
    let next = (1_u128 << (u32::from(step) + 1).min(126)).isqrt();
    i64::try_from(next).unwrap_or(i64::MAX)
}

/// Counts what a tool asked for and took so long. What people look for on the pages
/// is not counted: there each pause in typing is a search.
pub(crate) fn count(app: &App, caller: &Caller, kind: Kind, took: Duration) {
    if caller.is_person() {
        return;
    }
    let micros = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    let key = (caller.account, day_of(app.clock.now()), kind, step_of(micros));
    app.usage.add([(key, Step { count: 1, micros, slowest: micros })]);
}

/// Stores what was counted, and removes what is older than is looked back.
///
/// # Errors
/// As [`crate::db::Db::write`]; what could not be stored is kept for the next time.
pub async fn store(app: &App) -> Result<()> {
    let counted = app.usage.take();
    if !counted.is_empty() {
        let stored = app.db.write(counted.clone(), |tx, counted| {
            async move {
                // In the order of their keys, so that two processes do not wait for each other.
                for ((account, day, kind, step), added) in counted {
                    rows::add(tx, *account, *day, *kind, *step, *added).await?;
                }
                Ok(())
            }
            .boxed()
        });
        if let Err(error) = stored.await {
            app.usage.add(counted);
            return Err(error);
        }
    }
    let oldest = first_day(app.clock.now(), MOST_DAYS)?;
    if app.db.read(oldest, |tx, oldest| rows::is_any_before(tx, *oldest).boxed()).await? {
        app.db.write(oldest, |tx, oldest| rows::delete_before(tx, *oldest).boxed()).await?;
    }
    Ok(())
}

/// What was counted on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The first instant of the day, in UTC.
    pub day: Micros,
    /// What.
    pub kind: Kind,
    /// How often.
    pub count: i64,
    /// How long it took on average, in microseconds.
    pub mean: i64,
    /// How long half of them took at most, to within a factor of √2.
    pub p50: i64,
    /// How long 95 of 100 took at most, to within a factor of √2.
    pub p95: i64,
    /// How long the slowest took.
    pub slowest: i64,
}

/// What was counted from a day on, `span` days together, each named by the first of
/// them, in order of days and kinds. Days without anything are left out. Of another
/// process, what it counted in the last minute may be missing.
pub(super) async fn since(
    tx: &mut Tx,
    account: AccountId,
    first: Micros,
    span: i64,
    pending: &[(Key, Step)],
) -> Result<Vec<Day>> {
    let stored = rows::used_since(tx, account, first).await?;
    let first = day_of(first);
    let mut by_span: BTreeMap<(i64, Kind), BTreeMap<u8, Step>> = BTreeMap::new();
    let pending = pending.iter().map(|((_, day, kind, step), counted)| (*day, *kind, *step, *counted));
    for (day, kind, step, counted) in stored.into_iter().chain(pending) {
        if day >= first {
            let begin = day - (day - first) % span;
            by_span.entry((begin, kind)).or_default().entry(step).or_default().add(counted);
        }
    }
    Ok(by_span.into_iter().map(|((day, kind), steps)| summed(Micros(day * Micros::DAY), kind, &steps)).collect())
}

fn summed(day: Micros, kind: Kind, steps: &BTreeMap<u8, Step>) -> Day {
    let mut all = Step::default();
    for step in steps.values() {
        all.add(*step);
    }
    let at_most = |hundredths: i64| {
        let wanted = (all.count * hundredths).div_euclid(100).max(1);
        let mut before = 0;
        let reached = steps.iter().find(|(_, step)| {
            before += step.count;
            before >= wanted
        });
        reached.map_or(0, |(step, counted)| end_of(*step).min(counted.slowest))
    };
    Day {
        day,
        kind,
        count: all.count,
        mean: all.micros / all.count.max(1),
        p50: at_most(50),
        p95: at_most(95),
        slowest: all.slowest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_without_a_gap() {
        for micros in (0..100_000).chain([i64::MAX / 2, i64::MAX]) {
            let step = step_of(micros);
            assert!(micros <= end_of(step), "{micros} is beyond step {step}");
            assert!(step == 0 || micros >= end_of(step - 1), "{micros} is before step {step}");
        }
    }

    #[test]
    fn a_day_is_summed_to_within_a_step() {
        let mut steps: BTreeMap<u8, Step> = BTreeMap::new();
        for micros in 1..=1_000 {
            steps.entry(step_of(micros)).or_default().add(Step { count: 1, micros, slowest: micros });
        }
        let day = summed(Micros(0), Kind::Search, &steps);
        assert_eq!((day.count, day.mean, day.slowest), (1_000, 500, 1_000));
        assert!((500..=708).contains(&day.p50), "{}", day.p50);
        assert!((950..=1_000).contains(&day.p95), "{}", day.p95);
    }
}
