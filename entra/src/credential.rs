//! A token for many connections: fetched once for all who wait for it, renewed ahead of time, and
//! used to its end while the next one does not come.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::options::{EntraOptions, Surroundings};
use crate::retry::{Deadline, Exchange};
use crate::source::{Source, SourceKind};
use crate::token::AccessToken;

/// What is fetched for one may take so long, whoever has given up waiting meanwhile.
const LONGEST: Duration = Duration::from_secs(75);
/// What was refused is replaced once in this time.
const AGAIN: Duration = Duration::from_secs(60);
/// Whoever begins leaves so much time for others, too.
const LEAST: Duration = Duration::from_secs(1);
/// After a failure the next attempt waits: a second, twice that after another one, up to this.
const PAUSE: Duration = Duration::from_secs(30);

type Fetched = Result<Arc<AccessToken>, Failure>;
type Fetching = Shared<Pin<Box<dyn Future<Output = Fetched> + Send>>>;

/// Where the tokens of one login come from. Clones share them.
#[derive(Clone)]
pub struct Credential {
    inner: Arc<Inner>,
}

struct Inner {
    options: EntraOptions,
    around: Surroundings,
    exchange: Arc<dyn Exchange>,
    /// Whose token is exchanged for one, for a credential on behalf of somebody.
    person: Option<Mutex<Arc<str>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one that is used, once it is known.
    source: Option<Arc<Source>>,
    token: Option<Arc<AccessToken>>,
    fetching: Option<Fetching>,
    failed: Option<(Failure, Instant, u32)>,
    /// When another token was last asked for because SQL Server refused one.
    refused: Option<Instant>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

// === impl Credential ===

impl Credential {
    /// Nobody is asked yet. The error is about the configuration, and names the setting.
    ///
    /// # Errors
    /// Where the named source lacks what it needs.
    pub fn new(
        options: EntraOptions,
        around: Surroundings,
        exchange: Arc<dyn Exchange>,
    ) -> Result<Self, String> {
        Self::build(options, around, exchange, None)
    }

    /// One for each person: their own token is exchanged for one of SQL Server.
    ///
    /// # Errors
    /// Where the application lacks what it needs.
    pub fn on_behalf_of(&self, person: Arc<str>) -> Result<Self, String> {
        let i = &self.inner;
        let person = Some(Mutex::new(person));
        Self::build(i.options.clone(), i.around.clone(), i.exchange.clone(), person)
    }

    fn build(
        options: EntraOptions,
        around: Surroundings,
        exchange: Arc<dyn Exchange>,
        person: Option<Mutex<Arc<str>>>,
    ) -> Result<Self, String> {
        let options = options.or(&around);
        options.check()?;
        options.cloud()?;
        let source = Source::named(&options, &around)?.map(Arc::new);
        let state = Mutex::new(State { source, ..State::default() });
        Ok(Self { inner: Arc::new(Inner { options, around, exchange, person, state }) })
    }

    /// Another token of the same person: theirs are renewed, too.
    pub fn renew_person(&self, person: Arc<str>) {
        let Some(own) = &self.inner.person else { return };
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        if *own != person {
            *own = person;
            drop(own);
            // Why the old one failed says nothing of the new one.
            self.state().failed = None;
        }
    }

    /// Whether it gives tokens on behalf of somebody.
    pub fn is_of_person(&self) -> bool {
        self.inner.person.is_some()
    }

    /// Whether it gives tokens only on behalf of somebody, and is of nobody.
    pub fn needs_person(&self) -> bool {
        self.inner.options.source == SourceKind::OnBehalfOf && self.inner.person.is_none()
    }

    /// Whether an audience is another resource than SQL Server's; one that is no URL may be either.
    pub fn is_for_another(&self, audience: &str) -> bool {
        let own = self.inner.options.cloud().map(|c| c.resource).unwrap_or_default();
        audience.contains("://") && audience.trim_end_matches('/') != own
    }

    /// Where tokens come from, as people call it; none where that is not known yet.
    pub fn source(&self) -> Option<&'static str> {
        self.state().source.as_ref().map(|s| s.name())
    }

