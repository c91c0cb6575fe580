//! `X-Request-Id`.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use http::Request;
use http::header::HeaderValue;
use tower_http::request_id::{MakeRequestId, RequestId};

/// Request ids: unique to this process and its start, without asking the system
/// for randomness each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestIds(Arc<AtomicU64>);

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        static START: LazyLock<u64> =
            LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
        let id = format!("{:016x}-{:x}", *START, self.0.fetch_add(1, Ordering::Relaxed));
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}
