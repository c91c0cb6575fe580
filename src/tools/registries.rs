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

/// Places of the databases that somebody is shown, and of the operator's tools that they have.
type Shown = (Vec<usize>, Vec<usize>);

/// The tools of a mount for each of its callers.
pub struct Registries {
    sources: DataSources,
    /// Of whoever is shown all databases.
    all: Arc<Registry>,
    grants: Vec<DatabaseGrant>,
    own: OwnTools,
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
        Self { sources, all, grants, own, make: None, some: Mutex::default() }
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
        Self { sources, all, grants, own, make: Some(Box::new(make)), some: Mutex::default() }
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
        let for_all =
            self.grants.is_empty() && self.own.tools.iter().all(|t| t.principals.is_empty());
        let Some(make) = self.make.as_ref().filter(|_| !for_all) else {
            return self.all.clone();
        };
        let who = Principal::of(extensions);
        let places = granted(&self.sources, &self.grants, who);
        let tools = self.own.granted(who);
        if places.len() == self.sources.len() && tools.len() == self.own.tools.len() {
            return self.all.clone();
        }
        let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = self.sources.some(&places);
        let own = self.own.some(&tools, &sources);
        some.entry((places, tools)).or_insert_with(|| Arc::new(make(sources, &own))).clone()
    }
}
