//! The chain: each record is a line of JSON that ends with the SHA-256 of itself and names that of the record before. A checkpoint signs
//! where the chain stands (Ed25519, RFC 8032). The hash is over the very bytes of the line, so a verifier needs no rules of its own
//! about JSON.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// What stands before the first record.
pub const GENESIS: &str = "0";

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Of the last record; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

fn hash_of(line: &str) -> String {
    BASE64.encode(digest::digest(&digest::SHA256, line.as_bytes()))
}

fn statement(seq: u64, prev: &str) -> String {
    format!("mssql-mcp audit checkpoint {seq} {prev}")
}

impl Head {
    /// Appends a record with these fields (the inside of a JSON object) to `out`, and moves on.
    pub fn append(&mut self, fields: &str, out: &mut String) {
        let start = out.len();
        self.seq += 1;
        let _ = write!(out, "{{\"seq\":{},\"prev\":\"{}\",{fields}", self.seq, self.hash);
        self.hash = hash_of(&out[start..]);
        let _ = writeln!(out, ",\"hash\":\"{}\"}}", self.hash);
    }
    /// Appends a signed checkpoint.
    pub fn checkpoint(&mut self, time: &str, key: &Ed25519KeyPair, out: &mut String) {
        let signature = key.sign(statement(self.seq + 1, &self.hash).as_bytes());
        let fields = format!(
            "\"time\":\"{time}\",\"event\":\"checkpoint\",\"key\":\"{}\",\"signature\":\"{}\"",
            BASE64.encode(key.public_key().as_ref()),
            BASE64.encode(signature.as_ref())
        );
        self.append(&fields, out);
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    /// In words.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.what)
        } else {
            write!(f, "{}:{}: {}", self.file, self.line, self.what)
        }
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verified {
    /// Records that were read.
    pub records: u64,
    /// Where the chain began, and where it ends.
    pub first: u64,
    /// The end.
    pub last: Head,
    /// Of the last good checkpoint; 0 without one.
    pub checkpoint: u64,
    /// The key of the checkpoints.
    pub key: Option<String>,
    /// All that is wrong; empty when all is well.
    pub problems: Vec<Problem>,
}

/// A line, read.
struct Record {
    seq: u64,
    prev: String,
    hash: String,
    value: Value,
    whole: bool,
}

fn read(line: &str) -> Option<Record> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |k: &str| value.get(k).and_then(Value::as_str).map(str::to_owned);
    let (seq, prev, hash) = (value.get("seq")?.as_u64()?, text("prev")?, text("hash")?);
    let body = line.strip_suffix(&format!(",\"hash\":\"{hash}\"}}"));
    let whole = body.is_some_and(|b| hash_of(b) == hash);
    Some(Record { seq, prev, hash, value, whole })
}

/// The head of a file's last record, and how many bytes after its last whole line are torn.
pub fn tail(text: &str) -> (Option<Head>, usize) {
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    let last = text[..whole].lines().next_back().and_then(read);
    (last.map(|r| Head { seq: r.seq, hash: r.hash }), text.len() - whole)
}

