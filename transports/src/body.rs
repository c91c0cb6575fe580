//! The body of an HTTP answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;

use crate::encoded::Encoded;

/// A response body: nothing, a buffer, pieces, or events.
#[derive(Default)]
pub enum Body {
    /// No byte at all.
    #[default]
    Empty,
    /// All in one buffer.
    Full(Bytes),
    /// A large message, which is put together while it is sent.
    Pieces(Encoded),
    /// An event stream, whose pieces are events or parts of them.
    Events(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

// === impl Body ===

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Body::Empty => None,
            Body::Full(bytes) => Some(std::mem::take(bytes)).filter(|b| !b.is_empty()),
            Body::Pieces(message) => message.next_piece(),
            Body::Events(events) => ready!(events.as_mut().poll_next(cx)),
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Empty => true,
            Body::Full(bytes) => bytes.is_empty(),
            _ => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Body::Empty => http_body::SizeHint::with_exact(0),
            Body::Full(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            _ => http_body::SizeHint::default(),
        }
    }
}

impl From<Encoded> for Body {
    fn from(message: Encoded) -> Self {
        match message.is_small() {
            true => Body::Full(message.into_bytes()),
            false => Body::Pieces(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    async fn frames(mut body: Body) -> Vec<Bytes> {
        let mut all = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            all.push(frame.into_data().expect("data"));
        }
        all
    }

    #[tokio::test]
    async fn a_length_is_told_where_it_is_known() {
        let full = Body::Full(Bytes::from_static(b"abc"));
        assert_eq!((full.size_hint().exact(), full.is_end_stream()), (Some(3), false));
        assert_eq!(frames(full).await, ["abc"]);
        for empty in [Body::default(), Body::Full(Bytes::new())] {
            assert_eq!((empty.size_hint().exact(), empty.is_end_stream()), (Some(0), true));
            assert!(frames(empty).await.is_empty());
        }
        let parts = ["a", "", "b"].map(|p| Bytes::from_static(p.as_bytes()));
        let events = Body::Events(Box::pin(futures_util::stream::iter(parts)));
        assert_eq!((events.size_hint().exact(), events.is_end_stream()), (None, false));
        assert_eq!(frames(events).await, ["a", "", "b"]);
    }

    #[tokio::test]
    async fn a_large_message_is_sent_in_pieces() {
        let small = Body::from(Encoded::value(&json!("x".repeat((64 << 10) - 2))));
        assert_eq!(small.size_hint().exact(), Some(64 << 10));
        let large = Body::from(Encoded::value(&json!("x".repeat((64 << 10) - 1))));
        assert_eq!((large.size_hint().exact(), large.is_end_stream()), (None, false));
        assert_eq!(frames(large).await.concat().len(), (64 << 10) + 1);
    }
}