    /// A token that a login may bring, within this time.
    ///
    /// # Errors
    /// Why there is none: with the source, the host that was asked, and what to change.
    pub async fn token(&self, within: Duration) -> Fetched {
        let fetching = {
            let mut s = self.state();
            let good = s.token.clone().filter(|t| t.is_good());
            match (good, s.paused()) {
                (Some(t), paused) => {
                    // The next one is fetched meanwhile; nobody waits for it.
                    if t.is_due() && paused.is_none() {
                        drop(self.begin(&mut s, LONGEST));
                    }
                    return Ok(t);
                }
                (None, Some(failure)) => return Err(failure),
                (None, None) => self.begin(&mut s, within),
            }
        };
        match tokio::time::timeout(within, fetching).await {
            Ok(fetched) => fetched,
            Err(_) => {
                let source = self.source().unwrap_or("auto");
                let what = format!("it did not answer within {} s", within.as_secs_f32());
                Err(Failure::new(source, what, "try again, or raise pool.connect_timeout")
                    .for_now())
            }
        }
    }

    /// SQL Server did not take it. Whether the next login brings another one: not where that was done
    /// a moment ago, since a principal without a user is refused with each of its tokens; but always
    /// where it has `expired`.
    pub fn refused(&self, token: &AccessToken, expired: bool) -> bool {
        let mut s = self.state();
        if s.token.as_ref().is_none_or(|t| t.secret() != token.secret()) {
            return true;
        }
        if !expired && s.refused.is_some_and(|at| at.elapsed() < AGAIN) {
            return false;
        }
        (s.token, s.refused) = (None, Some(Instant::now()));
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetching that all wait for; it goes on when nobody does. Of the time of whoever began
    /// it, a little is left to say why it failed.
    fn begin(&self, s: &mut State, within: Duration) -> Fetching {
        if let Some(known) = &s.fetching {
            return known.clone();
        }
        let (me, within) = (self.clone(), within.clamp(LEAST, LONGEST).mul_f32(0.9));
        let task = tokio::spawn(async move {
            // What does not heed the time, such as a file on a network that is gone, ends here.
            let fetching = me.inner.fetch(&me, Deadline::within(within));
            let fetched = tokio::time::timeout(within + LEAST, fetching).await;
            let fetched = fetched.unwrap_or_else(|_| {
                let source = me.source().unwrap_or("auto");
                let what = format!("it did not answer within {} s", within.as_secs_f32());
                Err(Failure::new(source, what, "look at what the source is on").for_now())
            });
            me.state().fetched(fetched)
        });
        let me = self.clone();
        let wait = async move {
            // Whatever became of it, the next one can begin.
            let lost =
                |e: tokio::task::JoinError| Failure::new("a task", e.to_string(), "").for_now();
            match task.await {
                Ok(fetched) => fetched,
                Err(e) => me.state().fetched(Err(lost(e))),
            }
        };
        let fetching: Fetching =
            (Box::pin(wait) as Pin<Box<dyn Future<Output = _> + Send>>).shared();
        s.fetching = Some(fetching.clone());
        fetching
    }
}

// === impl Inner ===

impl Inner {
    async fn fetch(&self, of: &Credential, deadline: Deadline) -> Result<AccessToken, Failure> {
        let known = of.state().source.clone();
        let source = match known {
            Some(source) => source,
            None => {
                let (first, token) =
                    Source::first(&self.options, &self.around, &*self.exchange, deadline).await?;
                of.state().source = Some(Arc::new(first.clone()));
                match token {
                    Some(token) => return Ok(token),
                    None => Arc::new(first),
                }
            }
        };
        let person =
            self.person.as_ref().map(|p| p.lock().unwrap_or_else(PoisonError::into_inner).clone());
        match (&*source, person) {
            (Source::Application(a), Some(person)) => {
                let made = a.on_behalf_of(&*self.exchange, &person, deadline).await;
                made.map_err(|e| Failure { source: "on behalf of the caller", ..e })
            }
            (_, None) if self.options.source == SourceKind::OnBehalfOf => {
                let what = "nobody has called whose token could be exchanged";
                Err(Failure::new("on behalf of the caller", what, ""))
            }
            (source, _) => source.fetch(&*self.exchange, deadline).await,
        }
    }
}

// === impl State ===

impl State {
    fn fetched(&mut self, fetched: Result<AccessToken, Failure>) -> Fetched {
        self.fetching = None;
        match fetched {
            Ok(token) => {
                let token = Arc::new(token);
                self.failed = None;
                self.token = Some(token.clone());
                Ok(token)
            }
            Err(failure) => {
                let times = self.failed.as_ref().map_or(0, |f| f.2) + 1;
                self.failed = Some((failure.clone(), Instant::now(), times));
                Err(failure)
            }
        }
    }

    /// The last failure, while it is too early to try again.
    fn paused(&self) -> Option<Failure> {
        let (failure, at, times) = self.failed.as_ref()?;
        let pause = Duration::from_secs(1 << (*times - 1).min(5)).min(PAUSE);
        (at.elapsed() < pause).then(|| failure.clone())
    }
}
