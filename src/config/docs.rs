//! `docs/configuration.md`: the table, between two pieces of prose.

use std::fmt::Write as _;

use super::setting::Reload;
use super::settings::SECTIONS;

pub(crate) fn markdown() -> String {
    let mut out = include_str!("docs/before.md").to_owned();
    for section in SECTIONS {
        let _ = write!(
            out,
            "\n## {}\n\n| key | default | also as | reloads | meaning |\n|---|---|---|---|---|\n",
            section.name
        );
        for row in section.rows {
            let default = match row.default {
                "" => "–".to_owned(),
                text => format!("`{text}`"),
            };
            let also: Vec<String> = row.env.iter().map(|name| format!("`{name}`")).collect();
            let reloads = match row.reload {
                Reload::Live => "yes",
                Reload::Restart => "",
            };
            let (key, also, help) = (row.key, also.join(", "), row.help);
            let _ = writeln!(out, "| `{key}` | {default} | {also} | {reloads} | {help} |");
        }
    }
    out.push_str(include_str!("docs/after.md"));
    out
}
