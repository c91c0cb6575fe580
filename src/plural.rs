//! Numbers with what they count.

/// "1 row", "2 rows"; the unit is one that takes an s, or a y that becomes ies
/// ("1 entry", "2 entries").
pub(crate) fn plural(n: impl std::fmt::Display, unit: &str) -> String {
    let n = n.to_string();
    match unit.strip_suffix('y') {
        _ if n == "1" => format!("1 {unit}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{n} {stem}ies"),
        _ => format!("{n} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn one_is_singular() {
        let all = [(0, "row"), (1, "row"), (2, "row"), (1, "day"), (3, "day"), (2, "entry")];
        let all: Vec<String> = all.iter().map(|(n, u)| plural(*n, u)).collect();
        assert_eq!(all, ["0 rows", "1 row", "2 rows", "1 day", "3 days", "2 entries"]);
    }
}
