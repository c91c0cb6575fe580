//! What a recursive common table expression may not be.

use crate::error::Error;

pub(crate) fn no_anchor(cte: &str) -> Error {
    let text = format!("No anchor member was specified for recursive query \"{cte}\".");
    Error::new(246, 16, text)
}

pub(crate) fn no_top_level_union_all(cte: &str) -> Error {
    Error::new(
        252,
        16,
        format!(
            "Recursive common table expression '{cte}' does not contain a top-level UNION ALL \
             operator."
        ),
    )
}

pub(crate) fn several_recursive_references(cte: &str) -> Error {
    Error::new(
        253,
        16,
        format!(
            "Recursive member of a common table expression '{cte}' has multiple recursive \
             references."
        ),
    )
}

pub(crate) fn distinct_in_recursion(cte: &str) -> Error {
    not_allowed(460, "DISTINCT operator is", cte)
}

pub(crate) fn top_in_recursion(cte: &str) -> Error {
    not_allowed(461, "The TOP or OFFSET operator is", cte)
}

pub(crate) fn outer_join_in_recursion(cte: &str) -> Error {
    not_allowed(462, "Outer join is", cte)
}

pub(crate) fn group_in_recursion(cte: &str) -> Error {
    not_allowed(467, "GROUP BY, HAVING, or aggregate functions are", cte)
}

fn not_allowed(number: u32, what: &str, cte: &str) -> Error {
    Error::new(
        number,
        16,
        format!(
            "{what} not allowed in the recursive part of a recursive common table expression \
             '{cte}'."
        ),
    )
}
