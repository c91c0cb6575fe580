//! Password hashes (argon2id, RFC 9106), by a few workers with memory of their own. The permit to
//! hash belongs to the work and not to whoever asked for it: a client that leaves frees nobody's
//! memory, and so must not make room for the next one.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand;
use tokio::sync::oneshot;

/// Verifications that may wait for a worker in each of the two lines; whoever comes then is
/// told to come back.
const WAITING: usize = 64;
/// And of one person in theirs.
const OF_ONE: usize = 4;
/// After so many of the known a stranger has a turn, who may be somebody's first log-in.
const IN_A_ROW: usize = 3;
/// A worker that has had nothing to do for so long ends, and its memory goes back to the system.
const IDLE: Duration = Duration::from_secs(10);
/// Blocks of 1 KiB that a worker asks for at least. More than a hash touches (19 MiB), and what is
/// not touched is not there; but from 32 MiB on the C library maps memory for the one request, and
/// gives it back whole instead of keeping it in an arena (mallopt(3), `M_MMAP_THRESHOLD`).
const MAPPED: usize = 33 << 10;
/// Hashes of a record are an operator's, and still none may ask for more than this: 256 MiB.
const MOST: usize = 256 << 10;

/// No worker is free, and too many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashingFull;

/// Workers that share a line.
#[derive(Debug)]
struct Workers {
    state: Mutex<State>,
    work: Condvar,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Of people who signed in before, from there or with that browser. They go first, but
    /// for every fourth turn.
    known: VecDeque<Job>,
    waiting: VecDeque<Job>,
    /// Jobs of the known that were taken in a row.
    in_a_row: usize,
    /// That live, and of them those that wait for work.
    workers: usize,
    idle: usize,
}

#[derive(Debug)]
struct Job {
    password: String,
    phc: String,
    /// Who is known to have been here before.
    known: Option<String>,
    answer: oneshot::Sender<bool>,
}

/// Those of this process: half of the cores, because those who are signed in need the others; and
/// three at most, each with 19 MiB.
static WORKERS: LazyLock<Arc<Workers>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Workers::new((cores / 2).clamp(1, 3))
});

/// What a worker hashes in, used again for the next.
struct Memory(Vec<Block>);

impl Memory {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn blocks(&mut self, n: usize) -> &mut [Block] {
        self.0.reserve_exact(n.max(MAPPED).saturating_sub(self.0.len()));
        if self.0.len() < n {
            self.0.resize(n, Block::new());
        }
        &mut self.0[..n]
    }
}

/// The PHC string of a password, made on this thread.
pub fn hash(password: &str) -> Result<String, String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| "the system has no randomness")?;
    made(password, &salt).map_err(|e| e.to_string())
}

fn made(password: &str, salt: &[u8]) -> Result<String, argon2::password_hash::Error> {
    let params = Params::default();
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let mut memory = Memory::new();
    let blocks = memory.blocks(params.block_count());
    Argon2::default().hash_password_into_with_memory(
        password.as_bytes(),
        salt,
        &mut out,
        blocks,
    )?;
    let phc = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(&out)?),
    };
    Ok(phc.to_string())
}

/// Whether a password is the one of a PHC string. It is decided even when nobody waits for
/// it any more, unless its turn had not come. `known` names the person where they signed
/// in before from there.
pub(crate) async fn verify(
    password: &str,
    phc: &str,
    known: Option<&str>,
) -> Result<bool, HashingFull> {
    WORKERS.verify(password, phc, known).await
}

impl Workers {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), work: Condvar::new(), most })
    }

    async fn verify(
        self: &Arc<Self>,
        password: &str,
        phc: &str,
        known: Option<&str>,
    ) -> Result<bool, HashingFull> {
        let (answer, decided) = oneshot::channel();
        let known = known.map(str::to_owned);
        self.take(Job { password: password.to_owned(), phc: phc.to_owned(), known, answer })?;
        Ok(decided.await.unwrap_or(false))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, job: Job) -> Result<(), HashingFull> {
        let mut s = self.state();
        let State { known, waiting, .. } = &mut *s;
        let line = if job.known.is_some() { known } else { waiting };
        let of_one = |line: &VecDeque<Job>| match &job.known {
            Some(who) => line.iter().filter(|j| j.known.as_ref() == Some(who)).count() >= OF_ONE,
            None => false,
        };
        if line.len() >= WAITING || of_one(line) {
            // Those who left have no place in the line.
            line.retain(|j| !j.answer.is_closed());
            if line.len() >= WAITING || of_one(line) {
                return Err(HashingFull);
            }
        }
        line.push_back(job);
        if s.idle < s.known.len() + s.waiting.len() && s.workers < self.most {
            let worker = self.clone();
            match std::thread::Builder::new().name("passwords".into()).spawn(move || worker.run()) {
                Ok(_) => s.workers += 1,
                Err(e) => tracing::error!(error = %e, "no thread for passwords"),
            }
        }
        self.work.notify_one();
        Ok(())
    }

    fn run(&self) {
        let mut memory = Memory::new();
        while let Some(job) = self.next() {
            if !job.answer.is_closed() {
                let _ = job.answer.send(is(&job.password, &job.phc, &mut memory).unwrap_or(false));
            }
        }
    }

    /// The next job; none when there was none for so long that the worker may end.
    fn next(&self) -> Option<Job> {
        let mut s = self.state();
        s.idle += 1;
        let (mut s, _) = self
            .work
            .wait_timeout_while(s, IDLE, |s| s.known.is_empty() && s.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        s.idle -= 1;
        let strangers_turn = s.in_a_row >= IN_A_ROW && !s.waiting.is_empty();
        let job = if strangers_turn { None } else { s.known.pop_front() };
        s.in_a_row = if job.is_some() { s.in_a_row + 1 } else { 0 };
        let job = job.or_else(|| s.waiting.pop_front());
        if job.is_none() {
            s.workers -= 1;
        }
        job
    }
}

