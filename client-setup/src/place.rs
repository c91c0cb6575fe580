//! Where a client's file is, in surroundings that are given: nothing here reads the environment.

use std::path::{Path, PathBuf};

use crate::client::Client;

/// The system that a client runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux, and what is like it.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Os {
    /// The one that this was built for.
    #[must_use]
    pub fn this() -> Self {
        match std::env::consts::OS {
            "macos" => Os::MacOs,
            "windows" => Os::Windows,
            _ => Os::Linux,
        }
    }
}

/// For whom an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// For a person, wherever they work.
    User,
    /// For whoever works in one folder.
    Project,
}

/// Folders that the environment names.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The system.
    pub os: Os,
    /// `HOME`, or `USERPROFILE`.
    pub home: PathBuf,
    /// `APPDATA`; on Windows alone.
    pub app_data: Option<PathBuf>,
    /// `LOCALAPPDATA`; on Windows alone.
    pub local_app_data: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`; else `.config` in the home.
    pub config_home: Option<PathBuf>,
    /// The folder of the project: where the command was given.
    pub project: PathBuf,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
}

/// What a place lies below.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base {
    Home,
    Config,
    AppData,
    LocalAppData,
}

/// A file below a folder that is there when the client is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) os: &'static [Os],
    pub(crate) base: Base,
    /// Empty where the file lies in the base itself.
    pub(crate) folder: &'static str,
    pub(crate) file: &'static str,
}

impl Surroundings {
    fn base(&self, base: Base) -> Option<PathBuf> {
        Some(match base {
            Base::Home => self.home.clone(),
            Base::Config => self.config_home.clone().unwrap_or_else(|| self.home.join(".config")),
            Base::AppData => self.app_data.clone()?,
            Base::LocalAppData => self.local_app_data.clone()?,
        })
    }

    /// Each place of a client here: its folder, and its file.
    fn places(&self, client: &Client) -> Vec<(Option<PathBuf>, PathBuf)> {
        let here = client.user.iter().filter(|p| p.os.contains(&self.os));
        here.filter_map(|p| {
            let base = self.base(p.base)?;
            let folder = (!p.folder.is_empty()).then(|| base.join(p.folder));
            let file = folder.as_ref().unwrap_or(&base).join(p.file);
            Some((folder, file))
        })
        .collect()
    }

    /// The files to write: those whose folder is there, or else the first. Empty where the client
    /// has none in this scope or on this system. `is_there` says whether a path exists.
    #[must_use]
    pub fn files(
        &self,
        client: &Client,
        scope: Scope,
        is_there: &dyn Fn(&Path) -> bool,
    ) -> Vec<PathBuf> {
        if scope == Scope::Project {
            return client.project.iter().map(|p| self.project.join(p)).collect();
        }
        let places = self.places(client);
        let used: Vec<PathBuf> = places
            .iter()
            .filter(|(folder, _)| folder.as_ref().is_some_and(|f| is_there(f)))
            .map(|(_, file)| file.clone())
            .collect();
        match used.is_empty() {
            true => places.into_iter().take(1).map(|(_, file)| file).collect(),
            false => used,
        }
    }

    /// Whether the client seems to be installed: its folder, its file or its command is there.
    #[must_use]
    pub fn has(&self, client: &Client, is_there: &dyn Fn(&Path) -> bool) -> bool {
        let places = self.places(client);
        let program = |name: &str| match self.os {
            Os::Windows => vec![format!("{name}.exe"), format!("{name}.cmd")],
            _ => vec![name.to_owned()],
        };
        places
            .iter()
            .any(|(folder, file)| folder.as_ref().is_some_and(|f| is_there(f)) || is_there(file))
            || client
                .commands
                .iter()
                .flat_map(|c| program(c))
                .any(|c| self.path.iter().any(|dir| is_there(&dir.join(&c))))
    }
}
