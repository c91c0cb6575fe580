//! Attention: acknowledged, late, ignored, twice, and behind an answer that was whole already.

use std::time::Duration;

use mssql_mcp_session::{Cancelled, Discard, Error, Json, Patience, Session};

use crate::peer::{ATTENTION_DONE, Peer, done, ints, packets, session};

fn patience(millis: u64) -> Patience {
    Patience { time: Duration::from_millis(millis), ..Patience::default() }
}

async fn answers_for_itself(session: &mut Session) {
    let mut json = Json::new();
    let mut answer = session.batch("SELECT 42").await.expect("sent");
    while answer.next(&mut json).await.expect("an answer").is_some() {}
    assert_eq!(json.out(), b"[42]");
}

async fn attention(peer: &mut Peer) {
    assert_eq!(peer.packet().await, Some((6, 1, Vec::new())));
}

async fn next_request(peer: &mut Peer) {
    assert_eq!(peer.message().await.map(|m| m.0), Some(1), "Attention was sent twice");
    peer.answer(&[ints(&[42]), done(1)].concat()).await;
    peer.packet().await;
}

#[tokio::test]
async fn an_answer_is_ended_wherever_it_stands() {
    let whole = packets(&[ints(&[1, 2, 3, 4, 5]), done(5)].concat());
    for sent in 0..whole.len() {
        for read in [0, 2] {
            let part = whole.clone();
            let (mut session, task) = session(move |mut peer: Peer| async move {
                peer.message().await.expect("a batch");
                peer.raw(&part[..sent]).await;
                attention(&mut peer).await;
                // The server goes on for a while before it hears of it.
                let (more, end) = part[sent..].split_at((part.len() - sent) / 2);
                peer.raw(more).await;
                peer.raw(end).await;
                peer.answer(&ATTENTION_DONE).await;
                next_request(&mut peer).await;
            })
            .await;
            let mut answer = session.batch("x").await.expect("sent");
            for _ in 0..read {
                let mut sink = Discard;
                let next = answer.next(&mut sink);
                let _ = tokio::time::timeout(Duration::from_millis(1), next).await;
            }
            let cancelled = session.cancel(patience(2000)).await;
            assert_eq!(cancelled, Cancelled::AnsweredBefore, "{sent} {read}");
            answers_for_itself(&mut session).await;
            drop(session);
            task.await.expect("as expected");
        }
    }
}

#[tokio::test]
async fn an_acknowledgement_within_the_answer_says_that_it_was_ended() {
    let (mut session, _task) = session(|mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        let answer = packets(&[&ints(&[1; 40])[..], &ATTENTION_DONE].concat());
        peer.raw(&answer[..100]).await;
        attention(&mut peer).await;
        peer.raw(&answer[100..]).await;
        next_request(&mut peer).await;
    })
    .await;
    session.batch("x").await.expect("sent");
    assert_eq!(session.cancel(patience(2000)).await, Cancelled::Acknowledged);
    answers_for_itself(&mut session).await;
    assert_eq!(session.cancel(patience(2000)).await, Cancelled::Nothing);
}

#[tokio::test]
async fn an_attention_that_is_ignored_costs_the_connection() {
    let (mut session, task) = session(|mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        attention(&mut peer).await;
        assert_eq!(peer.packet().await, None);
    })
    .await;
    session.batch("x").await.expect("sent");
    assert_eq!(session.cancel(patience(50)).await, Cancelled::Unknown);
    assert!(!session.is_usable());
    assert!(matches!(session.batch("x").await, Err(Error::Unusable(_))));
    task.await.expect("closed");
}

#[tokio::test]
async fn a_second_acknowledgement_is_not_the_next_answer() {
    let (mut session, _task) = session(|mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        attention(&mut peer).await;
        peer.answer(&ATTENTION_DONE).await;
        peer.message().await.expect("a batch");
        peer.answer(&ATTENTION_DONE).await;
        peer.answer(&[ints(&[42]), done(1)].concat()).await;
        peer.packet().await;
    })
    .await;
    session.batch("x").await.expect("sent");
    assert_eq!(session.cancel(patience(2000)).await, Cancelled::Acknowledged);
    let mut answer = session.batch("y").await.expect("sent");
    let e = answer.next(&mut Discard).await;
    assert!(matches!(e, Err(Error::Protocol(_))), "{e:?}");
    assert!(!session.is_usable());
}

#[tokio::test]
async fn a_wait_that_was_dropped_goes_on_and_sends_nothing_again() {
    let (mut session, _task) = session(|mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        attention(&mut peer).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.answer(&[&ints(&[1])[..], &done(1)].concat()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.answer(&ATTENTION_DONE).await;
        next_request(&mut peer).await;
    })
    .await;
    session.batch("x").await.expect("sent");
    for _ in 0..5 {
        let cut = tokio::time::timeout(Duration::from_millis(25), session.cancel(patience(2000)));
        assert!(cut.await.is_err());
    }
    let e = session.answer().map(drop);
    assert_eq!(e, None, "an answer that is being cancelled is nobody's");
    assert_eq!(session.cancel(patience(2000)).await, Cancelled::AnsweredBefore);
    answers_for_itself(&mut session).await;
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_for_ever() {
    let (mut session, _task) = session(|mut peer: Peer| async move {
        peer.message().await.expect("a batch");
        let mut rows = ints(&[1; 60]);
        peer.raw(&[&[4, 0, 1, 65 + 12 - 8, 0, 0, 0, 0][..], &rows.split_off(0)].concat()).await;
        let more = [0xD1, 1, 0, 0, 0].repeat(50);
        let packet = [&[4, 0, 1, 2, 0, 0, 0, 0][..], &more].concat();
        for _ in 0..100_000 {
            peer.raw(&packet).await;
        }
    })
    .await;
    session.batch("x").await.expect("sent");
    let few = Patience { time: Duration::from_secs(5), bytes: 100_000 };
    assert_eq!(session.cancel(few).await, Cancelled::Unknown);
    assert!(!session.is_usable());
}
