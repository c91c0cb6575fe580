//! The overview in `lib.rs` says that each module knows only those above it. It is held to that.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn each_module_knows_only_those_above_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let overview = std::fs::read_to_string(folder.join("lib.rs")).expect("the overview");
    // The first column of the table.
    let order: Vec<&str> = overview
        .lines()
        .filter_map(|l| l.strip_prefix("//! | `")?.split(" | ").next())
        .flat_map(|modules| modules.split(", "))
        .map(|module| module.trim_matches('`'))
        .collect();
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(&folder).expect("the modules").map(|f| f.expect("a file").path())
    {
        let name = file.file_stem().and_then(|n| n.to_str()).expect("a name").to_owned();
        if name == "lib" {
            continue;
        }
        let place = |module: &str| order.iter().position(|m| *m == module);
        let own = place(&name).unwrap_or_else(|| panic!("{name} is not in the overview"));
        let text = std::fs::read_to_string(&file).expect("a module");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for known in line.split("crate::").skip(1) {
                let known = known.split(|c: char| !c.is_ascii_lowercase() && c != '_').next();
                let Some(at) = known.and_then(place) else { continue };
                assert!(at < own, "{name} comes before what it knows: {line}");
            }
        }
        assert!(seen.insert(name));
    }
    assert_eq!(seen.len(), order.len(), "{order:?}");
}
