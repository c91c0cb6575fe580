//! A tool's answer for a person at a terminal: rows as tables, lists of objects likewise, and
//! nothing of a value changed on the way. Numbers are the digits that were sent, NULL is not the
//! text `NULL`, and what could disturb a terminal is shown as an escape.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::node::Node;
use crate::plural::plural;

const GAP: usize = 2;
/// A column that would be narrower makes a row a list of lines.
const NARROWEST: usize = 6;

/// A result of `tools/call`, within so many columns; without a width nothing is folded.
pub fn show(result: &Node, width: Option<usize>) -> String {
    let first =
        result.get("content").items().first().and_then(|c| c.get("text").text()).unwrap_or("");
    let structured = result.get("structuredContent");
    let mut out = String::new();
    if result.get("isError").is_true() {
        failure(first, width, &mut out);
    } else if first.is_empty() || is_told(first, structured) {
        answer(structured, width, &mut out);
        from(structured.get("source"), width, &mut out);
    } else {
        // CSV, which is for other programs: as it was sent.
        out += first;
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// Whether a text says no more than what is structured: the same JSON, or a line that counts it,
/// where CSV ends with the end of one.
fn is_told(text: &str, structured: &Node) -> bool {
    matches!(Node::read(text), Ok(Node::Object(_)))
        || (*structured != Node::Null && !text.ends_with('\n'))
}

fn failure(text: &str, width: Option<usize>, out: &mut String) {
    let whole = Node::read(text).unwrap_or(Node::Null);
    let e = whole.get("error");
    *out += "error";
    if let Some(n) = e.get("number").number() {
        let part = |name: &str| whole_cell(e.get(name));
        let _ = write!(
            out,
            " {n}, severity {}, state {}, line {}",
            part("severity"),
            part("state"),
            part("line")
        );
    }
    let _ = writeln!(out, ": {}", lines(e.get("message").text().unwrap_or(text)));
    if let Some(h) = e.get("hint").text() {
        let _ = writeln!(out, "hint: {}", lines(h));
    }
    for m in e.get("messages").items().iter().filter_map(Node::text) {
        let _ = writeln!(out, "{}", lines(m));
    }
    from(whole.get("source"), width, out);
}

/// Where an answer is from.
fn from(source: &Node, width: Option<usize>, out: &mut String) {
    let part = |name: &str| source.get(name).text().map(plain);
    let Some(label) = part("label") else { return };
    let mut line = format!("from {label}");
    if let Some(database) = part("database").filter(|d| *d != label) {
        line += &format!(" ({database})");
    }
    if let (Some(server), Some(login)) = (part("server"), part("login")) {
        line += &format!(" @ {server} as {login}");
    }
    if let Some(access) = part("access") {
        line += &format!(", {access}");
    }
    fold(&line, width).iter().for_each(|l| {
        let _ = writeln!(out, "{l}");
    });
}

fn answer(s: &Node, width: Option<usize>, out: &mut String) {
    // What search finds is called so too.
    let sets = |v: &Node| matches!(v, Node::List(all) if all.iter().all(|r| *r.get("columns") != Node::Null));
    if !sets(s.get("results")) {
        return object(s, width, out);
    }
    for r in s.get("results").items() {
        if let Some(csv) = r.get("csv").text() {
            let rows = plural(r.get("row_count").number().unwrap_or(0), "row");
            let _ = writeln!(out, "{csv}# {rows}");
            continue;
        }
        let columns = r.get("columns").items();
        let head = columns.iter().map(|c| whole_cell(c.get("name"))).collect();
        let numeric: Vec<bool> =
            columns.iter().map(|c| c.get("type").text().is_some_and(numeric_type)).collect();
        let rows: Vec<&[Node]> = r.get("rows").items().iter().map(Node::items).collect();
        table(
            head,
            &numeric,
            rows.into_iter().map(|r| r.iter().map(value).collect()).collect(),
            false,
            width,
            out,
        );
        let _ = write!(out, "({}", plural(r.get("row_count").number().unwrap_or(0), "row"));
        let cut = r.get("truncated");
        if *cut != Node::Null {
            let _ = write!(
                out,
                "; cut: {}",
                cut.get("reason").text().map_or_else(|| whole_cell(cut), plain)
            );
        }
        *out += ")\n";
    }
    let dry_run = s.get("dry_run").is_true();
    let changed = s.get("rows_affected").items();
    for n in changed.iter().filter_map(Node::number) {
        let undone = if dry_run { "; dry run: rolled back" } else { "" };
        let _ = writeln!(out, "({} affected{undone})", plural(n, "row"));
    }
    for m in s.get("messages").items().iter().filter_map(Node::text) {
        let _ = writeln!(out, "{}", lines(m));
    }
    let known = ["source", "results", "rows_affected", "messages", "committed", "dry_run"];
    for (name, v) in s.pairs().iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        let _ = writeln!(out, "{name}: {}", whole_cell(v));
    }
    if s.get("committed").is_true() {
        *out += "committed\n";
    } else if dry_run && changed.is_empty() {
        *out += "dry run: rolled back\n";
    }
}

/// Any object: its plain members as lines, its lists as tables.
fn object(s: &Node, width: Option<usize>, out: &mut String) {
    let listed = |v: &Node| match v {
        Node::Object(_) => true,
        Node::List(all) => all.iter().any(|i| matches!(i, Node::Object(_))),
        _ => false,
    };
    let told = s.pairs().iter().filter(|(name, _)| name != "source");
    let (tables, plain): (Vec<_>, Vec<_>) = told.partition(|(_, v)| listed(v));
    let empty = |v: &Node| *v == Node::Null || matches!(v, Node::List(all) if all.is_empty());
    let plain: Vec<_> = plain.into_iter().filter(|(_, v)| !empty(v)).collect();
    let title = plain.len() + tables.len() > 1;
    for (name, v) in plain {
        // A text of several lines stays as it is.
        let text = if let Node::Text(t) = v { lines(t) } else { whole_cell(v) };
        let (first, rest) =
            text.split_once('\n').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
        fold(&format!("{name}: {first}"), width).iter().for_each(|l| {
            let _ = writeln!(out, "{l}");
        });
        for l in rest.into_iter().flat_map(str::lines).flat_map(|l| fold(l, width)) {
            let _ = writeln!(out, "{l}");
        }
    }
    for (name, v) in tables {
        if title {
            let _ = writeln!(out, "{}{name}", if out.is_empty() { "" } else { "\n" });
        }
        let rows = if let Node::List(all) = v { all.as_slice() } else { std::slice::from_ref(v) };
        let mut head: Vec<String> = Vec::new();
        for (k, _) in rows.iter().flat_map(Node::pairs) {
            if !head.contains(k) {
                head.push(k.clone());
            }
        }
        let numeric: Vec<bool> = head
            .iter()
            .map(|h| {
                let mut cells =
                    rows.iter().map(|r| r.get(h)).filter(|v| **v != Node::Null).peekable();
                cells.peek().is_some() && cells.all(|v| matches!(v, Node::Number(_)))
            })
            .collect();
        // What an object does not have is not NULL.
        let has = |r: &Node, h: &str| r.pairs().iter().any(|(k, v)| k == h && *v != Node::Null);
        let cells = rows
            .iter()
            .map(|r| {
                head.iter()
                    .map(|h| if has(r, h) { whole_cell(r.get(h)) } else { String::new() })
                    .collect()
            })
            .collect();
        table(head, &numeric, cells, true, width, out);
    }
}

fn numeric_type(ty: &str) -> bool {
    let word = ty.split(['(', ' ']).next().unwrap_or(ty);
    [
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "decimal",
        "numeric",
        "money",
        "smallmoney",
        "float",
        "real",
    ]
    .contains(&word)
}

/// A cell of a row. The texts NULL, 'NULL', … stand in quotes, so that they are not
/// taken for no value.
fn value(v: &Node) -> String {
    match v {
        Node::Text(t) if t.trim_matches('\'') == "NULL" => format!("'{t}'"),
        v => whole_cell(v),
    }
}

fn whole_cell(v: &Node) -> String {
    match v {
        Node::Null => "NULL".to_owned(),
        Node::Bool(b) => b.to_string(),
        Node::Number(n) => n.clone(),
        Node::Text(t) => plain(t),
        Node::List(all) => all.iter().map(whole_cell).collect::<Vec<_>>().join(", "),
        Node::Object(all) => {
            all.iter().map(|(k, v)| format!("{k} {}", whole_cell(v))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Without what a terminal would obey, or would hide: controls, marks of direction, Unicode's line
/// ends, characters without a width that join nothing.
pub(crate) fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if hidden(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

/// Likewise, with its line ends.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// The pieces of a text that are at most so wide; at blanks where there are some.
fn fold(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(max) = width.filter(|w| text.width() > *w) else { return vec![text.to_owned()] };
    let mut out = Vec::new();
    let mut rest = text;
    while rest.width() > max {
        let (mut used, mut end, mut blank) = (0, 0, None);
        for (at, c) in rest.char_indices() {
            let w = c.width().unwrap_or(0);
            // One character at least, or this would never end.
            if used + w > max && at > 0 {
                break;
            }
            used += w;
            end = at + c.len_utf8();
            if c == ' ' && at > 0 {
                blank = Some(end);
            }
        }
        let cut = if rest[end..].starts_with(' ') { end } else { blank.unwrap_or(end) };
        out.push(rest[..cut].trim_end_matches(' ').to_owned());
        rest = rest[cut..].strip_prefix(' ').unwrap_or(&rest[cut..]);
    }
    if !rest.is_empty() {
        out.push(rest.to_owned());
    }
    out
}

/// The width of each column when all of them share what there is: narrow ones have what they need,
/// the others as much as each other.
fn share(natural: &[usize], width: usize) -> Option<Vec<usize>> {
    let room = width.checked_sub(GAP * natural.len().saturating_sub(1))?;
    let cap = (1..=natural.iter().copied().max()?)
        .rev()
        .find(|c| natural.iter().map(|w| w.min(c)).sum::<usize>() <= room)?;
    (cap >= NARROWEST).then(|| natural.iter().map(|w| *w.min(&cap)).collect())
}

/// `sparse`: an empty cell is one that is not there.
fn table(
    head: Vec<String>,
    numeric: &[bool],
    rows: Vec<Vec<String>>,
    sparse: bool,
    width: Option<usize>,
    out: &mut String,
) {
    if head.is_empty() {
        return;
    }
    let head: Vec<String> = head.iter().map(|h| plain(h)).collect();
    let natural: Vec<usize> = (0..head.len())
        .map(|i| {
            rows.iter()
                .filter_map(|r| r.get(i))
                .chain([&head[i]])
                .map(|c| c.width())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let fits = width.is_none_or(|w| natural.iter().sum::<usize>() + GAP * (head.len() - 1) <= w);
    let widths = match width {
        Some(w) if !fits => match share(&natural, w) {
            Some(widths) => widths,
            None => return records(&head, &rows, sparse, w, out),
        },
        _ => natural,
    };
    let mut line = |parts: &[String], right: bool| {
        let cells: Vec<Vec<String>> =
            parts.iter().zip(&widths).map(|(p, w)| fold(p, width.map(|_| *w))).collect();
        for n in 0..cells.iter().map(Vec::len).max().unwrap_or(1) {
            let mut row = String::new();
            for (i, (c, w)) in cells.iter().zip(&widths).enumerate() {
                let text = c.get(n).map_or("", String::as_str);
                let pad = " ".repeat(w.saturating_sub(text.width()));
                let (before, after) =
                    if right && numeric[i] { (pad.as_str(), "") } else { ("", pad.as_str()) };
                let gap = if i > 0 { " ".repeat(GAP) } else { String::new() };
                let _ = write!(row, "{gap}{before}{text}{after}");
            }
            *out += row.trim_end_matches(' ');
            out.push('\n');
        }
    };
    line(&head, false);
    line(&widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>(), false);
    rows.iter().for_each(|r| line(r, true));
}

/// Each row as lines of `column: value`, for what is too wide even when it is folded.
fn records(head: &[String], rows: &[Vec<String>], sparse: bool, width: usize, out: &mut String) {
    for (n, row) in rows.iter().enumerate() {
        let _ = writeln!(out, "--- {}", n + 1);
        for (h, c) in head.iter().zip(row).filter(|(_, c)| !(sparse && c.is_empty())) {
            for l in fold(&format!("{h}: {c}"), Some(width)) {
                let _ = writeln!(out, "{l}");
            }
        }
    }
}
