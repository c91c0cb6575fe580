//! One token for many logins, and the next one in time.

use std::time::Duration;

use mssql_mcp_entra::{Credential, EntraOptions, SourceKind};

use crate::lab::{Wire, answer, around, granted, principal, token};

fn credential(wire: &std::sync::Arc<Wire>) -> Credential {
    let o = EntraOptions { client_secret: "s".into(), ..principal(SourceKind::ClientSecret) };
    Credential::new(o, around(&[]), wire.clone()).expect("a credential")
}

#[tokio::test(start_paused = true)]
async fn fifty_who_want_one_at_once_cost_one_request() {
    let wire = Wire::slow(granted("app"), Duration::from_millis(200));
    let c = credential(&wire);
    assert!(wire.asked().is_empty(), "nobody is asked before somebody wants one");
    let all = futures_util::future::join_all((0..50).map(|_| token(&c))).await;
    assert!(all.iter().all(|t| t.as_deref() == Ok("app")));
    assert_eq!(wire.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_too_and_the_next_attempt_waits() {
    let wire = Wire::new(vec![answer(401, &serde_json::json!({})), granted("app")]);
    let c = credential(&wire);
    let all = futures_util::future::join_all((0..50).map(|_| token(&c))).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(wire.asked().len(), 1);
    tokio::time::advance(Duration::from_millis(900)).await;
    assert!(token(&c).await.is_err());
    tokio::time::advance(Duration::from_millis(200)).await;
    assert_eq!(token(&c).await.as_deref(), Ok("app"));
}

#[tokio::test(start_paused = true)]
async fn the_next_one_comes_ahead_of_time_and_nobody_waits_for_it() {
    let wire = Wire::new(vec![granted("first"), granted("second")]);
    let c = credential(&wire);
    assert_eq!(token(&c).await.as_deref(), Ok("first"));
    tokio::time::advance(Duration::from_secs(54 * 60)).await;
    assert_eq!(token(&c).await.as_deref(), Ok("first"));
    assert_eq!(wire.asked().len(), 1);
    tokio::time::advance(Duration::from_secs(90)).await;
    // Less than five minutes are left: this one is still used, and the next one asked for.
    assert_eq!(token(&c).await.as_deref(), Ok("first"));
    while wire.asked().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(token(&c).await.as_deref(), Ok("second"));
}

#[tokio::test(start_paused = true)]
async fn while_the_next_one_does_not_come_the_old_one_is_used_to_its_end() {
    let down = || answer(503, &serde_json::json!({}));
    let wire = Wire::new(vec![granted("first"), down()]);
    let c = credential(&wire);
    assert_eq!(token(&c).await.as_deref(), Ok("first"));
    tokio::time::advance(Duration::from_secs(56 * 60)).await;
    for _ in 0..6 {
        assert_eq!(token(&c).await.as_deref(), Ok("first"));
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    let asked = wire.asked().len();
    assert!((4..=40).contains(&asked), "it is tried, and not all the time: {asked}");
    tokio::time::advance(Duration::from_secs(60)).await;
    let e = token(&c).await.expect_err("it has expired");
    assert!(e.contains("503"), "{e}");
}

#[tokio::test(start_paused = true)]
async fn one_that_the_server_refused_is_not_brought_again() {
    let wire = Wire::new(vec![granted("first"), granted("second")]);
    let c = credential(&wire);
    let first = c.token(Duration::from_secs(5)).await.expect("a token");
    c.refused(&first, true);
    assert_eq!(token(&c).await.as_deref(), Ok("second"));
    c.refused(&first, true);
    assert_eq!(token(&c).await.as_deref(), Ok("second"), "that one is another");
}

#[tokio::test(start_paused = true)]
async fn a_principal_that_is_refused_for_good_costs_no_further_tokens() {
    let wire = Wire::new(vec![granted("app")]);
    let c = credential(&wire);
    let mut renewed = 0;
    for _ in 0..20 {
        let token = c.token(Duration::from_secs(5)).await.expect("a token");
        renewed += usize::from(c.refused(&token, false));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    // The first is replaced, and what replaced it is kept.
    assert_eq!((renewed, wire.asked().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_life_that_is_short_is_not_renewed_with_each_login() {
    let short = serde_json::json!({ "access_token": crate::lab::jwt("app"), "expires_in": 240 });
    let wire = Wire::new(vec![answer(200, &short)]);
    let c = credential(&wire);
    for _ in 0..100 {
        assert!(token(&c).await.is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(wire.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_the_request_to_the_others() {
    let wire = Wire::slow(granted("app"), Duration::from_secs(3));
    let c = credential(&wire);
    let (long, short) = tokio::join!(c.token(Duration::from_secs(10)), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        c.token(Duration::from_secs(1)).await
    });
    assert!(long.is_ok());
    assert!(short.is_err_and(|e| e.what.contains("within 1 s")));
    assert_eq!(wire.asked().len(), 1);
}
