//! Watches calls from outside. The start is seen before the call, the end whatever happens to it: a result, or the drop of a
//! future that nobody waited for.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Sees the start and the end of calls.
pub trait Observer<Req, Res, Err> {
    /// What is kept between the two; its `Drop` is the end of an abandoned call.
    type Guard;
    /// Before the call.
    fn start(&self, request: &Req) -> Self::Guard;
    /// After it.
    fn end(&self, guard: Self::Guard, result: Result<&Res, &Err>);
}

/// Wraps services in an [`Observer`].
#[derive(Debug)]
pub struct ObserveLayer<O>(Arc<O>);

/// The service of [`ObserveLayer`].
#[derive(Debug)]
pub struct Observe<O, S> {
    observer: Arc<O>,
    inner: S,
}

pin_project! {
    /// The future of [`Observe`].
    #[derive(Debug)]
    pub struct ResponseFuture<F, O, G, Req> {
        #[pin]
        inner: F,
        observer: Arc<O>,
        guard: Option<G>,
        request: PhantomData<fn(Req)>,
    }
}

// === impl ObserveLayer ===

impl<O> ObserveLayer<O> {
    /// With this observer.
    pub fn new(observer: O) -> Self {
        Self(Arc::new(observer))
    }
}

impl<O> Clone for ObserveLayer<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O, S> Layer<S> for ObserveLayer<O> {
    type Service = Observe<O, S>;
    fn layer(&self, inner: S) -> Self::Service {
        Observe { observer: self.0.clone(), inner }
    }
}

// === impl Observe ===

impl<O, S: Clone> Clone for Observe<O, S> {
    fn clone(&self) -> Self {
        Self { observer: self.observer.clone(), inner: self.inner.clone() }
    }
}

impl<O, S, Req> Service<Req> for Observe<O, S>
where
    S: Service<Req>,
    O: Observer<Req, S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, O, O::Guard, Req>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }
    fn call(&mut self, request: Req) -> Self::Future {
        // The guard first: the call below may do its work at once.
        let guard = Some(self.observer.start(&request));
        ResponseFuture { inner: self.inner.call(request), observer: self.observer.clone(), guard, request: PhantomData }
    }
}

// === impl ResponseFuture ===

impl<F, O, Req, Res, Err> Future for ResponseFuture<F, O, O::Guard, Req>
where
    F: Future<Output = Result<Res, Err>>,
    O: Observer<Req, Res, Err>,
{
    type Output = Result<Res, Err>;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let result = ready!(me.inner.poll(cx));
        if let Some(guard) = me.guard.take() {
            me.observer.end(guard, result.as_ref());
        }
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tower::{Service, ServiceExt};
    use tower_test::mock;

    use super::*;

    #[derive(Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    struct Guard(Arc<Mutex<Vec<String>>>, bool);

    impl Drop for Guard {
        fn drop(&mut self) {
            if !self.1 {
                self.0.lock().expect("log").push("dropped".into());
            }
        }
    }

    impl<E> Observer<&'static str, &'static str, E> for Log {
        type Guard = Guard;
        fn start(&self, request: &&'static str) -> Guard {
            self.0.lock().expect("log").push(format!("start {request}"));
            Guard(self.0.clone(), false)
        }
        fn end(&self, mut guard: Guard, result: Result<&&'static str, &E>) {
            guard.1 = true;
            self.0.lock().expect("log").push(format!("end {:?}", result.ok()));
        }
    }

    #[tokio::test]
    async fn every_start_has_one_end() {
        let log = Log::default();
        let lines = log.0.clone();
        let layer = ObserveLayer::new(log);
        let (service, mut handle) = mock::pair::<&'static str, &'static str>();
        let mut service = layer.layer(service);
        handle.allow(3);
        let answered = service.ready().await.expect("ready").call("ada");
        let failed = service.ready().await.expect("ready").call("bob");
        let abandoned = service.ready().await.expect("ready").call("eve");
        handle.next_request().await.expect("ada").1.send_response("hello");
        handle.next_request().await.expect("bob").1.send_error("no");
        assert_eq!(answered.await.expect("answer"), "hello");
        assert!(failed.await.is_err());
        drop(abandoned);
        let lines = lines.lock().expect("log").clone();
        assert_eq!(lines, ["start ada", "start bob", "start eve", "end Some(\"hello\")", "end None", "dropped"]);
    }
}
