//! Files of others: a token that somebody keeps there, assertions and keys. They are small, and read
//! anew each time, because whoever writes them renews them.

use std::path::Path;

use tokio::io::AsyncReadExt;

use crate::failure::Failure;
use crate::token::AccessToken;

pub(crate) const NAME: &str = "the token file";

/// The most that is read; tokens have some kilobytes.
const MOST: u64 = 64 << 10;

/// The token in a file: bare, or in JSON as `az` and the endpoints print it.
pub(crate) async fn token(path: &Path) -> Result<AccessToken, Failure> {
    let text = small(path, NAME, "check entra.token_file").await?;
    let read = match text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        true => AccessToken::read(text.trim_start_matches('\u{feff}').as_bytes()),
        false => AccessToken::bare(&text),
    };
    read.map_err(|why| {
        let what = format!("{}: {why}", path.display());
        Failure::new(NAME, what, "whoever writes entra.token_file has to renew it").for_now()
    })
}

/// A small file as text.
pub(crate) async fn small(
    path: &Path,
    source: &'static str,
    mend: &str,
) -> Result<String, Failure> {
    let wrong =
        |why: String| Failure::new(source, format!("{}: {why}", path.display()), mend).for_now();
    // Opening what is no file may wait for ever.
    let about = tokio::fs::metadata(path).await.map_err(|e| wrong(e.to_string()))?;
    if !about.is_file() {
        return Err(wrong("it is no file".to_owned()));
    }
    let file = tokio::fs::File::open(path).await.map_err(|e| wrong(e.to_string()))?;
    let mut text = String::new();
    let mut part = file.take(MOST + 1);
    part.read_to_string(&mut text).await.map_err(|e| wrong(e.to_string()))?;
    if text.len() as u64 > MOST {
        return Err(wrong("the file is larger than 64 kB".to_owned()));
    }
    Ok(text)
}
