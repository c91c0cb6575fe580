//! A database that each person is logged in to as themselves: a pool for each, so that nobody ever
//! gets a connection of somebody else. What is known of the database is theirs alone, too: what one
//! person may see of it another may not.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::login::LoginMethod;
use super::{Database, DbError, Settings};
use crate::principal::Principal;

/// People at once; of more, whoever was away for the longest goes.
const MOST: usize = 500;

/// The pools of those who called.
#[derive(Debug, Default)]
pub(super) struct OwnPools(Mutex<HashMap<String, Person>>);

#[derive(Debug)]
struct Person {
    database: Database,
    used: Instant,
}

impl Database {
    /// Whether each caller is logged in as themselves, and nobody else is.
    pub(crate) fn is_personal(&self) -> bool {
        matches!(&self.settings.login, LoginMethod::Entra(c) if c.needs_person())
    }

    /// Whether a login brings a token, which somebody has to be asked for.
    pub(crate) fn brings_tokens(&self) -> bool {
        matches!(self.settings.login, LoginMethod::Entra(_))
    }

    /// The same database as this person sees it; none for whoever brought no token that could be
    /// exchanged.
    fn of_person(&self, who: &Principal) -> Option<Self> {
        let LoginMethod::Entra(credential) = &self.settings.login else { return None };
        let assertion = who.assertion.as_ref()?;
        let key = who.key();
        let mut all = self.people.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(person) = all.get_mut(&key) {
            person.used = Instant::now();
            if let LoginMethod::Entra(own) = &person.database.settings.login {
                own.renew_person(assertion.text());
            }
            return Some(person.database.clone());
        }
        let own = credential.on_behalf_of(assertion.text()).ok()?;
        let settings = Settings {
            login: LoginMethod::Entra(own),
            // Not one index for each.
            index_names: 0,
            ..Settings::clone(&self.settings)
        };
        let mut database = Self::new(settings);
        database.frank.clone_from(&self.frank);
        database.knowledge.clone_from(&self.knowledge);
        database.wrapping.clone_from(&self.wrapping);
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, p)| p.used).map(|(k, _)| k.clone())
        {
            all.remove(&oldest);
        }
        all.insert(key, Person { database: database.clone(), used: Instant::now() });
        Some(database)
    }

    /// The handle of a caller: their own, where each has one.
    pub(crate) fn for_caller(&self, who: Option<&Principal>) -> Self {
        let own = who.filter(|_| self.is_personal()).and_then(|who| self.of_person(who));
        own.unwrap_or_else(|| self.clone())
    }

    /// The pools of people, for those who count or close them.
    pub(super) fn of_people(&self) -> Vec<Self> {
        let all = self.people.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|p| p.database.clone()).collect()
    }

    /// Forgets those who have not called for so long; their connections are closed when the last
    /// call that has one ends.
    pub(super) fn forget_people(&self, idle: Duration) {
        let mut all = self.people.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, p| p.used.elapsed() < idle || p.database.status().0 > 0);
    }

    /// Whether anything answers where a personal database is: nobody is there to be logged in.
    pub(crate) async fn reached(&self) -> Result<(), DbError> {
        super::connect::reached(&self.settings).await
    }
}
