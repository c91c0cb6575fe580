//! Watches calls from outside. The start is seen before the call, the end whatever happens to it: a
//! result, or the drop of a future that nobody waited for; and while it runs, so that what it does
//! can be told to be part of it.

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
    /// What is kept from start to end; its `Drop` is the end of an abandoned call.
    type Guard;

    /// Sees a request before its call.
    fn start(&self, request: &Req) -> Self::Guard;

    /// Does `work`, which is the call or a poll of it, as a part of what was started.
    fn within<T>(&self, _: &Self::Guard, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// Sees the result of a call that was not abandoned.
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
    /// `observer` sees the calls of all services that this layer wraps.
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
        let guard = self.observer.start(&request);
        let inner = &mut self.inner;
        let inner = self.observer.within(&guard, || inner.call(request));
        ResponseFuture {
            inner,
            observer: self.observer.clone(),
            guard: Some(guard),
            request: PhantomData,
        }
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
        let inner = me.inner;
        let polled = match me.guard {
            Some(g) => me.observer.within(g, || inner.poll(cx)),
            None => inner.poll(cx),
        };
        let result = ready!(polled);
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

        fn within<T>(&self, guard: &Guard, work: impl FnOnce() -> T) -> T {
            WITHIN.with(|w| w.set(!guard.1));
            let done = work();
            WITHIN.with(|w| w.set(false));
            done
        }

        fn end(&self, mut guard: Guard, result: Result<&&'static str, &E>) {
            guard.1 = true;
            self.0.lock().expect("log").push(format!("end {:?}", result.ok()));
        }
    }

    thread_local!(static WITHIN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });

    #[tokio::test]
    async fn what_a_call_does_is_within_it() {
        let layer = ObserveLayer::new(Log::default());
        let mut service = layer.layer(tower::service_fn(|r: &'static str| {
            assert!(WITHIN.get(), "the call");
            async move {
                assert!(WITHIN.get(), "the first poll");
                tokio::task::yield_now().await;
                assert!(WITHIN.get(), "the next");
                Ok::<_, std::convert::Infallible>(r)
            }
        }));
        let call = service.ready().await.expect("ready").call("ada");
        assert!(!WITHIN.get());
        assert_eq!(call.await.expect("answer"), "ada");
        assert!(!WITHIN.get());
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
        assert_eq!(
            lines,
            ["start ada", "start bob", "start eve", "end Some(\"hello\")", "end None", "dropped"]
        );
    }
}
