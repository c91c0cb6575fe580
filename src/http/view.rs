//! The page of a kept result, for people whose client shows none: the one that hosts show in their
//! frames, opened by itself.

use http::StatusCode;

use super::Mount;
use crate::answer::{self, Answer};
use crate::principal::Principal;

/// The handle at the end of a path.
pub(super) fn handle(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The page; none where the visitor has no such result.
pub(super) fn page(mount: &Mount, visitor: &Principal, path: &str) -> Option<Answer> {
    let (text, policy) = mount.kept.page(handle(path), &visitor.key())?;
    Some(answer::html(StatusCode::OK, text, &policy))
}
