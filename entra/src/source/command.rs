//! Command-line tools in which a person has signed in: the Azure CLI and the Azure Developer CLI.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::failure::{Failure, told};
use crate::options::{EntraOptions, Surroundings};
use crate::retry::Deadline;
use crate::token::AccessToken;

/// Both start an interpreter, and may ask the login host.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most that is read of what one prints.
const MOST: u64 = 256 << 10;

/// A program that prints a token.
#[derive(Clone)]
pub(crate) struct Program {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<String>,
    sign_in: &'static str,
    update: &'static str,
}

// === impl Program ===

impl Program {
    /// `az account get-access-token`
    pub(crate) fn az(around: &Surroundings, o: &EntraOptions) -> Result<Self, String> {
        let scope = o.cloud()?.scope();
        let words = ["account", "get-access-token", "-o", "json", "--scope", &scope];
        let mut arguments = words.map(str::to_owned).to_vec();
        if !o.tenant.is_empty() {
            arguments.extend(["--tenant".to_owned(), o.tenant.clone()]);
        }
        let path = found(around, "az").ok_or(
            "there is no az in PATH, for entra.source = azure-cli: install the Azure CLI, and run \
             az login",
        )?;
        Ok(Self {
            name: "the Azure CLI",
            path,
            arguments,
            sign_in: "az login",
            update: "update it: this needs az 2.54 or later",
        })
    }

    /// `azd auth token`
    pub(crate) fn azd(around: &Surroundings, o: &EntraOptions) -> Result<Self, String> {
        let scope = o.cloud()?.scope();
        let words = ["auth", "token", "--output", "json", "--scope", &scope, "--no-prompt"];
        let mut arguments = words.map(str::to_owned).to_vec();
        if !o.tenant.is_empty() {
            arguments.extend(["--tenant-id".to_owned(), o.tenant.clone()]);
        }
        let path = found(around, "azd").ok_or(
            "there is no azd in PATH, for entra.source = azd: install the Azure Developer CLI, and \
             run azd auth login",
        )?;
        Ok(Self {
            name: "the Azure Developer CLI",
            path,
            arguments,
            sign_in: "azd auth login",
            update: "update it",
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) async fn fetch(&self, deadline: Deadline) -> Result<AccessToken, Failure> {
        // In its own folder: its interpreter would run a file of the current one that is called like
        // a module.
        let folder = self.path.parent().unwrap_or(std::path::Path::new("/"));
        let mut command = Command::new(&self.path);
        // What is ours of the environment is nothing of its own, and may be a secret.
        for name in std::env::vars_os().map(|(k, _)| k) {
            if name.to_string_lossy().starts_with("MSSQL_") {
                command.env_remove(name);
            }
        }
        // A group of its own, because what it starts is to end with it.
        #[cfg(unix)]
        command.process_group(0);
        let child = command
            .args(&self.arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let wrong = |what: String, mend: &str| Failure::new(self.name, what, mend).for_now();
        let mut child = child.map_err(|e| wrong(format!("it cannot be started: {e}"), ""))?;
        let mut group = Group(child.id());
        let patience = PATIENCE.min(deadline.left());
        let (from_out, from_err) = (child.stdout.take(), child.stderr.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let reading = async {
            let both =
                async { tokio::join!(some(from_out, &mut stdout), some(from_err, &mut stderr)) };
            let mut both = std::pin::pin!(both);
            tokio::select! {
                (out, err) = &mut both => match out && err {
                    true => child.wait().await,
                    false => Err(std::io::Error::other("it prints more than a token")),
                },
                status = child.wait() => {
                    // What it left behind in the background may hold its output open.
                    let _ = tokio::time::timeout(Duration::from_secs(1), both).await;
                    status
                }
            }
        };
        let status = tokio::time::timeout(patience, reading)
            .await
            .map_err(|_| {
                let what = format!("it did not answer within {} s", patience.as_secs_f32());
                wrong(what, "raise pool.connect_timeout, or look why it is slow")
            })?
            .map_err(|e| wrong(format!("it cannot be read: {e}"), ""))?;
        group.0 = None;
        if !status.success() {
            // What it prints to stderr is for people, and holds no token.
            let said = String::from_utf8_lossy(&stderr);
            let said = said.lines().find(|l| !l.trim().is_empty()).unwrap_or("it failed");
            let mend = format!("run {}, as the user who runs this server", self.sign_in);
            return Err(wrong(told(said, &[]), &mend));
        }
        AccessToken::read(&stdout)
            .map_err(|why| wrong(format!("its answer cannot be used: {why}"), self.update))
    }
}

/// The beginning of what a program prints, and whether that is all.
async fn some(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> bool {
    if let Some(from) = from {
        // What cannot be read is what is missing in the end.
        let _ = from.take(MOST).read_to_end(into).await;
    }
    (into.len() as u64) < MOST
}

/// The processes that a program started, which end when nobody waits for it any more.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.0.and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// A program in PATH.
fn found(around: &Surroundings, name: &str) -> Option<PathBuf> {
    let path = around.variables.get(if cfg!(windows) { "Path" } else { "PATH" })?;
    let file = if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() };
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file))
        .find(|file| file.is_file())
}