/// Verifies files in the order of their records. The anchor is a checkpoint line that was kept elsewhere; the key is the public one, if
/// it is known from elsewhere.
pub fn verify(files: &[(String, String)], anchor: Option<&str>, key: Option<&str>) -> Verified {
    let mut files: Vec<&(String, String)> = files.iter().collect();
    files.sort_by_key(|(_, text)| text.lines().find_map(read).map_or(u64::MAX, |r| r.seq));
    let anchor_line = anchor;
    let anchor = anchor.and_then(read);
    let mut v = Verified { key: key.map(str::to_owned), ..Verified::default() };
    let mut seen_anchor = false;
    let mut expected: Option<Head> = None;
    for (name, text) in files {
        let mut problem = |line: usize, what: String| v.problems.push(Problem { file: name.clone(), line, what });
        let torn = (!text.is_empty() && !text.ends_with('\n')).then(|| text.lines().count());
        if let Some(last) = torn {
            problem(last, "the last line is torn: the process was killed while it wrote, or the file was cut".into());
        }
        for (n, line) in text.lines().enumerate() {
            let at = n + 1;
            if torn == Some(at) {
                break;
            }
            let Some(r) = read(line) else {
                problem(at, "this is no record".into());
                continue;
            };
            if !r.whole {
                problem(at, format!("record {} was edited: it does not have its hash", r.seq));
            }
            match &expected {
                None => v.first = r.seq,
                Some(e) if r.seq == e.seq + 1 && r.prev == e.hash => {}
                Some(e) if r.seq == e.seq + 1 => {
                    problem(
                        at,
                        format!("record {} does not follow the record before it: one of the two was replaced", r.seq),
                    );
                }
                Some(e) if r.seq > e.seq + 1 => {
                    problem(at, format!("records {} to {} are missing", e.seq + 1, r.seq - 1));
                }
                Some(e) => problem(
                    at,
                    format!("record {} comes after record {}: records were moved or repeated", r.seq, e.seq),
                ),
            }
            if r.value["event"] == "checkpoint" {
                let text = |k: &str| r.value[k].as_str().unwrap_or_default();
                let public = BASE64.decode(text("key")).unwrap_or_default();
                let signature = BASE64.decode(text("signature")).unwrap_or_default();
                let good = UnparsedPublicKey::new(&ED25519, public)
                    .verify(statement(r.seq, &r.prev).as_bytes(), &signature)
                    .is_ok();
                if !good {
                    problem(at, format!("the signature of checkpoint {} is wrong", r.seq));
                }
                if v.key.as_deref().is_some_and(|k| k != text("key")) {
                    problem(at, format!("checkpoint {} is signed with another key", r.seq));
                }
                if good {
                    v.checkpoint = r.seq;
                    v.key.get_or_insert_with(|| text("key").to_owned());
                }
            }
            if let Some(a) = anchor.as_ref().filter(|a| a.seq == r.seq) {
                seen_anchor = true;
                if a.hash != r.hash {
                    problem(
                        at,
                        format!("record {} is not the anchored checkpoint: what is before it was rewritten", r.seq),
                    );
                }
            }
            v.records += 1;
            expected = Some(Head { seq: r.seq, hash: r.hash });
        }
    }
    v.last = expected.unwrap_or_default();
    let whole = |what: &str| Problem { file: "anchor".into(), line: 0, what: what.to_owned() };
    match (&anchor, anchor_line) {
        (None, Some(_)) => v.problems.push(whole("this is no checkpoint line")),
        (Some(a), _) if !a.whole => v.problems.push(whole("this checkpoint does not have its hash")),
        (Some(a), _) if !seen_anchor && a.seq > v.last.seq => v.problems.push(whole(&format!(
            "the anchored checkpoint {} is not there: the files end at record {}, so their end was cut off",
            a.seq, v.last.seq
        ))),
        (Some(a), _) if !seen_anchor => {
            v.problems.push(whole(&format!("the anchored checkpoint {} is not in these files", a.seq)));
        }
        _ => {}
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("key")
    }
    /// Ten records, a checkpoint after every fourth, in two files.
    fn log(key: &Ed25519KeyPair, who: &str) -> Vec<(String, String)> {
        let (mut head, mut out) = (Head::default(), String::new());
        let mut files = Vec::new();
        for n in 0..10 {
            head.append(&format!("\"event\":\"call_end\",\"principal\":\"{who}\",\"rows\":{n}"), &mut out);
            if n % 4 == 3 {
                head.checkpoint("2026-01-01T00:00:00Z", key, &mut out);
            }
            if n == 5 {
                files.push(("one".to_owned(), std::mem::take(&mut out)));
            }
        }
        files.push(("two".to_owned(), out));
        files
    }
    fn what(v: &Verified) -> String {
        v.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
    fn checkpoint(files: &[(String, String)], n: usize) -> String {
        files
            .iter()
            .flat_map(|f| f.1.lines())
            .filter(|l| l.contains("\"checkpoint\""))
            .nth(n)
            .expect("a checkpoint")
            .to_owned()
    }

    #[test]
    fn what_was_written_is_verified_in_any_order_of_files() {
        let mut files = log(&key(1), "ada");
        files.reverse();
        let v = verify(&files, Some(&checkpoint(&log(&key(1), "ada"), 1)), None);
        assert_eq!(what(&v), "");
        assert_eq!((v.records, v.first, v.last.seq, v.checkpoint), (12, 1, 12, 10));
    }

    #[test]
    fn every_kind_of_tampering_is_found_and_named() {
        let good = log(&key(1), "ada");
        let anchor = checkpoint(&good, 1);
        let lines = |f: &str| f.lines().map(|l| format!("{l}\n")).collect::<Vec<_>>();
        let with = |file: usize, f: &dyn Fn(&mut Vec<String>)| {
            let mut files = good.clone();
            let mut l = lines(&files[file].1);
            f(&mut l);
            files[file].1 = l.concat();
            what(&verify(&files, Some(&anchor), None))
        };
        assert!(with(0, &|l| l[2] = l[2].replace("\"rows\":2", "\"rows\":7")).contains("one:3: record 3 was edited"));
        assert!(with(0, &|l| drop(l.remove(2))).contains("one:3: records 3 to 3 are missing"));
        assert!(with(0, &|l| drop(l.drain(1..5))).contains("records 2 to 5 are missing"));
        assert!(with(0, &|l| l.swap(1, 2)).contains("record 2 comes after record 3"));
        assert!(with(0, &|l| l.insert(2, l[1].clone())).contains("records were moved or repeated"));
        assert!(with(0, &|l| l.insert(2, "nonsense\n".into())).contains("one:3: this is no record"));
        assert!(with(0, &|l| l.insert(2, "{\"seq\":3}\n".into())).contains("this is no record"));
        assert!(
            with(1, &|l| l.truncate(2)).contains("the anchored checkpoint 10 is not there: the files end at record 9")
        );
        assert!(with(1, &|l| *l.last_mut().expect("a line") = "{\"seq\":12,".into()).contains("torn"));
        assert!(
            with(0, &|l| l[4] = l[4].replace("\"signature\":\"", "\"signature\":\"AAAA"))
                .contains("signature of checkpoint 5 is wrong")
        );
        let first_gone = what(&verify(&good[1..], Some(&anchor), None));
        assert_eq!(first_gone, "", "older files may have been archived; the chain says where it begins");
        assert_eq!(verify(&good[1..], None, None).first, 8);
        // Written anew from the start by somebody who can write the files: with another key, or without.
        let other = log(&key(2), "eve");
        assert!(what(&verify(&other, Some(&anchor), None)).contains("is not the anchored checkpoint"));
        let public = verify(&good, None, None).key.expect("a key");
        assert!(what(&verify(&other, None, Some(&public))).contains("signed with another key"));
        assert!(what(&verify(&good, Some("nonsense"), None)).contains("no checkpoint line"));
        assert!(
            what(&verify(&good, Some(&anchor.replace("\"seq\":10", "\"seq\":11")), None))
                .contains("does not have its hash")
        );
    }

    #[test]
    fn a_torn_end_is_told_apart() {
        let text = &log(&key(1), "ada")[0].1;
        let (head, torn) = tail(&format!("{text}{{\"seq\":"));
        assert_eq!((head.map(|h| h.seq), torn), (Some(7), 7));
        assert_eq!(tail(""), (None, 0));
    }
}
