//! What is known of a server's health, and for how long what can do without it
//! leaves it alone.
//!
//! After a failure, requests that are asked for by someone who waits ("queries")
//! fail at once until a time that is further away with each failure in a row; then
//! one of them tries the server while the others still fail at once. Any success
//! ends this.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Micros};

/// The longest that queries leave a failing server alone, unless it asks for longer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The longest pause that a server's `Retry-After` can ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_hours(1);

/// What has been seen of a server, for people to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// When it last did what it was asked.
    pub last_success: Option<Micros>,
    /// When it last failed.
    pub last_failure: Option<Micros>,
    /// What went wrong then, as a sentence without key or text. It stays when
    /// the server is well again; [`State::consecutive_failures`] is then 0.
    pub last_error: Option<String>,
    /// Failures since the last success. What the server rejects because of what it
    /// was asked is not its failure.
    pub consecutive_failures: u32,
    /// Until when queries fail without asking; none when the server is well.
    pub retry_at: Option<Micros>,
}

/// The state and the clock it goes by. `F` is how the server fails.
#[derive(Debug)]
pub struct Health<F> {
    clock: Clock,
    inner: Mutex<Inner<F>>,
}

#[derive(Debug)]
struct Inner<F> {
    state: State,
    /// What queries are told while the server is left alone, and when that began.
    open: Option<(F, Micros)>,
}

impl<F: Clone + Display> Health<F> {
    /// Of a server that was not asked yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, inner: Mutex::new(Inner { state: State::default(), open: None }) }
    }

    /// The time that it goes by.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// What has been seen of the server.
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// Whether a query may ask the server. The one that may after a pause holds
    /// off the others for `hold`, the longest that it can take.
    ///
    /// # Errors
    /// The failure for which the server is left alone.
    pub fn admit(&self, hold: Duration) -> Result<(), F> {
        let now = self.clock.now();
        let inner = &mut *self.lock();
        let Some((failure, since)) = &mut inner.open else { return Ok(()) };
        // A clock that was set back must not make the pause longer.
        if now >= *since && inner.state.retry_at.is_some_and(|time| now < time) {
            return Err(failure.clone());
        }
        *since = now;
        inner.state.retry_at = Some(later(now, hold));
        Ok(())
    }

    /// Notes a success.
    pub fn succeeded(&self) {
        let now = self.clock.now();
        let inner = &mut *self.lock();
        inner.open = None;
        inner.state.last_success = Some(now);
        inner.state.consecutive_failures = 0;
        inner.state.retry_at = None;
    }

    /// Notes a failure; `asked` is the pause that the server asked for.
    pub fn failed(&self, failure: &F, asked: Option<Duration>) {
        let now = self.clock.now();
        let inner = &mut *self.lock();
        let state = &mut inner.state;
        state.consecutive_failures = state.consecutive_failures.saturating_add(1);
        state.last_failure = Some(now);
        state.last_error = Some(failure.to_string());
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED_PAUSE);
        state.retry_at = Some(later(now, pause(state.consecutive_failures).max(asked)));
        inner.open = Some((failure.clone(), now));
    }

    fn lock(&self) -> MutexGuard<'_, Inner<F>> {
        // Each change is made in one piece, so a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(now: Micros, wait: Duration) -> Micros {
    Micros(now.0.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)))
}

/// How long queries leave a server alone after this many failures in a row:
/// 1, 2, 4 … seconds.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Longer than any test can take.
    const HOLD: Duration = Duration::from_hours(1);

    fn down() -> String {
        "It is down.".to_owned()
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<u64> = [1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| pause(failures).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn queries_fail_at_once_until_the_retry_time_and_then_one_may_ask() {
        let clock = Clock::default();
        let health = Health::new(clock.clone());
        assert_eq!(health.admit(HOLD), Ok(()));
        health.failed(&down(), Some(HOLD));
        assert_eq!(health.admit(HOLD), Err(down()));
        clock.advance_days(1);
        assert_eq!(health.admit(HOLD), Ok(()));
        assert_eq!(health.admit(HOLD), Err(down()));
        // The one that was let through came to nothing; the next has its turn when its time is over.
        clock.advance_days(1);
        assert_eq!(health.admit(HOLD), Ok(()));
        health.succeeded();
        assert_eq!(health.admit(HOLD), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_the_pause() {
        let clock = Clock::default();
        let health = Health::new(clock.clone());
        health.failed(&down(), Some(LONGEST_ASKED_PAUSE));
        clock.advance_days(-1);
        assert_eq!(health.admit(HOLD), Ok(()));
    }

    #[test]
    fn the_state_tells_what_was_seen() {
        let health = Health::<String>::new(Clock::default());
        assert_eq!(health.state(), State::default());
        health.failed(&down(), None);
        health.failed(&down(), Some(Duration::from_hours(100)));
        let state = health.state();
        assert_eq!((state.consecutive_failures, state.last_error.as_deref()), (2, Some("It is down.")));
        assert_eq!(state.last_success, None);
        let failed = state.last_failure.expect("the time of the failure");
        assert_eq!(state.retry_at, Some(later(failed, LONGEST_ASKED_PAUSE)));
        health.succeeded();
        let state = health.state();
        assert_eq!((state.consecutive_failures, state.retry_at), (0, None));
        assert!(state.last_success >= state.last_failure);
        assert_eq!(state.last_error.as_deref(), Some("It is down."));
    }
}
