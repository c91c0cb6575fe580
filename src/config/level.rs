//! The level of the log, in the words of whoever writes it: ours, Python's (`logging`, which the
//! replaced service took), and syslog's (RFC 5424, section 6.2.1). A filter of several, as
//! `tracing` has them, is taken too.

/// Names and the level of ours that they mean.
const NAMES: &[(&str, &str)] = &[
    ("off", "off"),
    ("emerg", "error"),
    ("emergency", "error"),
    ("panic", "error"),
    ("alert", "error"),
    ("crit", "error"),
    ("critical", "error"),
    ("fatal", "error"),
    ("err", "error"),
    ("error", "error"),
    ("warn", "warn"),
    ("warning", "warn"),
    ("notice", "info"),
    ("info", "info"),
    ("informational", "info"),
    ("debug", "debug"),
    ("trace", "trace"),
    ("notset", "trace"),
];

/// A level or a filter as `tracing_subscriber::EnvFilter` reads it; nothing is the default.
pub(crate) fn directives(text: &str) -> Result<String, String> {
    let all: Result<Vec<_>, _> =
        text.split(',').map(str::trim).filter(|d| !d.is_empty()).map(directive).collect();
    let all = all?;
    Ok(if all.is_empty() { "info".to_owned() } else { all.join(",") })
}

fn directive(text: &str) -> Result<String, String> {
    let (target, name) = text.rsplit_once('=').map_or(("", text), |(t, n)| (t, n.trim()));
    let level =
        NAMES.iter().find(|n| n.0.eq_ignore_ascii_case(name)).map(|n| n.1).ok_or_else(|| {
            let shown = super::repeated::quoted(text);
            format!(
                "{shown} is no level: error, warn, info, debug, trace or off, or a target with \
                 one of them, such as mssql_mcp=debug"
            )
        })?;
    Ok(if target.is_empty() { level.to_owned() } else { format!("{}={level}", target.trim()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_and_syslogs_names_are_levels_and_other_words_are_errors() {
        for (text, level) in [
            ("", "info"),
            (" ", "info"),
            ("INFO", "info"),
            ("Warning", "warn"),
            ("CRITICAL", "error"),
            ("FATAL", "error"),
            ("NOTSET", "trace"),
            ("notice", "info"),
            ("crit", "error"),
            ("info, mssql_mcp::wire=WARNING", "info,mssql_mcp::wire=warn"),
        ] {
            assert_eq!(directives(text).as_deref(), Ok(level), "{text}");
        }
        for text in
            ["verbose", "inf", "mssql_mcp", "mssql_mcp=loud", "info,loud", "info;debug", "3.5"]
        {
            assert!(directives(text).is_err_and(|e| e.contains("is no level")), "{text}");
        }
    }
}
