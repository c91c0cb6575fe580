//! The tools by who calls: whoever is shown other databases has other schemas, and knows of no
//! others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;

use super::Registry;
use crate::config::DatabaseGrant;
use crate::principal::Principal;
use crate::sources::{DataSources, granted};

/// Makes the tools over some databases.
type Make = Box<dyn Fn(DataSources) -> Registry + Send + Sync>;

/// The tools of a mount for each of its callers.
pub struct Registries {
    sources: DataSources,
    /// Of whoever is shown all databases.
    all: Arc<Registry>,
    grants: Vec<DatabaseGrant>,
    make: Option<Make>,
    /// By the places of the databases that somebody is shown.
    some: Mutex<HashMap<Vec<usize>, Arc<Registry>>>,
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
        Self { sources, all, grants: Vec::new(), make: None, some: Mutex::default() }
    }
}

impl Registries {
    /// As `make` makes them over what each is granted.
    pub(crate) fn new(
        sources: DataSources,
        grants: Vec<DatabaseGrant>,
        make: impl Fn(DataSources) -> Registry + Send + Sync + 'static,
    ) -> Self {
        let all = Arc::new(make(sources.clone()));
        Self { sources, all, grants, make: Some(Box::new(make)), some: Mutex::default() }
    }

    /// Those of whoever is shown everything.
    pub fn all(&self) -> &Arc<Registry> {
        &self.all
    }

    /// Those of a caller, whom the extensions of a request name.
    pub(crate) fn of(&self, extensions: &Extensions) -> Arc<Registry> {
        let Some(make) = self.make.as_ref().filter(|_| !self.grants.is_empty()) else {
            return self.all.clone();
        };
        let places = granted(&self.sources, &self.grants, Principal::of(extensions));
        if places.len() == self.sources.len() {
            return self.all.clone();
        }
        let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = self.sources.some(&places);
        some.entry(places).or_insert_with(|| Arc::new(make(sources))).clone()
    }
}
