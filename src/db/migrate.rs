//! The schema's history: numbered files, the same numbers for both engines,
//! only ever added to. A database remembers each step's number and checksum,
//! so that a changed step or a database from a newer program is noticed
//! instead of guessed at.

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// One step.
pub(super) struct Migration {
    pub number: i64,
    pub sql: &'static str,
}

pub(super) const SQLITE: &[Migration] = &[
    Migration { number: 1, sql: include_str!("../../migrations/sqlite/0001_memories.sql") },
    Migration { number: 2, sql: include_str!("../../migrations/sqlite/0002_search.sql") },
    Migration { number: 3, sql: include_str!("../../migrations/sqlite/0003_access.sql") },
    Migration { number: 4, sql: include_str!("../../migrations/sqlite/0004_history.sql") },
    Migration { number: 5, sql: include_str!("../../migrations/sqlite/0005_sign_in_link.sql") },
    Migration { number: 6, sql: include_str!("../../migrations/sqlite/0006_dashboard.sql") },
    Migration { number: 7, sql: include_str!("../../migrations/sqlite/0007_words_of_chunks.sql") },
];

pub(super) const POSTGRES: &[Migration] = &[
    Migration { number: 1, sql: include_str!("../../migrations/postgres/0001_memories.sql") },
    Migration { number: 2, sql: include_str!("../../migrations/postgres/0002_search.sql") },
    Migration { number: 3, sql: include_str!("../../migrations/postgres/0003_access.sql") },
    Migration { number: 4, sql: include_str!("../../migrations/postgres/0004_history.sql") },
    Migration { number: 5, sql: include_str!("../../migrations/postgres/0005_sign_in_link.sql") },
    Migration { number: 6, sql: include_str!("../../migrations/postgres/0006_dashboard.sql") },
    Migration { number: 7, sql: include_str!("../../migrations/postgres/0007_words_of_chunks.sql") },
];

/// The table that remembers, for both engines.
pub(super) const TABLE: &str =
    "create table if not exists migration (number bigint primary key, checksum text not null)";

impl Migration {
    pub fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }
}

/// Which steps are still to be run, given those that a database has had.
///
/// # Errors
/// [`Error::Conflict`] where the database had a step that this program does not
/// know, or one that read differently.
pub(super) fn pending<'m>(all: &'m [Migration], applied: &[(i64, String)]) -> Result<Vec<&'m Migration>> {
    for (number, checksum) in applied {
        match all.iter().find(|m| m.number == *number) {
            None => {
                return Err(Error::Conflict(format!(
                    "This data was written by a newer version of commonplace (schema step {number}); \
                     start that version or a later one."
                )));
            }
            Some(known) if known.checksum() != *checksum => {
                return Err(Error::Conflict(format!(
                    "Schema step {number} of this data is not the one that this version knows; \
                     start the version that made it, or restore a backup."
                )));
            }
            Some(_) => {}
        }
    }
    Ok(all.iter().filter(|m| !applied.iter().any(|(number, _)| *number == m.number)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Migration, pending};

    const STEPS: &[Migration] = &[Migration { number: 1, sql: "a" }, Migration { number: 2, sql: "b" }];

    #[test]
    fn only_steps_not_yet_run_are_pending() {
        let first = (1, STEPS[0].checksum());
        let numbers: Vec<i64> = pending(STEPS, &[first]).expect("known").iter().map(|m| m.number).collect();
        assert_eq!(numbers, [2]);
    }

    #[test]
    fn a_changed_or_unknown_step_is_refused() {
        assert!(pending(STEPS, &[(1, "other".into())]).is_err());
        assert!(pending(STEPS, &[(3, STEPS[0].checksum())]).is_err());
    }
}
