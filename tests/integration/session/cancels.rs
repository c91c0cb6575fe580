//! A thousand cancels at moments of chance, whatever becomes of the Attention: whoever asks next
//! gets an answer of their own, or a connection of their own.

use std::time::{Duration, Instant};

use mssql_mcp::database::DbError;
use mssql_mcp::database::run::Mode;
use mssql_mcp_sandbox::{Attention, Options, Sandbox};
use mssql_mcp_session::{
    Cancelled, Discard, Encrypt, Param, ParamType, ParamValue, Patience, Rpc, Session, Target, Tls,
    Trust,
};
use serde_json::{Value, json};

use super::{Dice, rows, target};
use crate::support::{Lab, PATIENCE, limits};

/// Short, of many packets, of one long cell, and slow.
const TEXTS: [&str; 4] = [
    "SELECT 99 AS n",
    "SELECT OrderId, Status FROM sales.Orders WHERE OrderId <= 1700",
    "SELECT REPLICATE(CAST('x' AS varchar(max)), 300000) AS t",
    "SELECT a.OrderId FROM sales.Orders AS a CROSS JOIN sales.Orders AS b WHERE b.OrderId = 1",
];

fn attention(dice: &mut Dice) -> Attention {
    match dice.below(20) {
        0 => Attention::Lost,
        1 => Attention::Twice,
        2..5 => Attention::Late(Duration::from_millis(dice.below(5))),
        5..9 => Attention::AfterAnswer,
        _ => Attention::Normal,
    }
}

/// Over after so many turns of the scheduler, and at times after a millisecond or two.
async fn moment(dice: &mut Dice) {
    if dice.below(4) == 0 {
        tokio::time::sleep(Duration::from_micros(dice.below(2000))).await;
    }
    for _ in 0..dice.below(30) {
        tokio::task::yield_now().await;
    }
}

/// Sends something, and leaves it somewhere in its answer, or on its way.
async fn begin(session: &mut Session, dice: &mut Dice) {
    let text = TEXTS[dice.below(4) as usize];
    let how = dice.below(8);
    let declared = Param::new("@a", ParamType::Int, ParamValue::Int(5));
    let rpc = Rpc::execute_sql(text, "@a int").param(declared);
    let limit = dice.below(12);
    let whole = async {
        let mut answer = match how % 2 {
            0 => session.batch(text).await.expect("sent"),
            _ => session.call(&rpc).await.expect("sent"),
        };
        for _ in 0..limit {
            if how < 2 || answer.next(&mut Discard).await.expect("an answer").is_none() {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = whole => (),
        () = moment(dice) => (),
    }
}

/// How often each end was met.
#[derive(Debug, Default)]
struct Met {
    nothing: u32,
    acknowledged: u32,
    before: u32,
    closed: u32,
}

async fn cancel(session: &mut Session, attention: Attention, dice: &mut Dice, met: &mut Met) {
    let time = if attention == Attention::Lost { 15 } else { 20_000 };
    let patience = Patience { time: Duration::from_millis(time), ..Patience::default() };
    if dice.below(4) == 0 {
        // Whoever waits for the acknowledgement may leave, too.
        tokio::select! {
            biased;
            _ = session.cancel(patience) => (),
            () = moment(dice) => (),
        }
    }
    match session.cancel(patience).await {
        Cancelled::Nothing => met.nothing += 1,
        Cancelled::Acknowledged => met.acknowledged += 1,
        Cancelled::AnsweredBefore => met.before += 1,
        Cancelled::Unsent => met.closed += 1,
        Cancelled::Unknown => {
            met.closed += 1;
            assert!(!session.is_usable());
        }
    }
}

async fn cancels(sandbox: &Sandbox, target: &Target, dice: &mut Dice) -> Met {
    let mut met = Met::default();
    let mut session = Session::connect(target).await.expect("a session");
    for n in 0..500 {
        let attention = attention(dice);
        sandbox.faults(|f| f.attention = attention);
        begin(&mut session, dice).await;
        cancel(&mut session, attention, dice, &mut met).await;
        sandbox.faults(|f| f.attention = Attention::Normal);
        if session.is_usable() {
            let own = format!("[{n}]");
            match rows(&mut session, &format!("SELECT {n} AS n")).await {
                Ok(got) => assert_eq!(got, own, "{attention:?}"),
                // A second acknowledgement that nobody waits for.
                Err(e) => assert_eq!(attention, Attention::Twice, "{e}"),
            }
        }
        if !session.is_usable() {
            session = Session::connect(target).await.expect("a session");
        }
    }
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_ones_own_after_a_thousand_cancels() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let trust = Trust::These(sandbox.certificate().as_bytes().to_vec());
    let tls = Tls::new(Encrypt::On, &trust, None).expect("TLS");
    let mut dice = Dice(0x5EED);
    for tls in [Tls::off(), tls] {
        let target = target(sandbox.address().port(), tls);
        let work = cancels(&sandbox, &target, &mut dice);
        let met = tokio::time::timeout(4 * PATIENCE, work).await.expect("no hang");
        let all = [met.nothing, met.acknowledged, met.before, met.closed];
        assert!(all.iter().all(|n| *n > 0), "{met:?}");
        assert_eq!(all.iter().sum::<u32>(), 500);
    }
}

/// The same through the pool: by a token, by a deadline and by a future that is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_hands_on_no_answer_of_a_call_that_was_stopped() {
    let lab = Lab::new(&[("pool.max_size", "2")]).await;
    let mut dice = Dice(0xD1CE);
    let mut stopped = [0u32; 3];
    for n in 0..250u64 {
        let attention = attention(&mut dice);
        // Two seconds each, which the test of the texts has waited for.
        let attention = if attention == Attention::Lost { Attention::Normal } else { attention };
        lab.sandbox.faults(|f| f.attention = attention);
        let mut l = limits(1_000_000, 100_000_000);
        let how = dice.below(3) as usize;
        if how == 0 {
            l.deadline = Some(Instant::now() + Duration::from_micros(dice.below(3000)));
        }
        let token = l.cancel.clone();
        let text = TEXTS[dice.below(4) as usize];
        let call = lab.app.database.run(text.into(), Mode::Preview, &l);
        let call = tokio::select! {
            biased;
            answer = call => Some(answer),
            () = moment(&mut dice), if how == 2 => None,
            () = async { moment(&mut dice_of(n)).await; token.cancel(); std::future::pending().await },
                if how == 1 => None,
        };
        match call {
            None => stopped[how] += 1,
            Some(Err(f)) => {
                assert!(matches!(f.error, DbError::Timeout | DbError::Cancelled), "{f:?}");
                stopped[how] += 1;
            }
            Some(Ok(_)) => {}
        }
        lab.sandbox.faults(|f| f.attention = Attention::Normal);
        let (a, b) = tokio::join!(own(&lab, n), own(&lab, n + 1000));
        assert_eq!((a, b), (json!([[n]]), json!([[n + 1000]])), "after {attention:?}");
    }
    assert!(stopped.iter().all(|n| *n > 0), "{stopped:?}");
}

fn dice_of(n: u64) -> Dice {
    Dice(n + 1)
}

async fn own(lab: &Lab, n: u64) -> Value {
    let text = format!("SELECT {n} AS n");
    let limits = limits(10, 10_000);
    let answer = lab.app.database.run(text.as_str().into(), Mode::Read, &limits);
    let answer = answer.await.expect("the next caller's answer");
    serde_json::from_slice::<Value>(&answer.results.concat()).expect("JSON")[0]["rows"].clone()
}
