//! Several messages in one array, which revision 2025-03-26 alone has.

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::RpcError;
use crate::jsonrpc::{Invalid, Message};
use crate::session::Session;
use crate::version::ProtocolVersion;

/// The most messages in a batch: it is one post, and so passes the limits of one.
const MOST: usize = 50;

/// Whether a session may send this.
pub(crate) fn check(
    session: Option<&Session>,
    batch: &[Result<Message, Invalid>],
) -> Result<(), RpcError> {
    if session.is_none_or(|s| s.version != ProtocolVersion::V2025_03_26) {
        let reason = "a batch is only allowed in a session of 2025-03-26";
        return Err(RpcError::invalid_request(reason));
    }
    if batch.is_empty() || batch.len() > MOST {
        let reason = format!("a batch holds 1 to {MOST} messages");
        return Err(RpcError::invalid_request(&reason));
    }
    let is_handshake = |message: &Result<Message, Invalid>| match message {
        Ok(Message::Request { method, .. }) => method == "initialize",
        _ => false,
    };
    if batch.iter().any(is_handshake) {
        return Err(RpcError::invalid_request("initialize must not stand in a batch"));
    }
    Ok(())
}

/// One array of these answers, each of them JSON; none where nothing was answered.
pub(crate) fn join(answers: &[Bytes]) -> Option<Bytes> {
    let mut out = BytesMut::with_capacity(answers.iter().map(|a| a.len() + 1).sum::<usize>() + 1);
    for (n, answer) in answers.iter().filter(|a| !a.is_empty()).enumerate() {
        out.put_u8(if n == 0 { b'[' } else { b',' });
        out.put_slice(answer);
    }
    if out.is_empty() {
        return None;
    }
    out.put_u8(b']');
    Some(out.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc::{Incoming, parse};
    use crate::request::ClientFacts;

    fn session(version: ProtocolVersion) -> Session {
        Session::new("1".into(), "ada".into(), version, ClientFacts::default())
    }

    fn batch(messages: &[&str]) -> Vec<Result<Message, Invalid>> {
        match parse(format!("[{}]", messages.join(",")).as_bytes()) {
            Incoming::Batch(list) => list,
            Incoming::One(other) => panic!("{other:?}"),
        }
    }

    const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

    #[test]
    fn one_revision_has_batches() {
        let list = batch(&[PING, "3"]);
        assert!(check(None, &list).is_err());
        for version in ProtocolVersion::ALL {
            let allowed = check(Some(&session(version)), &list).is_ok();
            assert_eq!(allowed, version == ProtocolVersion::V2025_03_26, "{version:?}");
        }
    }

    #[test]
    fn a_batch_has_bounds_and_no_handshake() {
        let session = session(ProtocolVersion::V2025_03_26);
        let message = |list: &[&str]| check(Some(&session), &batch(list)).err().map(|e| e.message);
        assert_eq!(message(&[PING; 50]), None);
        let bounds = Some("Invalid Request: a batch holds 1 to 50 messages".to_owned());
        assert_eq!((message(&[]), message(&[PING; 51])), (bounds.clone(), bounds));
        let initialize = PING.replace("ping", "initialize");
        let reason = message(&[PING, &initialize]).expect("refused");
        assert!(reason.contains("initialize"), "{reason}");
        assert_eq!(message(&[&initialize.replace("\"id\":1,", "")]), None, "only the request");
    }

    #[test]
    fn answers_are_an_array_without_those_that_are_none() {
        let of = |list: &[&'static str]| {
            let list: Vec<Bytes> = list.iter().map(|a| Bytes::from_static(a.as_bytes())).collect();
            join(&list)
        };
        assert_eq!(of(&["", "1", "", "{}", ""]).as_deref(), Some(&b"[1,{}]"[..]));
        assert_eq!(of(&["{}"]).as_deref(), Some(&b"[{}]"[..]));
        assert_eq!((of(&[]), of(&[""])), (None, None));
    }
}
