//! A person's consent to a change: asked for with what a preview counted, and redeemed once.
//!
//! What travels to the client and back (`requestState`) is signed and carries the principal, the
//! digest of the call, what was shown, an expiry and a nonce. The nonce is consumed before the
//! change is committed, so that a retry never applies it twice but is answered with what was
//! decided. State and nonces live in this process: another replica asks anew.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use dashmap::{DashMap, Entry};
use mssql_mcp_transports::{Continuation, ToolReply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{Refusal, Stop};
use crate::code::Code;
use crate::config::Config;
use crate::config::settings::{self, access::ConfirmWrites};

/// The key of the one question.
const QUESTION: &str = "confirm";
/// Decisions that are remembered at once; beyond that nothing new is applied
/// until some have expired.
const MOST: usize = 10_000;

/// Asks a person, and remembers what was decided.
#[derive(Debug, Clone)]
pub struct Confirm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    when: ConfirmWrites,
    expiry: Duration,
    preview: Duration,
    /// Made when the first question needs it, because the library's randomness takes 30
    /// ms to begin with.
    key: OnceLock<Option<hmac::Key>>,
    decided: DashMap<String, Decision>,
}

#[derive(Debug)]
struct Decision {
    expires: u64,
    /// None while it runs.
    reply: Option<ToolReply>,
    /// Its outcome, for the record.
    code: Code,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    principal: String,
    digest: String,
    asked: Shown,
    expires: u64,
    nonce: String,
}

/// What came back from a person.
#[derive(Debug)]
pub(crate) enum Consent {
    /// Yes: apply it, and settle the ticket with the reply.
    Yes(Ticket, Shown),
    /// It was decided, now or before: the reply, and its outcome for the record.
    Decided(ToolReply, Code),
    /// Ask anew: the answer came too late, or was no answer.
    Again,
}

/// What a person was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// The counts that a commit is held against, where they are known.
    pub(crate) counts: Option<Vec<u64>>,
    /// The hash of all that the person was shown.
    pub(crate) shown: String,
}

/// A nonce that is consumed. Dropped without a reply (the call was stopped in mid-change), it
/// says that nobody knows.
#[derive(Debug)]
pub(crate) struct Ticket {
    confirm: Confirm,
    nonce: String,
    expires: u64,
    settled: bool,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// 256 bits of the system's randomness.
fn random() -> Result<[u8; 32], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map(|()| bytes)
}

/// What a call is known by: its arguments, all of them.
pub(crate) fn digest_of(args: &impl Serialize) -> String {
    let text = serde_json::to_vec(args).unwrap_or_default();
    BASE64.encode(digest::digest(&digest::SHA256, &text))
}

impl Confirm {
    /// From the configuration; the key is this process's own.
    pub fn new(c: &Config) -> Self {
        let when = c.get(settings::access::CONFIRM_WRITES);
        Self::with(
            when,
            c.get(settings::access::CONFIRM_EXPIRY),
            c.get(settings::access::PREVIEW_TIMEOUT),
        )
    }

    fn with(when: ConfirmWrites, expiry: Duration, preview: Duration) -> Self {
        Self(Arc::new(Inner {
            when,
            expiry,
            preview,
            key: OnceLock::new(),
            decided: DashMap::new(),
        }))
    }

    /// Without randomness there is none: then nothing is asked, and nothing redeemed.
    fn key(&self) -> Option<&hmac::Key> {
        self.0
            .key
            .get_or_init(|| random().ok().map(|k| hmac::Key::new(hmac::HMAC_SHA256, &k)))
            .as_ref()
    }

    /// When a person is asked.
    pub(crate) fn when(&self) -> ConfirmWrites {
        self.0.when
    }

    /// How long a preview may run.
    pub(crate) fn preview_timeout(&self) -> Duration {
        self.0.preview
    }

