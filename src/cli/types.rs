//! docs/types.md: what values of SQL Server's types look like to a client.

use std::fmt::Write as _;

use mssql_mcp_session::{TypeForm, forms};

/// The page, made from bytes as a server sends them.
pub(super) fn markdown() -> String {
    let mut out = String::from(HEAD);
    for TypeForm { declared, json, csv, exact, cut, replaced } in forms() {
        let mut notes = Vec::new();
        if exact {
            notes.push("a string: a double would lose digits");
        }
        if cut {
            notes.push("cut");
        }
        if replaced {
            notes.push("half of a surrogate pair was replaced");
        }
        let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            code(&declared),
            code(&json),
            code(&csv),
            notes.join("; ")
        );
    }
    out + TAIL
}

const HEAD: &str = "\
# Types

Made by `mssql-mcp types` from values as a server sends them (MS-TDS 2.2.5.5); CI fails when it is stale.

A column's `type` is what T-SQL declares. NULL is `null` in JSON and nothing at all in CSV, where an empty text is `\"\"`.

| type | JSON | CSV | |
|---|---|---|---|
";

const TAIL: &str = "
## Exact

Nothing passes through a double that is not one. Whole numbers beyond 2^53 and decimals of more than 15 significant digits are JSON strings, and
their column says `\"exact\": \"string\"`; in CSV they are digits like any other. Decimals and money keep the zeros of their scale. `float` and `real` have the
shortest digits that read back as the same number. Dates and times are ISO 8601 with the digits of their type; a `datetimeoffset` shows local time and its offset.

A `sql_variant` is an object with its base type, whose value has that type's form. A type of the CLR (`hierarchyid`, `geography`, `geometry`, or one's
own) is the hex of its bytes: write `.ToString()` for its text. `json` is a text, `vector` an array of numbers; with a server or a driver's agreement
from before SQL Server 2025 both are texts.

## Cut and replaced

A text or binary value keeps `limits.max_cell` characters (a byte is two), and fewer where all of a row would take more than half of `limits.max_chars`, but at least
64. What was left out stands behind it, `… [cut: 20000 of 300000 characters]`, and its column counts such values in `cut_cells`. SQL Server is
asked for little more than is kept (SET TEXTSIZE), so that for (max) types, `text`, `ntext` and `image` the mark may say `of more than`.

Bytes that are no characters in the column's encoding, and halves of surrogate pairs, are U+FFFD; the column counts them in `replaced`. No row is lost for them.
";
