//! Session ids that say what their session is, and by a signature that it is one of ours: any
//! process with the same key can go on with it. What a session only remembers (the level of its log
//! messages, the resources that it watches) is not in it.
//!
//! An id is no proof of who asks: its owner is part of what is signed, and whoever asks is
//! recognised by each request anew.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dashmap::DashMap;
use serde_json::{Map, Value, json};

use crate::request::ClientFacts;
use crate::version::ProtocolVersion;

/// Of HMAC-SHA-256, as much as an id needs (RFC 2104 §5).
const TAG: usize = 16;
const NONCE: usize = 16;
/// Longer ones are not ours, and nothing is done with them.
const LONGEST: usize = 2048;
/// Of a client's name and version.
const NAME: usize = 48;
/// Of its capabilities; without those of extensions where they are longer.
const CAPABILITIES: usize = 700;
/// Ended ones that are remembered here; then the oldest are forgotten.
const ENDED: usize = 100_000;

/// What an id says.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) version: ProtocolVersion,
    pub(crate) client: ClientFacts,
}

/// Makes and reads session ids.
#[derive(Debug)]
pub struct Tickets {
    key: hmac::Key,
    life: Duration,
    /// The tags of those that were ended here → when they would have expired.
    ended: DashMap<Vec<u8>, u64>,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

// === impl Tickets ===

impl Tickets {
    /// Signed with `key`, which all processes have that go on with each other's sessions; none is
    /// longer of use than `life`.
    pub fn new(key: &[u8], life: Duration) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), life, ended: DashMap::new() }
    }

    /// An id for a session; none where the system has no random numbers.
    pub(crate) fn issue(&self, ticket: &Ticket, owner: &str) -> Option<String> {
        let mut id = vec![0; NONCE];
        aws_lc_rs::rand::fill(&mut id).ok()?;
        let until = now() + self.life.as_secs();
        let client = &ticket.client;
        let short = |text: &Option<String>| -> Option<String> {
            Some(text.as_ref()?.chars().take(NAME).collect())
        };
        let content = json!({
            "v": ticket.version.as_str(),
            "u": until,
            "n": short(&client.name),
            "w": short(&client.version),
            "c": lean(&client.capabilities),
        });
        id.extend_from_slice(content.to_string().as_bytes());
        let tag = hmac::sign(&self.key, &signed(&id, owner));
        id.extend_from_slice(&tag.as_ref()[..TAG]);
        Some(URL_SAFE_NO_PAD.encode(id))
    }

    /// What an id says, if it is one of this owner and did not expire.
    pub(crate) fn read(&self, id: &str, owner: &str) -> Option<Ticket> {
        let (content, tag) = split(id)?;
        let whole = hmac::sign(&self.key, &signed(&content, owner));
        let right = aws_lc_rs::constant_time::verify_slices_are_equal(&whole.as_ref()[..TAG], &tag);
        right.ok()?;
        let content = said(&content)?;
        let text = |key: &str| content.get(key).and_then(Value::as_str).map(str::to_owned);
        if content.get("u").and_then(Value::as_u64)? <= now() {
            return None;
        }
        let version = ProtocolVersion::parse(&text("v")?)?;
        let capabilities = content.get("c").cloned().unwrap_or_default();
        let client = ClientFacts { name: text("n"), version: text("w"), capabilities };
        Some(Ticket { version, client })
    }

    /// Notes that one was ended; gives the second in which it would have expired.
    pub(crate) fn end(&self, id: &str) -> u64 {
        let Some((content, tag)) = split(id) else { return 0 };
        let until = said(&content).and_then(|c| c.get("u")?.as_u64()).unwrap_or_default();
        if self.ended.len() >= ENDED {
            let now = now();
            self.ended.retain(|_, until| *until > now);
            // Some go at once, so that it is not looked for them each time.
            let over = (self.ended.len() + ENDED / 10).saturating_sub(ENDED);
            let some: Vec<_> = self.ended.iter().take(over).map(|e| e.key().clone()).collect();
            some.iter().for_each(|tag| drop(self.ended.remove(tag)));
        }
        self.ended.insert(tag, until);
        until
    }

    /// Whether it was ended here.
    pub(crate) fn is_ended(&self, id: &str) -> bool {
        split(id).is_some_and(|(_, tag)| self.ended.contains_key(&tag))
    }
}

