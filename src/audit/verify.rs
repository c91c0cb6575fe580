//! Verification of what is in the files: each chain by its hashes, its checkpoints by
//! their key, and all of it by checkpoints that were kept elsewhere (anchors), in whatever
//! form a log kept them.

mod anchor;
mod chain;
mod files;

use std::collections::HashMap;

use super::chain::Head;
pub(crate) use anchor::anchors;
use files::chains;

/// Whom a problem speaks of; in the order of their weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blame {
    /// The records: they are not what was written.
    Records,
    /// The key that was given: the checkpoints are good, and another's.
    Key,
    /// The anchor that was given: it is no checkpoint, or not of these files.
    Anchor,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// What is to be doubted.
    pub(crate) blame: Blame,
    /// The file, or what was given.
    pub(crate) file: String,
    /// From 1; 0 for the file as a whole.
    pub(crate) line: usize,
    pub(crate) what: String,
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
    pub(crate) chains: Vec<Chain>,
    /// All that is wrong; empty when all is well.
    pub problems: Vec<Problem>,
}

/// One chain: that of a server, or that of the commands.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Chain {
    pub(crate) name: String,
    /// Records that were read.
    pub(crate) records: u64,
    pub(crate) first: u64,
    pub(crate) last: Head,
    /// Of the last good checkpoint; 0 without one.
    pub(crate) checkpoint: u64,
    /// The key of the checkpoints.
    pub(crate) key: Option<String>,
}

type File = (String, String);