    /// The question, for a caller who can be asked.
    pub(crate) fn ask(&self, principal: &str, digest: String, asked: Shown, message: &str) -> Stop {
        let (nonce, key) = match (random(), self.key()) {
            (Ok(n), Some(key)) => (BASE64.encode(n), key),
            _ => {
                return Refusal::no_randomness().into();
            }
        };
        let expires = now() + self.0.expiry.as_millis() as u64;
        let claims = Claims { principal: principal.to_owned(), digest, asked, expires, nonce };
        let body = BASE64.encode(serde_json::to_vec(&claims).unwrap_or_default());
        let tag = hmac::sign(key, body.as_bytes());
        let question = json!({
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": message,
                "requestedSchema": {
                    "type": "object",
                    "properties": { "apply": { "type": "boolean", "title": "Apply this change" } },
                    "required": ["apply"],
                },
            },
        });
        Stop::Ask {
            requests: Map::from_iter([(QUESTION.to_owned(), question)]),
            state: format!("{body}.{}", BASE64.encode(tag)),
        }
    }

    /// What a person answered; an error when the state is not one that was given out for this call.
    pub(crate) fn redeem(
        &self,
        c: &Continuation,
        principal: &str,
        digest: &str,
    ) -> Result<Consent, Stop> {
        let bad = || {
            Stop::Invalid(
                "requestState was not given out by this server for this call; call \
                again without it"
                    .into(),
            )
        };
        let Some(state) = &c.state else { return Ok(Consent::Again) };
        let (body, tag) = state.split_once('.').ok_or_else(bad)?;
        let tag = BASE64.decode(tag).map_err(|_| bad())?;
        let key = self.key().ok_or_else(bad)?;
        hmac::verify(key, body.as_bytes(), &tag).map_err(|_| bad())?;
        let claims: Claims = BASE64
            .decode(body)
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
            .ok_or_else(bad)?;
        if claims.principal != principal || claims.digest != digest {
            return Err(bad());
        }
        let Some(answer) = c.responses.get(QUESTION) else { return Ok(Consent::Again) };
        // Not a no: nobody was asked (a client that says it can ask, and then cannot).
        if answer.get("error").is_some() {
            return Err(Refusal::nobody_was_asked().into());
        }
        let action = answer.get("action").and_then(|a| a.as_str()).unwrap_or_default();
        // Nothing but true is a yes.
        let ticked = answer.pointer("/content/apply") == Some(&json!(true));
        let (yes, what) = match action {
            "accept" => {
                (ticked, "The person did not tick \"Apply this change\"; nothing was changed.")
            }
            "decline" | "cancel" => (false, "The person declined; nothing was changed."),
            _ => return Ok(Consent::Again),
        };
        self.forget();
        if self.0.decided.len() >= MOST {
            return Err(Refusal::too_many_decisions().into());
        }
        match self.0.decided.entry(claims.nonce.clone()) {
            Entry::Occupied(o) => match &o.get().reply {
                Some(r) => Ok(Consent::Decided(r.clone(), o.get().code)),
                None => Err(Refusal::in_progress().into()),
            },
            Entry::Vacant(_) if claims.expires <= now() => Ok(Consent::Again),
            Entry::Vacant(v) if !yes => {
                let reply = Refusal::declined(what).into_reply();
                v.insert(Decision {
                    expires: claims.expires,
                    reply: Some(reply.clone()),
                    code: Code::Declined,
                });
                Ok(Consent::Decided(reply, Code::Declined))
            }
            Entry::Vacant(v) => {
                v.insert(Decision { expires: claims.expires, reply: None, code: Code::InProgress });
                let ticket = Ticket {
                    confirm: self.clone(),
                    nonce: claims.nonce,
                    expires: claims.expires,
                    settled: false,
                };
                Ok(Consent::Yes(ticket, claims.asked))
            }
        }
    }

    /// Drops what has expired; what still runs stays.
    fn forget(&self) {
        let now = now();
        self.0.decided.retain(|_, d| d.reply.is_none() || d.expires > now);
    }
}

/// Names a question in the audit log; its state is a secret of the caller's.
pub(crate) fn question_id(state: &str) -> String {
    crate::secret::hashed(state)[..16].to_owned()
}

impl Ticket {
    /// This is what was decided.
    pub(crate) fn settle(mut self, reply: &ToolReply, code: Code) {
        self.put(reply.clone(), code);
    }

    /// Nothing was changed and the person is asked anew: the nonce stays consumed.
    pub(crate) fn superseded(mut self) {
        self.put(Refusal::superseded().into_reply(), Code::Superseded);
    }

