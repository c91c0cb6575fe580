//! What each client is asked: the same as in ../../python/probes.py, in the same words.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Answer, Line, Session};

const EXACT: &str = include_str!("../../exact.json");

fn wait(seconds: u32) -> Value {
    json!({ "query": format!("WAITFOR DELAY '00:00:{seconds:02}'; SELECT 1 AS a") })
}

fn one() -> Value {
    json!({ "query": "SELECT 1 AS a" })
}

async fn attempt(session: &Session, tool: &str, arguments: &Value) -> Answer {
    let limit = Duration::from_secs(15);
    let answer = tokio::time::timeout(limit, session.call(tool, arguments)).await;
    answer.unwrap_or_else(|_| Answer::failed("no answer".into()))
}

fn rows(answer: &Answer) -> Option<Value> {
    let of = |v: &Value| Some(v["results"][0]["rows"].clone()).filter(Value::is_array);
    let text = serde_json::from_str(&answer.text).ok();
    text.as_ref().and_then(of).or_else(|| answer.structured.as_ref().and_then(of))
}

pub async fn main(line: &Line) {
    let session = match Session::open(&line.job, None).await {
        Ok(session) => session,
        Err(e) => {
            for probe in ["list", "call_all", "tool_error", "exact", "resources", "progress"] {
                line.say(probe, "no", "it ended in an error", &e);
            }
            return;
        }
    };
    let tools = line.job["tools"].as_array().cloned().unwrap_or_default();
    let name = |t: &Value| t[0].as_str().unwrap_or_default().to_owned();
    let mut wanted: Vec<String> = tools.iter().map(name).collect();
    let mut got = session.tools().await.unwrap_or_default();
    wanted.sort();
    got.sort();
    let all = wanted == got;
    line.say(
        "list",
        if all { "yes" } else { "no" },
        if all { "" } else { "not all tools" },
        &got.join(" "),
    );
    let mut bad = String::new();
    for tool in tools.iter().filter(|tool| !tool[1].is_null()) {
        let answer = attempt(&session, &name(tool), &tool[1]).await;
        if answer.error || answer.text.is_empty() {
            bad += &format!("{}: {} ", name(tool), answer.text);
        }
    }
    let good = bad.is_empty();
    line.say(
        "call_all",
        if good { "yes" } else { "no" },
        if good { "" } else { "not every call" },
        &bad,
    );
    let answer = attempt(&session, "execute_sql", &json!({ "query": "SELECT * FROM nope" })).await;
    let told = answer.text.contains("Invalid object name") && answer.text.contains("208");
    let how = match (answer.text.starts_with("exception: "), answer.error) {
        (true, _) => "as an exception",
        (_, true) => "as an error",
        _ => "as if it were an answer",
    };
    line.say(
        "tool_error",
        if told { "yes" } else { "no" },
        if told { how } else { "the caller is not told why" },
        &answer.text,
    );
    let exact: Value = serde_json::from_str(EXACT).unwrap_or_default();
    let answer = attempt(&session, "execute_sql", &json!({ "query": exact["query"] })).await;
    let same = rows(&answer) == Some(json!([exact["row"]]));
    line.say(
        "exact",
        if same { "yes" } else { "no" },
        if same { "" } else { "the values are not what they were" },
        &answer.text,
    );
    resources(line, &session).await;
    let answer = attempt(&session, "execute_sql", &wait(3)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    match session.heard.0.load(Ordering::Relaxed) {
        _ if answer.error => line.say("progress", "no", "the call failed", &answer.text),
        0 => line.say("progress", "no", "none came", ""),
        n => line.say("progress", "yes", "", &n.to_string()),
    }
    session.close().await;
}

async fn resources(line: &Line, session: &Session) {
    match session.resources().await {
        Err(e) => line.say("resources", "no", "the list is refused", &e),
        Ok(found) => match found.first() {
            None => line.say("resources", "no", "the list is empty", ""),
            Some(uri) => match session.read(uri).await {
                Ok(text) if text.len() > 2 => line.say("resources", "yes", "", uri),
                Ok(text) => line.say("resources", "no", "nothing is read", &text),
                Err(e) => line.say("resources", "no", "the list is refused", &e),
            },
        },
    }
}

pub async fn timeout(line: &Line) {
    let session = match Session::open(&line.job, Some(Duration::from_secs(2))).await {
        Ok(session) => session,
        Err(e) => return line.say("timeout", "no", "it ended in an error", &e),
    };
    // What is only done once is not part of the time.
    attempt(&session, "execute_sql", &one()).await;
    line.ask("mark");
    let began = Instant::now();
    let answer = attempt(&session, "execute_sql", &wait(12)).await;
    let took = began.elapsed();
    let seen = format!("{took:?} {}", answer.text);
    if !answer.error {
        line.say("timeout", "no", "it waits for the answer", &seen);
    } else if took > Duration::from_secs(8) {
        line.say("timeout", "no", "it does not return", &seen);
    } else {
        let ended = line.ask("ended")["ended"].clone();
        let after = attempt(&session, "execute_sql", &one()).await;
        let alive = if after.error { ", and the connection is of no more use" } else { "" };
        let (outcome, what) =
            if ended.is_null() { ("no", "the query runs on") } else { ("yes", "the query stops") };
        line.say(
            "timeout",
            outcome,
            &format!("{what}{alive}"),
            &format!("{seen} / {ended} / {}", after.text),
        );
    }
    session.close().await;
}

pub async fn restart(line: &Line) {
    let session = match Session::open(&line.job, None).await {
        Ok(session) => session,
        Err(e) => return line.say("restart", "no", "it ended in an error", &e),
    };
    attempt(&session, "execute_sql", &one()).await;
    line.ask("restart");
    let mut ending = Vec::new();
    for words in ["by itself", "after one retry"] {
        let answer = attempt(&session, "execute_sql", &one()).await;
        if !answer.error {
            return line.say("restart", "yes", words, &ending.join(" / "));
        }
        ending.push(answer.text);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let seen = ending.join(" / ");
    if ending.iter().all(|text| text == "no answer") {
        line.say("restart", "no", "it hangs", &seen);
    } else if line.job["transport"] == "stdio" {
        line.say("restart", "yes", "the end is told", &seen);
    } else {
        line.say("restart", "no", "a new connection is needed", &seen);
    }
}
