//! The tools by who calls: whoever is shown other databases has other schemas, and knows of no
//! others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;
use mssql_mcp_own::OwnTool;

use super::{OwnTools, Registry};
use crate::config::DatabaseGrant;
use crate::principal::Principal;
use crate::sources::{DataSources, granted};

/// Makes the tools over some databases.
type Make = Box<dyn Fn(DataSources, &[Arc<OwnTool>]) -> Registry + Send + Sync>;

/// Places of the databases that somebody is shown, and of the operator's tools that they have; and
/// who they are, where each has databases of their own.
type Shown = (Vec<usize>, Vec<usize>, String);

/// Registries that are kept for people at once.
const MOST: usize = 500;

/// The tools of a mount for each of its callers.
pub struct Registries {
    sources: DataSources,
    /// Of whoever is shown all databases.
    all: Arc<Registry>,
    grants: Vec<DatabaseGrant>,
    own: OwnTools,
    /// Each caller has databases of their own.
    personal: bool,
    make: Option<Make>,
    /// By what somebody is shown.
    some: Mutex<HashMap<Shown, Arc<Registry>>>,
}

impl std::fmt::Debug for Registries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registries").field("all", &self.all).finish_non_exhaustive()
    }
}

// === impl Registries ===

impl From<Registry> for Registries {
    /// The same for everybody.
    fn from(registry: Registry) -> Self {
        let (sources, all) = (registry.sources().clone(), Arc::new(registry));
        let (grants, own) = (Vec::new(), OwnTools::default());
        let (personal, make, some) = (false, None, Mutex::default());
        Self { sources, all, grants, own, personal, make, some }
    }
}

impl Registries {
    /// As `make` makes them over what each is granted.
    pub(crate) fn new(
        sources: DataSources,
        grants: Vec<DatabaseGrant>,
        own: OwnTools,
        make: impl Fn(DataSources, &[Arc<OwnTool>]) -> Registry + Send + Sync + 'static,
    ) -> Self {
        let all = Arc::new(make(sources.clone(), &own.tools));
        let (personal, make) = (sources.are_personal(), Some(Box::new(make) as Make));
        Self { sources, all, grants, own, personal, make, some: Mutex::default() }
    }

    /// Those of whoever is shown everything.
    pub fn all(&self) -> &Arc<Registry> {
        &self.all
    }

    /// What is wrong with tools of the operator's own.
    pub(crate) fn problems(&self) -> &[String] {
        &self.own.problems
    }

    /// Those of a caller, whom the extensions of a request name.
    pub(crate) fn of(&self, extensions: &Extensions) -> Arc<Registry> {
        let for_all = !self.personal
            && self.grants.is_empty()
            && self.own.tools.iter().all(|t| t.principals.is_empty());
        let Some(make) = self.make.as_ref().filter(|_| !for_all) else {
            return self.all.clone();
        };
        let who = Principal::of(extensions);
        let places = granted(&self.sources, &self.grants, who);
        let tools = self.own.granted(who);
        let all = places.len() == self.sources.len() && tools.len() == self.own.tools.len();
        if all && !self.personal {
            return self.all.clone();
        }
        let sources = self.sources.some(&places);
        let own = self.own.some(&tools, &sources);
        let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.personal {
            let key = (places, tools, String::new());
            return some.entry(key).or_insert_with(|| Arc::new(make(sources, &own))).clone();
        }
        // Each has databases of their own; those of whoever was away may have been closed since.
        let sources = sources.for_caller(who);
        let key = (places, tools, who.map(Principal::key).unwrap_or_default());
        if let Some(known) = some.get(&key).filter(|r| r.sources().same(&sources)) {
            return known.clone();
        }
        if some.len() >= MOST {
            some.clear();
        }
        let made = Arc::new(make(sources, &own));
        some.insert(key, made.clone());
        made
    }
}
