//! docs/dependencies.md lists what the `Cargo.toml` files of the workspace ask
//! for, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("file")
}

fn manifest(folder: &str) -> toml::Table {
    read(&format!("{folder}/Cargo.toml")).parse().expect("TOML")
}

/// The crates of others in these sections, of every member and for every platform.
fn asked(sections: &[&str]) -> BTreeSet<String> {
    let root = manifest(".");
    let members =
        root["workspace"]["members"].as_array().expect("members").iter().filter_map(|m| m.as_str());
    let mut all = BTreeSet::new();
    for manifest in members.map(manifest).chain([root.clone()]) {
        let platforms =
            manifest.get("target").and_then(|t| t.as_table()).into_iter().flat_map(|t| t.values());
        for table in platforms.filter_map(|t| t.as_table()).chain([&manifest]) {
            let found = sections.iter().filter_map(|s| table.get(*s)?.as_table()).flatten();
            all.extend(
                found.filter(|(_, v)| v.get("path").is_none()).map(|(name, _)| name.clone()),
            );
        }
    }
    all
}

/// The first column below a heading; a crate has one row.
fn listed(page: &str, heading: &str) -> BTreeSet<String> {
    let below = page.split("\n## ").find_map(|s| s.strip_prefix(heading)).expect("heading");
    let rows = below.lines().filter_map(|l| l.strip_prefix("| `")?.split('|').next());
    let mut all = BTreeSet::new();
    for name in rows.flat_map(|cell| cell.split('`').step_by(2)).filter(|n| !n.trim().is_empty()) {
        assert!(all.insert(name.to_owned()), "{name} has two rows");
    }
    all
}

#[test]
fn the_page_of_dependencies_lists_each_and_no_other() {
    let page = read("docs/dependencies.md");
    let shipped = asked(&["dependencies", "build-dependencies"]);
    assert!(shipped.contains("tiberius") && shipped.contains("rustix"), "{shipped:?}");
    let tests: BTreeSet<String> =
        asked(&["dev-dependencies"]).difference(&shipped).cloned().collect();
    assert_eq!(listed(&page, "Shipped"), shipped);
    assert_eq!(listed(&page, "Tests and benches only"), tests);
}