/// Nonce and content, and the tag.
fn split(id: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = URL_SAFE_NO_PAD.decode(Some(id).filter(|id| id.len() <= LONGEST)?).ok()?;
    let tag = bytes.split_off(bytes.len().checked_sub(TAG)?);
    (bytes.len() > NONCE).then_some((bytes, tag))
}

fn said(content: &[u8]) -> Option<Value> {
    serde_json::from_slice(content.get(NONCE..)?).ok()
}

/// The owner stands behind: the content ends with a brace, so nothing of one is taken for the other.
fn signed(content: &[u8], owner: &str) -> Vec<u8> {
    [content, owner.as_bytes()].concat()
}

/// Of a client's capabilities, what we ask for.
fn lean(capabilities: &Value) -> Value {
    let asked = |keys: &[&str]| -> Value {
        let all = capabilities.as_object().into_iter().flatten();
        let some = all.filter(|(key, _)| keys.contains(&key.as_str()));
        some.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into()
    };
    let all = asked(&["elicitation", "sampling", "roots", "extensions"]);
    match all.to_string().len() <= CAPABILITIES {
        true => all,
        false => match asked(&["elicitation"]) {
            some if some.to_string().len() <= CAPABILITIES => some,
            _ => json!({}),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn ticket() -> Ticket {
        let capabilities = json!({ "elicitation": { "form": {} }, "experimental": { "x": 1 } });
        let name = Some("a client with a name of more than forty-eight characters, really".into());
        let client = ClientFacts { name, version: None, capabilities };
        Ticket { version: ProtocolVersion::V2025_03_26, client }
    }

    #[test]
    fn an_id_says_what_its_session_is_to_its_owner_alone() {
        let tickets = Tickets::new(b"key", DAY);
        let id = tickets.issue(&ticket(), "ada").expect("random");
        assert!(id.bytes().all(|b| (0x21..=0x7E).contains(&b)), "{id}");
        assert_ne!(id, tickets.issue(&ticket(), "ada").expect("random"));
        let read = tickets.read(&id, "ada").expect("hers");
        assert_eq!(read.version, ProtocolVersion::V2025_03_26);
        assert_eq!(read.client.name.as_deref().map(str::len), Some(NAME));
        assert_eq!(read.client.version, None);
        assert_eq!(read.client.capabilities, json!({ "elicitation": { "form": {} } }));
        assert!(Tickets::new(b"key", DAY).read(&id, "ada").is_some(), "another process");
        assert!(tickets.read(&id, "bob").is_none() && tickets.read(&id, "ad").is_none());
        assert!(Tickets::new(b"kez", DAY).read(&id, "ada").is_none(), "another key");
    }

    #[test]
    fn what_is_no_id_of_ours_or_has_expired_says_nothing() {
        let tickets = Tickets::new(b"key", DAY);
        let id = tickets.issue(&ticket(), "ada").expect("random");
        for at in 0..id.len() {
            let mut other = id.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ASCII");
            // The last character may have bits that stand for nothing; those are refused, too.
            assert!(tickets.read(&other, "ada").is_none(), "{at}");
            assert!(tickets.read(&id[..at], "ada").is_none(), "{at}");
        }
        assert!(tickets.read(&"A".repeat(LONGEST + 1), "ada").is_none());
        let old = Tickets::new(b"key", Duration::ZERO).issue(&ticket(), "ada").expect("random");
        assert!(tickets.read(&old, "ada").is_none());
    }

    #[test]
    fn a_client_may_say_much_of_itself() {
        let tickets = Tickets::new(b"key", DAY);
        let capabilities =
            json!({ "elicitation": {}, "extensions": { "x": "y".repeat(10 * LONGEST) } });
        let client = ClientFacts { capabilities, ..ticket().client };
        let id = tickets.issue(&Ticket { client, ..ticket() }, "ada").expect("random");
        assert!(id.len() <= LONGEST);
        let read = tickets.read(&id, "ada").expect("hers");
        assert_eq!(read.client.capabilities, json!({ "elicitation": {} }));
    }
}
