//! Parameters by their place, as parameters by their names.

use crate::scan::words;

/// The statement with `@name` for `$1`, `@p1` and names that had to change, and what was replaced.
/// `names` are those of the file and ours, in the file's order.
pub(super) fn named(
    statement: &str,
    names: &[(String, String)],
) -> Result<(String, Vec<String>), String> {
    let mut out = String::with_capacity(statement.len());
    let mut changes: Vec<String> = Vec::new();
    let mut done = 0;
    for word in words(statement) {
        if word.text == "?" {
            return Err("? is no parameter of SQL Server's: write @name".to_owned());
        }
        let Some(ours) = replacement(word.text, names)? else { continue };
        let change = format!("{} is now @{ours}", word.text);
        if !changes.contains(&change) {
            changes.push(change);
        }
        out.push_str(&statement[done..word.at]);
        out.push('@');
        out.push_str(ours);
        done = word.end();
    }
    out.push_str(&statement[done..]);
    Ok((out, changes))
}

fn replacement<'n>(word: &str, names: &'n [(String, String)]) -> Result<Option<&'n str>, String> {
    if let Some(name) = word.strip_prefix('@')
        && let Some((theirs, ours)) =
            names.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name))
    {
        return Ok((theirs != ours).then_some(ours.as_str()));
    }
    let place = word
        .strip_prefix('$')
        .or_else(|| word.strip_prefix("@p"))
        .or_else(|| word.strip_prefix("@P"));
    let Some(place) = place.filter(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    else {
        return Ok(None);
    };
    let number: usize = place.parse().unwrap_or(usize::MAX);
    match number.checked_sub(1).and_then(|i| names.get(i)) {
        Some((_, ours)) => Ok(Some(ours)),
        None => Err(format!("the statement has {word}, and there is no such parameter")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_names() {
        let names: Vec<(String, String)> =
            [("a", "a"), ("b-c", "b_c"), ("Day", "Day")].map(|(x, y)| (x.into(), y.into())).into();
        let done = |s: &str| named(s, &names).map(|(s, _)| s);
        assert_eq!(
            done("x = $1 AND y=@p2 AND '$1' = @day"),
            Ok("x = @a AND y=@b_c AND '$1' = @day".into())
        );
        assert_eq!(
            done("$10"),
            Err("the statement has $10, and there is no such parameter".into())
        );
        assert_eq!(
            done("@p0"),
            Err("the statement has @p0, and there is no such parameter".into())
        );
        assert!(done("x = ?").is_err());
        assert_eq!(done("@@ROWCOUNT, @price, $"), Ok("@@ROWCOUNT, @price, $".into()));
        let own = [("p1".to_owned(), "p1".to_owned()), ("x".to_owned(), "x".to_owned())];
        assert_eq!(named("@p1, @p2", &own).map(|(s, _)| s), Ok("@p1, @x".into()));
    }
}
