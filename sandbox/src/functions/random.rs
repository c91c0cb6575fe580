//! RAND: two linear congruential generators combined (P. L'Ecuyer, "Efficient and portable
//! combined random number generators", CACM 31, 1988), which give the values that are printed for
//! RAND(100) and what follows it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::sqlite::lite_error;
use crate::error::{Error, Result};

/// The modulus and the factor of each generator.
const FIRST: (i64, i64) = (2_147_483_563, 40_014);
const SECOND: (i64, i64) = (2_147_483_399, 40_692);
/// The second generator's number behind a seed, and the first one's for a seed of 0.
const SECOND_SEED: i64 = 67_890;
const SEED_OF_ZERO: i64 = 12_345;
/// From the numbers of the generators to less than 1; shorter than the quotient would be.
const UNIT: f64 = 4.656_613e-10;

/// The random numbers of a session.
#[derive(Debug)]
pub(crate) struct Random {
    first: i64,
    second: i64,
    /// What each reference of the statement that runs has drawn, with its seed.
    drawn: HashMap<String, (Option<i64>, f64)>,
}

impl Random {
    /// From seeds that nobody chose.
    fn new() -> Self {
        let seed = |limit: i64| {
            let hash = RandomState::new().hash_one(limit).cast_signed();
            hash.rem_euclid(limit - 1) + 1
        };
        Self { first: seed(FIRST.0), second: seed(SECOND.0), drawn: HashMap::new() }
    }

    /// From here on each reference draws anew.
    pub(crate) fn begin_statement(&mut self) {
        self.drawn.clear();
    }

    /// One value for a reference and its seed, however many rows ask for it.
    fn value(&mut self, reference: String, seed: Option<i64>) -> Result<f64> {
        if let Some((known, value)) = self.drawn.get(&reference)
            && *known == seed
        {
            return Ok(*value);
        }
        if let Some(seed) = seed {
            if !(0..FIRST.0).contains(&seed) {
                return Err(Error::unsupported(format!("RAND with the seed {seed}")));
            }
            self.first = if seed == 0 { SEED_OF_ZERO } else { seed };
            self.second = SECOND_SEED;
        }
        let value = self.next();
        self.drawn.insert(reference, (seed, value));
        Ok(value)
    }

    fn next(&mut self) -> f64 {
        self.first = self.first * FIRST.1 % FIRST.0;
        self.second = self.second * SECOND.1 % SECOND.0;
        let difference = match self.first - self.second {
            n if n < 1 => n + FIRST.0 - 1,
            n => n,
        };
        difference as f64 * UNIT
    }
}

/// Registers `rand(reference)` and `rand(reference, seed)` over random numbers of their own.
pub(crate) fn give_random(connection: &Connection) -> rusqlite::Result<Arc<Mutex<Random>>> {
    let random = Arc::new(Mutex::new(Random::new()));
    let drawn = random.clone();
    connection.create_scalar_function("rand", -1, FunctionFlags::SQLITE_UTF8, move |ctx| {
        let seed = match ctx.len() {
            1 => None,
            _ => Some(
                ctx.get::<Option<i64>>(1)?
                    .ok_or_else(|| lite_error(&Error::unsupported("RAND with the seed NULL")))?,
            ),
        };
        let mut random = drawn.lock().unwrap_or_else(PoisonError::into_inner);
        random.value(ctx.get(0)?, seed).map_err(|e| lite_error(&e))
    })?;
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_that_are_printed_for_a_seed() {
        let mut random = Random::new();
        let first = random.value("a".into(), Some(100));
        assert!(first.is_ok_and(|v| (v - 0.715_436_657_367_485).abs() < 1e-15));
        assert!((random.next() - 0.284_633_807_679_82).abs() < 1e-15);
        assert!((random.next() - 0.013_103_908_285_036_4).abs() < 1e-15);
    }

    #[test]
    fn a_reference_has_one_value_in_a_statement() {
        let mut random = Random::new();
        let a = random.value("a".into(), None);
        assert_eq!(random.value("a".into(), None), a);
        assert_ne!(random.value("b".into(), None), a);
        random.begin_statement();
        assert_ne!(random.value("a".into(), None), a);
        assert!(random.value("c".into(), Some(-1)).is_err_and(|e| e.is_unsupported()));
    }
}
