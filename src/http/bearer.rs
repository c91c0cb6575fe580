//! Whose a request is: what the bearer layer asks, and what it does with the answer.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Weak};

use futures_util::future::Either;

use super::connections::HttpConnection;
use crate::answer::Answer;
use crate::oauth::server::Authority;
use crate::principal::Principal;
use crate::route::Routed;

type Found = Result<Arc<Principal>, Answer>;

/// A caller, found at once or after a look into the store.
pub(crate) type PrincipalFuture = Either<Ready<Found>, Pin<Box<dyn Future<Output = Found> + Send>>>;

/// Finds the caller. Without sign-in (loopback only) that is the person at this machine.
pub(crate) fn authenticate<B>(
    authority: Option<Authority>,
) -> impl Fn(&Routed<B>) -> PrincipalFuture + Clone + use<B> {
    move |r| {
        // Without sign-in, and for a token that was seen a moment ago, nothing is copied and
        // nobody asked.
        let Some(authority) = &authority else {
            return Either::Left(ready(Ok(Principal::local())));
        };
        let headers = r.request.headers();
        if let Some(principal) = authority.recognised(headers, r.place) {
            return Either::Left(ready(Ok(principal)));
        }
        let (authority, headers, place) = (authority.clone(), headers.clone(), r.place);
        Either::Right(Box::pin(async move { authority.authenticate(&headers, place).await }))
    }
}

/// Puts the caller where the endpoints look. The connection is a stranger's no more.
pub(crate) fn admit<B>(r: &mut Routed<B>, principal: Arc<Principal>) {
    let extensions = r.request.extensions_mut();
    principal.into_extensions(extensions);
    if let Some(c) = extensions.remove::<Weak<HttpConnection>>().and_then(|c| c.upgrade()) {
        c.keep();
    }
}