fn is(password: &str, phc: &str, memory: &mut Memory) -> Option<bool> {
    let phc = PasswordHash::new(phc).ok()?;
    let (salt, known) = (phc.salt?, phc.hash?);
    let params = Params::try_from(&phc).ok()?;
    let blocks = params.block_count();
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let version = phc.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
    if blocks > MOST {
        return None;
    }
    let mut out = vec![0; known.as_bytes().len()];
    let argon = Argon2::new(algorithm, version, params);
    argon
        .hash_password_into_with_memory(password.as_bytes(), &salt, &mut out, memory.blocks(blocks))
        .ok()?;
    // Outputs are compared in constant time.
    Some(Output::new(&out).ok()? == known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_hashed_is_recognised() {
        let phc = hash("correct horse battery").expect("hash");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, hash("correct horse battery").expect("hash"), "a salt of its own");
        assert_eq!(verify("correct horse battery", &phc, None).await, Ok(true));
        assert_eq!(verify("correct horse batterx", &phc, None).await, Ok(false));
        assert_eq!(verify("x", "$argon2id$nonsense", None).await, Ok(false));
        // A vector of the reference implementation: other parameters, and another variant.
        let theirs =
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
        assert_eq!(verify("password", theirs, None).await, Ok(true));
        assert_eq!(
            verify(
                "password",
                "$argon2id$v=19$m=4000000,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
                None
            )
            .await,
            Ok(false)
        );
    }

    fn job(known: Option<&str>) -> (Job, oneshot::Receiver<bool>) {
        let (answer, decided) = oneshot::channel();
        (
            Job {
                password: String::new(),
                phc: String::new(),
                known: known.map(str::to_owned),
                answer,
            },
            decided,
        )
    }

    /// Without workers, so that the lines stand still.
    #[test]
    fn the_lines_have_an_end_and_who_left_is_not_in_them() {
        let workers = Workers::new(0);
        let mut wait = Vec::new();
        let mut take = |known| {
            let (job, decided) = job(known);
            wait.push(decided);
            workers.take(job)
        };
        assert!((0..WAITING).all(|_| take(None) == Ok(())));
        assert_eq!(take(None), Err(HashingFull));
        // Who was here before has a line of their own, and a part of it.
        assert!((0..OF_ONE).all(|_| take(Some("ada")) == Ok(())));
        assert_eq!((take(Some("ada")), take(Some("bob"))), (Err(HashingFull), Ok(())));
        let turns: Vec<_> =
            (0..7).map(|_| workers.next().expect("a job").known.unwrap_or_default()).collect();
        assert_eq!(turns, ["ada", "ada", "ada", "", "ada", "bob", ""]);
        // All leave at once: the next one finds a place.
        let take = |known| {
            let (job, decided) = job(known);
            drop(decided);
            workers.take(job)
        };
        assert!((0..2).all(|_| take(None) == Ok(())));
        wait.clear();
        assert_eq!(take(None), Ok(()));
        assert_eq!(workers.state().waiting.len(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_is_answered() {
        let (workers, phc) = (Workers::new(1), hash("correct horse battery").expect("hash"));
        let ask = || {
            let (workers, phc) = (workers.clone(), phc.clone());
            tokio::spawn(async move { workers.verify("wrong", &phc, None).await })
        };
        let ended = futures_util::future::join_all((0..3 * WAITING).map(|_| ask())).await;
        let full = ended.iter().filter(|e| matches!(e, Ok(Err(HashingFull)))).count();
        assert!(
            full > 0 && ended.iter().all(|e| matches!(e, Ok(Ok(false) | Err(HashingFull)))),
            "{full} of {}",
            ended.len()
        );
        assert_eq!(workers.verify("correct horse battery", &phc, None).await, Ok(true));
    }
}