/// Verifies files, of one chain or of several, in any order. `anchor` holds checkpoints that were
/// kept elsewhere; the key is the public one, if it is known from elsewhere.
pub fn verify(files: &[File], anchor: Option<&str>, key: Option<&str>) -> Verified {
    let mut v = Verified::default();
    let anchors_given = anchor.map(anchors).unwrap_or_default();
    let mut met: HashMap<u64, Vec<(String, usize, String)>> = HashMap::new();
    for a in &anchors_given {
        met.insert(a.record.seq, Vec::new());
    }
    for files in chains(files) {
        let chain = chain::read(&files, &mut met, key, &mut v.problems);
        v.chains.push(chain);
    }
    let mut problem = |blame, file: &str, line, what| {
        v.problems.push(Problem { blame, file: file.into(), line, what })
    };
    if anchor.is_some() && anchors_given.is_empty() {
        problem(
            Blame::Anchor,
            "anchor",
            0,
            "this is no checkpoint: neither the record nor a line of the log that holds it".into(),
        );
    }
    for a in &anchors_given {
        let Head { seq, hash } = &a.record;
        let there = met.get(seq).map_or(&[][..], Vec::as_slice);
        if there.iter().any(|(_, _, h)| h == hash) {
            continue;
        }
        if key.is_some_and(|k| k != a.key) {
            problem(
                Blame::Anchor,
                "anchor",
                0,
                format!("checkpoint {seq} is signed with another key than --key"),
            );
        }
        match (there, v.chains.as_slice()) {
            ([(file, line, _)], [_]) => problem(
                Blame::Records,
                file,
                *line,
                format!(
                    "record {seq} is not the anchored checkpoint: what is before it was rewritten"
                ),
            ),
            ([], [c]) if *seq > c.last.seq => problem(
                Blame::Records,
                "anchor",
                0,
                format!(
                    "the anchored checkpoint {seq} is not there: the files end at record {}, so \
                     their end was cut off",
                    c.last.seq
                ),
            ),
            ([], [c]) if *seq < c.first => problem(
                Blame::Anchor,
                "anchor",
                0,
                format!(
                    "the anchored checkpoint {seq} is of an older file: these begin at record {}",
                    c.first
                ),
            ),
            _ => problem(
                Blame::Records,
                "anchor",
                0,
                format!(
                    "the anchored checkpoint {seq} is in none of these files: its chain was \
                     rewritten or cut off, or is not among them"
                ),
            ),
        }
    }
    v
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::Ed25519KeyPair;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::Value;

    use super::*;

    fn key(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("key")
    }

    /// Ten records, a checkpoint after every fourth, in two files.
    fn log(key: &Ed25519KeyPair, who: &str) -> Vec<(String, String)> {
        let (mut head, mut out) = (Head::default(), String::new());
        let mut files = Vec::new();
        for n in 0..10 {
            head.append(
                &format!("\"event\":\"call_end\",\"principal\":\"{who}\",\"rows\":{n}"),
                &mut out,
            );
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
        assert_eq!(
            (v.chains[0].records, v.chains[0].first, v.chains[0].last.seq, v.chains[0].checkpoint),
            (12, 1, 12, 10)
        );
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
        assert!(
            with(0, &|l| l[2] = l[2].replace("\"rows\":2", "\"rows\":7"))
                .contains("one:3: record 3 was edited")
        );
        assert!(with(0, &|l| drop(l.remove(2))).contains("one:3: record 3 is missing"));
        assert!(with(0, &|l| drop(l.drain(1..5))).contains("records 2 to 5 are missing"));
        assert!(with(0, &|l| l.swap(1, 2)).contains("record 2 comes after record 3"));
        assert!(with(0, &|l| l.insert(2, l[1].clone())).contains("records were moved or repeated"));
        assert!(
            with(0, &|l| l.insert(2, "nonsense\n".into())).contains("one:3: this is no record")
        );
        assert!(with(0, &|l| l.insert(2, "{\"seq\":3}\n".into())).contains("this is no record"));
        assert!(
            with(1, &|l| l.truncate(2))
                .contains("the anchored checkpoint 10 is not there: the files end at record 9")
        );
        assert!(
            with(1, &|l| *l.last_mut().expect("a line") = "{\"seq\":12,".into()).contains("torn")
        );
        assert!(
            with(0, &|l| l[4] = l[4].replace("\"signature\":\"", "\"signature\":\"AAAA"))
                .contains("signature of checkpoint 5 is wrong")
        );
        let first_gone = what(&verify(&good[1..], Some(&anchor), None));
        assert_eq!(
            first_gone, "",
            "older files may have been archived; the chain says where it begins"
        );
        assert_eq!(verify(&good[1..], None, None).chains[0].first, 8);
        // Written anew from the start by somebody who can write the files: with
        // another key, or without.
        let other = log(&key(2), "eve");
        assert!(
            what(&verify(&other, Some(&anchor), None)).contains("is not the anchored checkpoint")
        );
        let public = verify(&good, None, None).chains[0].key.clone().expect("a key");
        assert!(what(&verify(&other, None, Some(&public))).contains("signed with another key"));
        assert!(what(&verify(&good, Some("nonsense"), None)).contains("no checkpoint"));
        let edited = anchor.replace("\"seq\":10", "\"seq\":11");
        assert!(
            what(&verify(&good, Some(&edited), None)).contains("no checkpoint"),
            "an edited anchor is none"
        );
    }

    #[test]
    fn what_is_to_be_doubted_is_told_apart() {
        let good = log(&key(1), "ada");
        let anchor = checkpoint(&good, 0);
        let of = |v: &Verified| v.problems.iter().map(|p| p.blame).min();
        let public =
            |k: u8| BASE64.encode(aws_lc_rs::signature::KeyPair::public_key(&key(k)).as_ref());
        assert_eq!(of(&verify(&good, Some(&anchor), Some(&public(1)))), None);
        assert_eq!(of(&verify(&good, None, Some(&public(2)))), Some(Blame::Key));
        assert_eq!(of(&verify(&good, Some(&anchor), Some("nonsense"))), Some(Blame::Key));
        assert_eq!(of(&verify(&good, Some(""), None)), Some(Blame::Anchor));
        assert_eq!(
            of(&verify(&good[1..], Some(&anchor), None)),
            Some(Blame::Anchor),
            "from before the first record"
        );
        assert_eq!(
            of(&verify(&good[..1], Some(&checkpoint(&good, 1)), None)),
            Some(Blame::Records),
            "cut off"
        );
        // Partly signed by another is no wrong key.
        let mut mixed = good.clone();
        mixed[1].1 = log(&key(2), "ada")[1].1.clone();
        assert_eq!(of(&verify(&mixed, None, Some(&public(1)))), Some(Blame::Records));
        // Nothing signed at all, where a key was given.
        let (mut head, mut bare) = (Head::default(), String::new());
        head.append("\"event\":\"start\"", &mut bare);
        let bare = [("audit-000000000001.jsonl".to_owned(), bare)];
        assert_eq!(of(&verify(&bare, None, Some(&public(1)))), Some(Blame::Key));
        assert_eq!(
            of(&verify(&[("empty".into(), String::new())], None, None)),
            Some(Blame::Records)
        );
    }

    #[test]
    fn an_anchor_is_found_in_whatever_a_log_made_of_it() {
        let good = log(&key(1), "ada");
        let line = checkpoint(&good, 0);
        let v: Value = serde_json::from_str(&line).expect("JSON");
        let turned: serde_json::Map<String, Value> = v
            .as_object()
            .expect("members")
            .iter()
            .rev()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        for kept in [
            line.clone(),
            format!("2026-01-01T00:00:00Z  INFO audit: checkpoint={line}"),
            format!("INFO audit: checkpoint={:?} more=\"x\"", line),
            format!(
                "{{\"level\":\"INFO\",\"fields\":{{\"checkpoint\":{line}}},\"target\":\"audit\"}}"
            ),
            format!(
                "{{\"log\":{},\"stream\":\"stderr\"}}",
                Value::from(format!("INFO checkpoint={line}\n"))
            ),
            format!(
                "{{\"a\":[{{\"checkpoint\": {}}}]}}",
                serde_json::to_string_pretty(&turned).expect("text").replace('\n', "")
            ),
            serde_json::to_string_pretty(&v).expect("text"),
            format!("2026-01-01,INFO,\"checkpoint={}\"", line.replace('"', "\"\"")),
            format!("{{ not JSON\nnor this\n{line}\n{}\n", checkpoint(&good, 1)),
        ] {
            let found = anchors(&kept);
            assert_eq!(found.first().map(|a| a.record.seq), Some(5), "{kept}");
            assert_eq!(what(&verify(&good, Some(&kept), None)), "");
            let other = log(&key(2), "eve");
            assert!(
                what(&verify(&other, Some(&kept), None)).contains("not the anchored checkpoint"),
                "{kept}"
            );
        }
        assert_eq!(anchors(&"{".repeat(5000)), []);
    }

    #[test]
    fn chains_are_told_apart() {
        let named = |mut files: Vec<(String, String)>, names: [&str; 2]| {
            files.iter_mut().zip(names).for_each(|(f, n)| f.0 = n.to_owned());
            files
        };
        let calls = named(
            log(&key(1), "ada"),
            ["d/audit-000000000001.jsonl", "d/audit-000000000008.jsonl"],
        );
        let commands = named(
            log(&key(1), "root"),
            ["d/admin-000000000001.jsonl", "d/admin-000000000008.jsonl"],
        );
        // Another server's, and its older file in an archive.
        let other = named(
            log(&key(2), "bob"),
            ["old/audit-000000000001.jsonl", "e/audit-000000000008.jsonl"],
        );
        let mut all = [calls, commands, other].concat();
        all.reverse();
        let anchors: String = [1, 3, 5]
            .map(|n| {
                format!(
                    "{}\n",
                    all[5 - n].1.lines().rfind(|l| l.contains("\"checkpoint\"")).expect("one")
                )
            })
            .concat();
        let v = verify(&all, Some(&anchors), None);
        assert_eq!((what(&v).as_str(), v.chains.len()), ("", 3));
        assert!(v.chains.iter().all(|c| (c.first, c.last.seq) == (1, 12)), "{v:?}");
        // One of them is cut: it is found although another chain has that number.
        all.retain(|f| f.0 != "d/admin-000000000008.jsonl");
        assert!(what(&verify(&all, Some(&anchors), None)).contains("in none of these files"));
    }
}
