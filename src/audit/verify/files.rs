//! Which files are of one chain.

use std::path::Path;

use super::File;
use crate::audit::chain::{ChainedRecord, read};

/// The files of each chain, in the order of their records. Files belong together that have a folder
/// and the first part of their name in common, or that go on where another ends.
pub(super) fn chains(files: &[File]) -> Vec<Vec<&File>> {
    struct Part<'a> {
        series: String,
        begins: Option<ChainedRecord>,
        ends: Option<String>,
        file: &'a File,
        chain: usize,
    }
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut folders: Vec<(Option<&Path>, String)> = Vec::new();
    for file in files {
        let path = Path::new(&file.0);
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        // Under another name nothing says which chain it is of.
        let numbered = name.strip_suffix(".jsonl").and_then(|n| n.rsplit_once('-'));
        let series = numbered
            .filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit()))
            .map_or("", |(s, _)| s)
            .to_owned();
        let place = (path.parent().filter(|_| !series.is_empty()), series.clone());
        let chain = folders.iter().position(|f| *f == place).unwrap_or_else(|| {
            folders.push(place);
            folders.len() - 1
        });
        let begins = file.1.lines().find_map(read);
        let ends = file.1.lines().rev().find_map(read).map(|r| r.hash);
        parts.push(Part { series, begins, ends, file, chain });
    }
    for n in 0..parts.len() {
        let joined = parts.iter().find(|p| {
            p.series == parts[n].series
                && p.ends.is_some()
                && p.ends == parts[n].begins.as_ref().map(|b| b.prev.clone())
        });
        if let Some((to, from)) = joined.map(|p| (p.chain, parts[n].chain)) {
            parts.iter_mut().filter(|p| p.chain == from).for_each(|p| p.chain = to);
        }
    }
    let mut all: Vec<Vec<&Part<'_>>> = Vec::new();
    for p in &parts {
        match all.iter_mut().find(|c| c[0].chain == p.chain) {
            Some(c) => c.push(p),
            None => all.push(vec![p]),
        }
    }
    all.into_iter()
        .map(|mut c| {
            c.sort_by_key(|p| p.begins.as_ref().map_or(u64::MAX, |r| r.seq));
            c.into_iter().map(|p| p.file).collect()
        })
        .collect()
}
