//! Requests and their answers, with futures that are dropped wherever they stand.

use std::time::Duration;

use mssql_mcp_session::{
    Bounds, Cancelled, Error, Event, Json, Param, ParamType, ParamValue, Patience, Progress, Rpc,
    Session, Trace,
};

use crate::peer::{Peer, done, ints, packets, session, token};

async fn rows(session: &mut Session) -> Result<String, Error> {
    let mut json = Json::new();
    let Some(mut answer) = session.answer() else { return Ok(String::new()) };
    while answer.next(&mut json).await?.is_some() {}
    Ok(String::from_utf8(json.out().to_vec()).expect("UTF-8"))
}

#[tokio::test]
async fn a_dropped_future_loses_nothing_in_mid_value() {
    let text: Vec<u8> = "aé€😀".repeat(60).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut payload = vec![0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0xE7, 0xFF, 0xFF, 9, 4, 0xD0, 0, 0x34, 0];
    for _ in 0..3 {
        payload.push(0xD1);
        payload.extend((text.len() as u64).to_le_bytes());
        for chunk in text.chunks(37) {
            payload.extend((chunk.len() as u32).to_le_bytes());
            payload.extend(chunk);
        }
        payload.extend([0; 4]);
    }
    payload.extend(done(3));
    let (mut session, _task) = session(move |mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        for piece in packets(&payload).chunks(13) {
            peer.raw(piece).await;
            tokio::task::yield_now().await;
        }
        peer.packet().await;
    })
    .await;
    session.set_bounds(Bounds { max_cell: 200, ..Bounds::default() });
    let mut json = Json::new();
    let mut answer = session.batch("SELECT x").await.expect("sent");
    let (mut events, mut dropped) = (0, 0);
    loop {
        let next = answer.next(&mut json);
        tokio::select! {
            biased;
            event = next => match event.expect("an answer") {
                Some(_) => events += 1,
                None => break,
            },
            () = tokio::task::yield_now() => dropped += 1,
        }
    }
    let cell = format!("[\"{}… [cut: 200 of 240 characters]\"]", "aé€😀".repeat(50));
    assert_eq!(String::from_utf8_lossy(json.out()), [&*cell; 3].join(","));
    assert_eq!(events, 5);
    assert!(dropped > 5, "{dropped}");
    assert!(session.is_ready());
}

