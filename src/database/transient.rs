//! Errors that pass: which of them are worth another attempt, and which say that the database is
//! now elsewhere. Numbers are those of Microsoft's own lists
//! (<https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues>,
//! <https://learn.microsoft.com/sql/connect/ado-net/configurable-retry-logic>).

use std::time::Duration;

/// Attempts of one read.
pub(super) const READS: u32 = 3;

/// The database is busy, or on its way to another node. A login may be tried again while there is
/// time: a serverless database that resumes takes up to a minute.
pub(super) fn at_login(number: u32) -> bool {
    matches!(
        number,
        615 | 926
            | 4221
            | 10_928
            | 10_929
            | 40_143
            | 40_197
            | 40_501
            | 40_540
            | 40_613
            | 42_108
            | 42_109
            | 49_918..=49_920
    )
}

/// The same of a statement that only reads, and of those that lost against others: locks that ran
/// out (1204), a deadlock (1205), and conflicts of memory-optimised tables (413nn, 41839).
pub(super) fn of_a_read(number: u32) -> bool {
    at_login(number)
        || matches!(
            number,
            20 | 64 | 233 | 997 | 1204 | 1205 | 41_301 | 41_302 | 41_305 | 41_325 | 41_839
        )
}

/// The database has changed its node or its role: what else the pool holds leads to the old one.
pub(super) fn failed_over(number: u32) -> bool {
    matches!(number, 952 | 976 | 978 | 979 | 983 | 3906 | 6005 | 40_143 | 40_197 | 40_613)
}

/// How long to wait before another attempt: half a second, and twice as long each time, up to 8 s,
/// with up to a quarter more, so that all who were refused at once do not come back at once.
pub(super) fn pause(attempt: u32) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let dice = f64::from(RandomState::new().hash_one(attempt) as u32) / f64::from(u32::MAX);
    Duration::from_millis(500 << attempt.min(4)).mul_f64(1.0 + 0.25 * dice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_for_good_is_not_tried_again() {
        for n in [18_456, 4060, 208, 102, 229, 547, 1222, 40_615, 50_000] {
            assert!(!at_login(n) && !of_a_read(n) && !failed_over(n), "{n}");
        }
        for n in [40_613, 40_197, 40_501, 49_919, 10_929] {
            assert!(at_login(n) && of_a_read(n), "{n}");
        }
        assert!(of_a_read(1205) && !at_login(1205));
        assert!(failed_over(40_613) && failed_over(983) && !failed_over(40_501));
    }

    #[test]
    fn pauses_grow_and_have_an_end() {
        for (attempt, low) in [(0, 500), (1, 1000), (4, 8000), (9, 8000)] {
            let p = pause(attempt).as_millis();
            assert!((low..=low * 5 / 4).contains(&p), "{attempt}: {p}");
        }
    }
}
