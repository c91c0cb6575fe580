//! What of a new configuration counts without a restart (SIGHUP).

use super::setting::Reload;
use super::{Config, settings};

// === impl Config ===

impl Config {
    /// This configuration with what of the new one can be taken over while calls run, and the keys
    /// that would need a restart.
    pub fn reloaded(&self, new: &Self) -> (Self, Vec<String>) {
        let mut me = self.clone();
        let mut rest = Vec::new();
        for s in settings::all() {
            if s.reload == Reload::Live {
                if let Some(v) = new.values.get(s.key) {
                    me.values.insert(s.key, v.clone());
                }
            } else if self.read(s.key).0 != new.read(s.key).0 {
                rest.push(s.key.to_owned());
            }
        }
        me.clients.clone_from(&new.clients);
        me.quotas.clone_from(&new.quotas);
        let paths = |c: &Self| c.mounts.iter().map(|m| m.0.clone()).collect::<Vec<_>>();
        let names = |c: &Self| c.databases.iter().map(|d| d.name.clone()).collect::<Vec<_>>();
        if names(self) == names(new) {
            // They name databases, and are taken over with them or not at all.
            me.grants.clone_from(&new.grants);
            me.own_tools.clone_from(&new.own_tools);
            for (mine, theirs) in me.databases.iter_mut().zip(&new.databases) {
                let (config, more) = mine.config.reloaded(&theirs.config);
                (mine.config, mine.description) = (config, theirs.description.clone());
                let of = |k: String| format!("database {}: {k}", mine.name);
                rest.extend(more.into_iter().map(of).filter(|k| !k.contains("log.")));
            }
        } else {
            rest.push("[[database]]".into());
        }
        if paths(self) == paths(new) {
            for (mine, (path, theirs)) in me.mounts.iter_mut().zip(&new.mounts) {
                let (config, more) = mine.1.reloaded(theirs);
                mine.1 = config;
                rest.extend(
                    more.into_iter()
                        .map(|k| format!("mount {path}: {k}"))
                        .filter(|k| !k.contains("log.")),
                );
            }
        } else {
            rest.push("[[mount]]".into());
        }
        (me, rest)
    }
}
