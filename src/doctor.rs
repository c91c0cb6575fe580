//! Is the configuration right, does everything that it names answer, and may the login do what it
//! should and no more? Each finding says what was seen, how to mend it, and where there is one, the
//! script that mends it.

pub(crate) mod certificate;
pub mod database;
mod local;
pub mod login;
pub(crate) mod own;
mod public;
pub mod rights;
pub mod rollback;

use serde::Serialize;

use crate::config::{Config, ListedDatabase};
use crate::database::Settings;
use crate::plural::plural;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but should not stay so.
    Warn,
    /// It does not work, or is not safe.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Stable: what was looked at.
    pub check: &'static str,
    /// The mount that it is about; none for the process, or for the main database.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) mount: String,
    /// What was found, in words.
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// What to do about it.
    pub mend: Option<String>,
    /// Commands or T-SQL that change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

/// Days that a certificate should have left, and must have.
const DAYS: (i64, i64) = (21, 3);

// === impl Finding ===

impl Finding {
    fn new(level: Level, check: &'static str, what: impl Into<String>) -> Self {
        Self { level, check, mount: String::new(), what: what.into(), mend: None, script: None }
    }

    fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, what)
    }

    fn warn(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Level::Warn, check, what)
    }

    fn fail(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Level::Fail, check, what)
    }

    fn mend(self, how: impl Into<String>) -> Self {
        Self { mend: Some(how.into()), ..self }
    }

    fn script(self, text: impl Into<String>) -> Self {
        Self { script: Some(text.into()), ..self }
    }

    fn of(self, mount: &str) -> Self {
        Self { mount: mount.to_owned(), ..self }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = match self.level {
            Level::Ok => "[ok]  ",
            Level::Warn => "[warn]",
            Level::Fail => "[fail]",
        };
        let at = if self.mount.is_empty() { String::new() } else { format!("{} ", self.mount) };
        write!(f, "{mark} {at}{}: {}", self.check, self.what)?;
        if let Some(m) = &self.mend {
            write!(f, "\n       → {m}")?;
        }
        self.script.iter().flat_map(|s| s.lines()).try_for_each(|l| write!(f, "\n         {l}"))
    }
}

/// A certificate's remaining days, judged.
fn days_left(check: &'static str, days: i64, renew: &str) -> Finding {
    match days {
        d if d < 0 => {
            Finding::fail(check, format!("it expired {} ago", plural(-d, "day"))).mend(renew)
        }
        d if d < DAYS.1 => {
            Finding::fail(check, format!("it expires in {}", plural(d, "day"))).mend(renew)
        }
        d if d < DAYS.0 => {
            Finding::warn(check, format!("it expires in {}", plural(d, "day"))).mend(renew)
        }
        d => Finding::ok(check, format!("{} left", plural(d, "day"))),
    }
}

/// Looks at everything, the nearest first. What cannot be looked at because something before it
/// failed is left out.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut all = vec![Finding::ok("configuration", "it can be read")];
    let strays = config
        .warnings()
        .iter()
        .map(|w| Finding::warn("environment", w).mend("correct or remove the variable"));
    all.extend(strays);
    all.extend(config.notes().iter().map(|n| Finding::ok("connection string", n)));
    all.extend(local::files(config));
    all.extend(local::store(config).await);
    all.extend(local::audit(config));
    all.extend(local::proxies(config));
    let (mut seen, mut looks) = (Vec::<String>::new(), Vec::new());
    let databases = config.served().into_iter().flat_map(|(path, c)| {
        let of = |d: &ListedDatabase| format!("{path} {}", d.name).trim().to_owned();
        c.databases().into_iter().map(move |d| (of(&d), d.config)).collect::<Vec<_>>()
    });
    for (path, c) in databases {
        match Settings::from_config(&c) {
            Err(e) => all.push(Finding::fail("configuration", e).of(&path)),
            Ok(s) => {
                // Several paths to one database with one login have the same findings.
                let identity = format!(
                    "{} {} {} {}",
                    s.server(),
                    s.database,
                    s.login.shown(),
                    s.policy.access.as_str()
                );
                if !seen.contains(&identity) {
                    seen.push(identity);
                    looks.push(async move {
                        let found = database::examine(s, &c).await;
                        found.into_iter().map(|f| f.of(&path)).collect::<Vec<_>>()
                    });
                }
            }
        }
    }
    // At once: one that does not answer keeps nobody from the others.
    all.extend(futures_util::future::join_all(looks).await.into_iter().flatten());
    all.extend(own::examine(config).await);
    all.extend(public::examine(config).await);
    all.extend(local::collector(config).await);
    all
}