#[tokio::test]
async fn a_request_that_is_cut_while_it_is_sent_never_ends() {
    let (mut session, task) = session(|mut peer: Peer| async move {
        // Nothing is read until the client has given up.
        tokio::time::sleep(Duration::from_millis(300)).await;
        while let Some((_, status, _)) = peer.packet().await {
            assert_eq!(status & 1, 0, "the last packet came");
        }
    })
    .await;
    let text = "x".repeat(8 << 20);
    let sent = tokio::time::timeout(Duration::from_millis(50), session.batch(&text)).await;
    assert!(sent.is_err(), "it fits into the buffers of the system");
    assert!(!session.is_usable() && !session.is_ready());
    assert_eq!(session.progress(), Progress::default());
    assert!(matches!(session.batch("SELECT 1").await, Err(Error::Unusable(_))));
    assert_eq!(session.cancel(Patience::default()).await, Cancelled::Unsent);
    drop(session);
    task.await.expect("no last packet");
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_given_up() {
    let (address, _task) = crate::peer::serve(|mut peer: Peer| async move {
        peer.log_in().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    let mut target = crate::peer::target(address, mssql_mcp_session::Tls::off());
    target.write_timeout = Duration::from_millis(100);
    let mut session = Session::connect(&target).await.expect("a session");
    let e = session.batch(&"x".repeat(16 << 20)).await.map(drop);
    assert_eq!(e, Err(Error::Stalled));
    assert!(!session.is_usable());
}

#[tokio::test]
async fn a_transactions_descriptor_goes_with_requests_until_it_ends() {
    let begin = token(0xE3, &[8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
    let end = token(0xE3, &[10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    let (mut session, task) = session(move |mut peer: Peer| async move {
        for (answer, expected) in [(&begin, 0), (&end, 0x0807_0605_0403_0201u64), (&end, 0)] {
            let (_, _, body) = peer.message().await.expect("a request");
            assert_eq!(body[10..18], expected.to_le_bytes());
            peer.answer(&[&answer[..], &done(0)].concat()).await;
        }
    })
    .await;
    for open in [true, false, false] {
        session.batch("x").await.expect("sent").skip().await.expect("an answer");
        assert_eq!(session.in_transaction(), open);
    }
    task.await.expect("as expected");
}

#[tokio::test]
async fn a_reset_is_asked_for_once_and_must_be_confirmed() {
    let (mut session, task) = session(|mut peer: Peer| async move {
        for (confirmed, bits) in [(true, 9), (false, 1), (false, 9)] {
            let (_, status, body) = peer.message().await.expect("a request");
            assert_eq!((status, &body[10..18]), (bits, &[0; 8][..]));
            let reset = if confirmed { token(0xE3, &[18, 0, 0]) } else { Vec::new() };
            peer.answer(&[reset, ints(&[1]), done(1)].concat()).await;
        }
        assert_eq!(peer.packet().await, None);
    })
    .await;
    session.reset_next();
    session.batch("x").await.expect("sent");
    assert_eq!(rows(&mut session).await.as_deref(), Ok("[1]"));
    session.batch("x").await.expect("sent");
    assert_eq!(rows(&mut session).await.as_deref(), Ok("[1]"));
    session.reset_next();
    session.batch("x").await.expect("sent");
    assert!(matches!(rows(&mut session).await, Err(Error::Protocol(_))));
    assert!(!session.is_usable());
    task.await.expect("as expected");
}

#[tokio::test]
async fn calls_carry_their_parameters_and_their_activity() {
    let (mut session, task) = session(|mut peer: Peer| async move {
        let (kind, _, body) = peer.message().await.expect("a request");
        assert_eq!((kind, body[0], &body[28..44]), (3, 48, &[5; 16][..]));
        assert_eq!(body[48..54], [0xFF, 0xFF, 10, 0, 0, 0]);
        let value = [0xAC, 1, 0, 2, b'@', 0, b'a', 0, 1, 0, 0, 0, 0, 0, 0, 0x26, 4, 4, 7, 0, 0, 0];
        peer.answer(&[&value[..], &[0x79, 0, 0, 0, 0], &done(0)].concat()).await;
        peer.packet().await;
    })
    .await;
    session.set_trace(Some(Trace { id: [5; 16], sequence: 1 }));
    let bad = Param::new("@a", ParamType::TinyInt, ParamValue::Int(300));
    let e = session.call(&Rpc::execute_sql("x", "@a tinyint").param(bad)).await.map(drop);
    assert!(matches!(e, Err(Error::Parameter { .. })));
    let good = Param::new("@a", ParamType::Int, ParamValue::Null).output();
    let mut answer =
        session.call(&Rpc::execute_sql("x", "@a int OUTPUT").param(good)).await.expect("sent");
    let mut returned = Vec::new();
    while let Some(event) = answer.next(&mut Json::new()).await.expect("an answer") {
        if let Event::ReturnValue(v) = event {
            returned.push((v.name, v.json));
        }
    }
    assert_eq!(returned, [("@a".to_owned(), "7".to_owned())]);
    drop(session);
    task.await.expect("as expected");
}

#[tokio::test]
async fn a_connection_that_ends_or_talks_nonsense_is_not_used_again() {
    let whole = packets(&[ints(&[1, 2]), done(2)].concat());
    for end in [0, 5, 8, 20, whole.len() - 1] {
        let part = whole[..end].to_vec();
        let (mut session, _task) = session(move |mut peer: Peer| async move {
            peer.message().await.expect("a batch");
            peer.raw(&part).await;
        })
        .await;
        session.batch("x").await.expect("sent");
        assert!(matches!(rows(&mut session).await, Err(Error::Lost(_))), "{end}");
        assert_eq!(session.progress(), Progress { sent: true, answered: end > 0 });
        assert!(matches!(session.batch("x").await, Err(Error::Unusable(_))), "{end}");
    }
    for nonsense in [
        packets(&[0x42]),
        packets(&[0xFD, 0]),
        vec![6, 1, 0, 8, 0, 0, 0, 0],
        vec![4, 1, 0, 3, 0, 0, 0, 0],
    ] {
        let (mut session, _task) = session(move |mut peer: Peer| async move {
            peer.message().await.expect("a batch");
            peer.raw(&nonsense).await;
            peer.packet().await;
        })
        .await;
        session.batch("x").await.expect("sent");
        assert!(matches!(rows(&mut session).await, Err(Error::Protocol(_))));
        assert!(!session.is_usable());
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_noticed_before_the_next_request() {
    let (mut session, _task) = session(|mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        peer.answer(&[ints(&[1]), done(1)].concat()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        peer.answer(&done(0)).await;
        peer.packet().await;
    })
    .await;
    session.batch("x").await.expect("sent");
    assert_eq!(rows(&mut session).await.as_deref(), Ok("[1]"));
    assert!(session.is_quiet().await);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!session.is_quiet().await);
    assert!(!session.is_usable());
}