    fn put(&mut self, reply: ToolReply, code: Code) {
        self.settled = true;
        self.confirm.0.decided.insert(
            self.nonce.clone(),
            Decision { expires: self.expires, reply: Some(reply), code },
        );
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            let r = Refusal::unknown_outcome(
                "The call was stopped while the change was being applied.",
            );
            let code = r.code;
            self.put(r.into_reply(), code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirm(expiry: Duration) -> Confirm {
        Confirm::with(ConfirmWrites::WhenPossible, expiry, Duration::from_secs(1))
    }

    fn question() -> Shown {
        Shown { counts: Some(vec![3]), shown: "hash".into() }
    }

    fn asked(c: &Confirm) -> String {
        match c.ask("ada", "d".into(), question(), "Apply?") {
            Stop::Ask { state, .. } => state,
            other => panic!("{other:?}"),
        }
    }

    fn answer(state: &str, action: &str) -> Continuation {
        let content = json!({ "apply": action == "accept" });
        let responses = Map::from_iter([(
            QUESTION.to_owned(),
            json!({ "action": action, "content": content }),
        )]);
        Continuation { responses, state: Some(state.to_owned()) }
    }

    fn text(r: &ToolReply) -> String {
        match &r.text {
            mssql_mcp_transports::Text::Own(t) => t.clone(),
            _ => String::new(),
        }
    }

    #[test]
    fn a_yes_counts_once_and_a_retry_hears_what_was_decided() {
        let c = confirm(Duration::from_secs(60));
        let state = asked(&c);
        let Ok(Consent::Yes(ticket, asked)) = c.redeem(&answer(&state, "accept"), "ada", "d")
        else {
            panic!("a yes")
        };
        assert_eq!(asked, question());
        // While it runs.
        assert!(
            matches!(c.redeem(&answer(&state, "accept"), "ada", "d"), Err(Stop::Refused(r)) if r.code == Code::InProgress)
        );
        ticket.settle(&ToolReply::text("done"), Code::Ok);
        let Ok(Consent::Decided(r, Code::Ok)) = c.redeem(&answer(&state, "decline"), "ada", "d")
        else {
            panic!("decided")
        };
        assert_eq!(text(&r), "done");
    }

    #[test]
    fn a_no_stays_a_no() {
        let c = confirm(Duration::from_secs(60));
        let state = asked(&c);
        for action in ["decline", "accept"] {
            let Ok(Consent::Decided(r, Code::Declined)) =
                c.redeem(&answer(&state, action), "ada", "d")
            else {
                panic!("decided")
            };
            assert!(text(&r).contains("\"declined\""));
        }
    }

    #[test]
    fn only_a_true_apply_is_a_yes() {
        for content in [
            json!({}),
            json!(null),
            json!([]),
            json!({ "apply": false }),
            json!({ "apply": "false" }),
            json!({ "apply": "true" }),
            json!({ "apply": 1 }),
            json!({ "apply": 0 }),
            json!({ "apply": null }),
            json!({ "apply": [] }),
            json!({ "apply": [true] }),
            json!({ "Apply": true }),
        ] {
            let c = confirm(Duration::from_secs(60));
            let state = asked(&c);
            let answer = json!({ "action": "accept", "content": content });
            let responses = Map::from_iter([(QUESTION.to_owned(), answer)]);
            let said = c.redeem(&Continuation { responses, state: Some(state) }, "ada", "d");
            let Ok(Consent::Decided(r, Code::Declined)) = said else {
                panic!("{content}: {said:?}")
            };
            assert!(text(&r).contains("did not tick"), "{content}");
        }
    }

    #[test]
    fn who_could_not_be_asked_did_not_decline() {
        let c = confirm(Duration::from_secs(60));
        let state = asked(&c);
        let answer = json!({ "action": "cancel", "error": { "code": -32601, "message": "no" } });
        let responses = Map::from_iter([(QUESTION.to_owned(), answer)]);
        let said = c.redeem(&Continuation { responses, state: Some(state) }, "ada", "d");
        assert!(matches!(said, Err(Stop::Refused(r)) if r.code == Code::ConfirmationRequired));
    }

    #[test]
    fn a_state_is_good_for_one_caller_one_call_and_one_process() {
        let c = confirm(Duration::from_secs(60));
        let state = asked(&c);
        let bad = |r| matches!(r, Err(Stop::Invalid(_)));
        assert!(bad(c.redeem(&answer(&state, "accept"), "eve", "d")));
        assert!(bad(c.redeem(&answer(&state, "accept"), "ada", "another call")));
        assert!(bad(confirm(Duration::from_secs(60)).redeem(
            &answer(&state, "accept"),
            "ada",
            "d"
        )));
        for i in 0..state.len() {
            let mut forged = state.clone().into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            // The last character of a Base64 text may hold bits that mean nothing.
            if i + 1 < state.len() {
                assert!(bad(c.redeem(&answer(&forged, "accept"), "ada", "d")), "{i}");
            }
        }
    }

    #[test]
    fn late_and_strange_answers_lead_to_a_new_question() {
        let late = confirm(Duration::ZERO);
        let state = asked(&late);
        assert!(matches!(late.redeem(&answer(&state, "accept"), "ada", "d"), Ok(Consent::Again)));
        let c = confirm(Duration::from_secs(60));
        let state = asked(&c);
        assert!(matches!(c.redeem(&answer(&state, "shrug"), "ada", "d"), Ok(Consent::Again)));
        let none = Continuation { responses: Map::new(), state: Some(state) };
        assert!(matches!(c.redeem(&none, "ada", "d"), Ok(Consent::Again)));
    }

    #[test]
    fn a_ticket_that_is_lost_says_that_nobody_knows() {
        let c = confirm(Duration::from_secs(60));
        let state = asked(&c);
        let Ok(Consent::Yes(ticket, _)) = c.redeem(&answer(&state, "accept"), "ada", "d") else {
            panic!("a yes")
        };
        drop(ticket);
        let Ok(Consent::Decided(r, Code::OutcomeUnknown)) =
            c.redeem(&answer(&state, "accept"), "ada", "d")
        else {
            panic!("decided")
        };
        assert!(text(&r).contains("outcome_unknown"));
    }
}
