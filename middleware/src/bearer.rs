//! Admits a request once its caller is known. What a token is and where it stands is the caller's
//! business: `check` looks at a request and tells who sends it, or gives the answer that refuses
//! it; `admit` puts the identity where the inner service finds it. RFC 6750 §2.1 is in [`token`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Puts [`Bearer`] in front of a service.
#[derive(Debug, Clone)]
pub struct BearerLayer<Check, Admit> {
    check: Check,
    admit: Admit,
}

/// Asks `check` about each request, and only then the inner service.
#[derive(Debug, Clone)]
pub struct Bearer<S, Check, Admit> {
    check: Check,
    admit: Admit,
    inner: S,
}

pin_project! {
    /// The answer to a request of [`Bearer`].
    pub struct ResponseFuture<F, Res, E> {
        #[pin]
        state: State<F, Res, E>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, Res, E> {
        // The caller was known at once.
        Admitted { #[pin] inner: F },
        // And is refused.
        Refused { answer: Option<Res> },
        // `check` is still asking.
        Asking { asked: Pin<Box<dyn Future<Output = Result<Res, E>> + Send>> },
    }
}

impl<Check, Admit> BearerLayer<Check, Admit> {
    /// `check: Fn(&Req) -> Future<Output = Result<Id, Res>>`, `admit: Fn(&mut Req, Id)`.
    pub fn new(check: Check, admit: Admit) -> Self {
        Self { check, admit }
    }
}

impl<S, Check: Clone, Admit: Clone> Layer<S> for BearerLayer<Check, Admit> {
    type Service = Bearer<S, Check, Admit>;

    fn layer(&self, inner: S) -> Self::Service {
        Bearer { check: self.check.clone(), admit: self.admit.clone(), inner }
    }
}

impl<S, Check, Admit, Req, F, Id> Service<Req> for Bearer<S, Check, Admit>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    Check: Fn(&Req) -> F,
    F: Future<Output = Result<Id, S::Response>> + Unpin + Send + 'static,
    Admit: Fn(&mut Req, Id) + Clone + Send + 'static,
    Req: Send + 'static,
    Id: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let mut checked = (self.check)(&request);
        // Most callers are known without waiting, and then nothing is copied or boxed.
        match Pin::new(&mut checked).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(id)) => {
                (self.admit)(&mut request, id);
                return State::Admitted { inner: self.inner.call(request) }.into();
            }
            Poll::Ready(Err(refused)) => {
                return State::Refused { answer: Some(refused) }.into();
            }
            Poll::Pending => {}
        }
        let admit = self.admit.clone();
        // The ready service is the one that is called; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let asked = Box::pin(async move {
            match checked.await {
                Ok(id) => {
                    admit(&mut request, id);
                    inner.call(request).await
                }
                Err(refused) => Ok(refused),
            }
        });
        State::Asking { asked }.into()
    }
}

impl<F, Res, E> From<State<F, Res, E>> for ResponseFuture<F, Res, E> {
    fn from(state: State<F, Res, E>) -> Self {
        Self { state }
    }
}

impl<F, Res, E> Future for ResponseFuture<F, Res, E>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Admitted { inner } => inner.poll(cx),
            Projected::Refused { answer } => {
                answer.take().map_or(Poll::Pending, |a| Poll::Ready(Ok(a)))
            }
            Projected::Asking { asked } => asked.as_mut().poll(cx),
        }
    }
}

/// What an `Authorization` header holds (RFC 6750 §2.1, RFC 9110 §11.4): none without a bearer
/// token, an error when it names the scheme but no token.
pub fn token(header: Option<&str>) -> Result<Option<&str>, &'static str> {
    let Some(header) = header else { return Ok(None) };
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err("the Authorization header must be: Bearer TOKEN");
    }
    let token = rest.trim();
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if token.is_empty() || !token.bytes().all(fits) {
        return Err("the Authorization header holds no token");
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower_test::mock;

    use super::*;

    #[tokio::test]
    async fn the_known_are_let_in_and_the_unknown_are_answered() {
        let check = |r: &String| {
            let known = r.strip_prefix("ada:").map(str::to_owned);
            let waits = r.contains("later");
            Box::pin(async move {
                if waits {
                    tokio::task::yield_now().await;
                }
                known.ok_or_else(|| "who are you?".to_owned())
            })
        };
        let layer =
            BearerLayer::new(check, |r: &mut String, id: String| *r = format!("{id} for ada"));
        let (mut service, mut handle) = mock::spawn_with(|s| {
            use tower::ServiceExt;
            layer.layer(s.map_err(|e| -> Infallible { panic!("{e}") }))
        });
        handle.allow(4);
        assert!(service.poll_ready().is_ready());
        for (stranger, known, passed) in
            [("eve", "ada:tea", "tea for ada"), ("eve later", "ada:later", "later for ada")]
        {
            assert_eq!(service.call(stranger.to_owned()).await, Ok("who are you?".to_owned()));
            assert!(service.poll_ready().is_ready());
            // The inner service is called only once the caller is known.
            let answer = tokio::spawn(service.call(known.to_owned()));
            let (request, send) = handle.next_request().await.expect("a request");
            assert_eq!(request, passed);
            send.send_response("here".to_owned());
            assert_eq!(answer.await.expect("task"), Ok("here".to_owned()));
            assert!(service.poll_ready().is_ready());
        }
    }

    #[test]
    fn tokens_stand_in_the_header_and_nowhere_else() {
        assert_eq!(token(None), Ok(None));
        assert_eq!(token(Some("Bearer abc")), Ok(Some("abc")));
        assert_eq!(token(Some("bearer  a.b~c=")), Ok(Some("a.b~c=")));
        for bad in ["Bearer", "Bearer ", "Basic abc", "abc", "Bearer a b", "Bearer a\"b", ""] {
            assert!(token(Some(bad)).is_err(), "{bad}");
        }
    }
}
