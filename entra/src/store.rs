//! What a sign-in left, in a file that only its owner may read: a refresh token, for one
//! application of one tenant.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::files;

const NAME: &str = "the sign-in by device code";
const SIGN_IN: &str = "run mssql-mcp login, at a terminal, as the user who runs this server";

/// Where a sign-in is kept, and whose it is.
#[derive(Clone)]
pub(crate) struct Kept {
    path: PathBuf,
    tenant: String,
    client: String,
}

// === impl Kept ===

impl Kept {
    pub(crate) fn new(path: PathBuf, tenant: &str, client: &str) -> Self {
        Self { path, tenant: tenant.to_owned(), client: client.to_owned() }
    }

    /// The refresh token.
    pub(crate) async fn read(&self) -> Result<String, Failure> {
        if !self.path.is_file() {
            return Err(Failure::new(NAME, "nobody has signed in yet", SIGN_IN).for_now());
        }
        let text = files::small(&self.path, NAME, SIGN_IN).await?;
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let ours = said["tenant"] == *self.tenant && said["client_id"] == *self.client;
        match said["refresh_token"].as_str().filter(|_| ours) {
            Some(token) => Ok(token.to_owned()),
            None => {
                let what = "the sign-in that is kept is for another tenant or application";
                Err(Failure::new(NAME, what, SIGN_IN).for_now())
            }
        }
    }

    /// Keeps another one: a new file in the place of the old one, so that nobody finds half of it.
    pub(crate) async fn write(&self, token: &str) -> Result<(), String> {
        let text = json!({
            "tenant": self.tenant,
            "client_id": self.client,
            "refresh_token": token,
        })
        .to_string();
        let path = self.path.clone();
        let writing = tokio::task::spawn_blocking(move || put(&path, &text));
        let written = writing.await.map_err(|e| e.to_string())?;
        written.map_err(|e| format!("{} cannot be written: {e}", self.path.display()))
    }
}

fn put(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&beside);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
