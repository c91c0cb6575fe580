//! The records of one chain, line by line.

use std::collections::HashMap;

use super::anchor::signed;
use super::{Blame, Chain, File, Problem};
use crate::audit::chain::{ChainedRecord, Head, read as record};

/// Where the anchored numbers are met: file, line and hash of the record there.
pub(super) type Met = HashMap<u64, Vec<(String, usize, String)>>;

/// A chain that is being read.
struct Reading<'a> {
    chain: Chain,
    expected: Option<Head>,
    key: Option<&'a str>,
    /// A checkpoint is signed with the key of the chain.
    by_key: bool,
    /// Checkpoints with others: file, line, number and key.
    by_others: Vec<(String, usize, u64, String)>,
    problems: &'a mut Vec<Problem>,
}

/// One chain; where the anchored numbers are met is noted.
pub(super) fn read(
    files: &[&File],
    met: &mut Met,
    key: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Chain {
    let name = files.first().map(|f| f.0.clone()).unwrap_or_default();
    let mut reading = Reading {
        chain: Chain { name, ..Chain::default() },
        expected: None,
        key,
        by_key: false,
        by_others: Vec::new(),
        problems,
    };
    for (name, text) in files {
        reading.file(name, text, met);
    }
    reading.end()
}

impl Reading<'_> {
    fn problem(&mut self, file: &str, line: usize, what: impl Into<String>) {
        self.blame(Blame::Records, file, line, what);
    }

    fn blame(&mut self, blame: Blame, file: &str, line: usize, what: impl Into<String>) {
        let (file, what) = (file.to_owned(), what.into());
        self.problems.push(Problem { blame, file, line, what });
    }

    fn file(&mut self, name: &str, text: &str, met: &mut Met) {
        let torn = (!text.is_empty() && !text.ends_with('\n')).then(|| text.lines().count());
        if let Some(last) = torn {
            self.problem(
                name,
                last,
                "the last line is torn: the process was killed while it wrote, or the file was cut",
            );
        }
        for (n, line) in text.lines().enumerate() {
            let at = n + 1;
            if torn == Some(at) {
                break;
            }
            let Some(r) = record(line) else {
                self.problem(name, at, "this is no record");
                continue;
            };
            if let Some(places) = met.get_mut(&r.seq) {
                places.push((name.to_owned(), at, r.hash.clone()));
            }
            self.record(name, at, r);
        }
    }

    fn record(&mut self, name: &str, at: usize, r: ChainedRecord) {
        if !r.whole {
            let what = format!("record {} was edited: it does not have its hash", r.seq);
            self.problem(name, at, what);
        }
        match &self.expected {
            None => self.chain.first = r.seq,
            Some(before) => {
                if let Some(what) = does_not_follow(before, &r) {
                    self.problem(name, at, what);
                }
            }
        }
        if r.value["event"] == "checkpoint" {
            self.checkpoint(name, at, &r);
        }
        self.chain.records += 1;
        self.expected = Some(Head { seq: r.seq, hash: r.hash });
    }

    fn checkpoint(&mut self, name: &str, at: usize, r: &ChainedRecord) {
        if !signed(r) {
            self.problem(name, at, format!("the signature of checkpoint {} is wrong", r.seq));
            return;
        }
        self.chain.checkpoint = r.seq;
        let by = r.value["key"].as_str().unwrap_or_default();
        let key = self.key.unwrap_or(by).to_owned();
        if *self.chain.key.get_or_insert(key) == by {
            self.by_key = true;
        } else {
            self.by_others.push((name.to_owned(), at, r.seq, by.to_owned()));
        }
    }

    fn end(mut self) -> Chain {
        self.chain.last = self.expected.take().unwrap_or_default();
        let name = self.chain.name.clone();
        if self.chain.records == 0 {
            self.problem(&name, 0, "there is no record in it");
        }
        let others = std::mem::take(&mut self.by_others);
        match (self.key, others.as_slice()) {
            // All of it is of one other key: then it is more likely that this is the wrong one.
            (Some(_), [first, more @ ..])
                if !self.by_key && more.iter().all(|m| m.3 == first.3) =>
            {
                let what =
                    format!("the checkpoints of {name} are signed with another key, {}", first.3);
                self.blame(Blame::Key, "--key", 0, what);
                self.chain.key = Some(first.3.clone());
            }
            (Some(_), []) if !self.by_key && self.chain.records > 0 => {
                let what = format!("there is no checkpoint in {name} that it could have signed");
                self.blame(Blame::Key, "--key", 0, what);
            }
            (_, others) => {
                for (file, line, seq, _) in others {
                    let what = format!("checkpoint {seq} is signed with another key");
                    self.problem(file, *line, what);
                }
            }
        }
        self.chain
    }
}

/// Why a record is not the one behind another.
fn does_not_follow(before: &Head, r: &ChainedRecord) -> Option<String> {
    let next = before.seq + 1;
    match r.seq {
        seq if seq == next && r.prev == before.hash => None,
        seq if seq == next => Some(format!(
            "record {seq} does not follow the record before it: one of the two was replaced"
        )),
        seq if seq == next + 1 => Some(format!("record {next} is missing")),
        seq if seq > next => Some(format!("records {next} to {} are missing", seq - 1)),
        seq => Some(format!(
            "record {seq} comes after record {}: records were moved or repeated",
            before.seq
        )),
    }
}
