//! What a setting is: a row of the table for those who read texts (the file, the environment, the
//! flags, the docs), and a [`Key`] for those who want its value. Both are made by `settings!`
//! from one line, so that a key is spelt once, and a value has the type that its text was checked
//! against.

use std::marker::PhantomData;
use std::net::SocketAddr;

use super::level;
use super::repeated::{has_credentials, quoted};

/// What a setting's text must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueKind {
    /// Any text that does not look like a connection string.
    Text,
    /// Where SQL Server is: read by `ServerAddress::parse`, with all that belongs to it.
    Host,
    /// `memory`, `sqlite`, `sqlite:FILE` or a Redis URL, which may hold a password.
    Store,
    /// A text that is never shown, and that a file may hold: `NAME_FILE`, `name_file`.
    Secret,
    /// yes/no, true/false, on/off, 1/0 in any case.
    Bool,
    /// A whole number within these bounds.
    Int(u64, u64),
    /// Seconds, or a number with `ms`, `s`, `m`, `h` or `d`.
    Duration,
    /// The same, and 0 for none.
    DurationOrNone,
    /// One of the names, or another word for one: `(word, name)`.
    Choice(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// An address with a port.
    Listen,
    /// Separated by commas, or a TOML array.
    List,
    /// A file's path, which is not what is in the file.
    Path,
    /// A level of the log, or a filter of `tracing`.
    Level,
}

/// Whether a new value counts from the next call on (SIGHUP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    Live,
    /// Only after a restart.
    Restart,
}

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// `section.name`, as in TOML; the flag is the same with dashes.
    pub(crate) key: &'static str,
    /// The names of the replaced service, beside `MSSQL_MCP_SECTION_NAME`.
    pub env: &'static [&'static str],
    /// What its text must be.
    pub(crate) kind: ValueKind,
    /// As text; empty for none.
    pub(crate) default: &'static str,
    /// When a new value counts.
    pub(crate) reload: Reload,
    /// One line, for `--help` and the docs.
    pub(crate) help: &'static str,
}

/// How a checked text becomes a value.
pub trait Value {
    /// What the text must be.
    const KIND: ValueKind;
    /// What is read from it.
    type Read<'a>;

    /// The value of a text that `Setting::check` took.
    fn read(text: &str) -> Self::Read<'_>;
}

/// A setting by name and type: what [`super::Config::get`] takes.
pub struct Key<T>(&'static str, PhantomData<fn() -> T>);

// === impl Key ===

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> Key<T> {
    /// Only [`settings!`] makes keys: each has its row.
    pub(in crate::config) const fn new(key: &'static str) -> Self {
        Self(key, PhantomData)
    }

    pub(crate) const fn name(self) -> &'static str {
        self.0
    }

    /// This key with a text, for [`super::Inputs::fixed`].
    pub(crate) fn fixed(self, text: impl Into<String>) -> (&'static str, String) {
        (self.0, text.into())
    }
}

// === impl Value ===

/// Kinds whose value is the text itself.
macro_rules! texts {
    ($($name:ident: $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug)]
        pub enum $name {}

        impl Value for $name {
            const KIND: ValueKind = ValueKind::$name;
            type Read<'a> = &'a str;

            fn read(text: &str) -> &str {
                text
            }
        }
    )*};
}

texts! {
    Text: "Any text; empty where it is not set.";
    Host: "Where SQL Server is, as people write it.";
    Store: "Where people, clients and tokens are kept.";
    Secret: "A text that is never shown.";
    Path: "A file or a folder; empty for none.";
    Level: "A level of the log, or a filter.";
}

/// Kinds that are parsed; what was checked parses.
macro_rules! parsed {
    ($($name:ident -> $read:ty: $parse:expr, $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug)]
        pub enum $name {}

        impl Value for $name {
            const KIND: ValueKind = ValueKind::$name;
            type Read<'a> = $read;

            fn read(text: &str) -> $read {
                $parse(text)
            }
        }
    )*};
}

parsed! {
    Duration -> std::time::Duration: |t| parse_duration(t).unwrap_or_default(),
        "A time that is not 0.";
    DurationOrNone -> std::time::Duration: |t| parse_duration(t).unwrap_or_default(),
        "A time; 0 for none.";
    Listen -> Option<SocketAddr>: parse_listen, "An address to listen on, or none.";
    List -> Vec<String>: items, "What stands between the commas.";
}

impl Value for bool {
    const KIND: ValueKind = ValueKind::Bool;
    type Read<'a> = bool;

    fn read(text: &str) -> bool {
        parse_bool(text).unwrap_or(false)
    }
}

/// A whole number from `LOW` to `HIGH`.
#[derive(Debug)]
pub enum Int<const LOW: u64, const HIGH: u64> {}

impl<const LOW: u64, const HIGH: u64> Value for Int<LOW, HIGH> {
    const KIND: ValueKind = ValueKind::Int(LOW, HIGH);
    type Read<'a> = u64;

    fn read(text: &str) -> u64 {
        text.trim().parse().unwrap_or(LOW)
    }
}

/// An enum whose variants are the names of a choice, with other words for some of them.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }
        $(also { $($word:literal => $for:literal,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $(#[doc = concat!("`", $text, "`:")] $(#[$doc])* $variant,)* }

        impl $name {
            /// As the configuration spells it.
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::config::setting::Value for $name {
            const KIND: $crate::config::setting::ValueKind = $crate::config::setting::ValueKind::Choice(
                &[$($text),*],
                &[$($(($word, $for)),*)?],
            );
            type Read<'a> = Self;

            fn read(text: &str) -> Self {
                let name = $crate::config::setting::normal_choice(Self::KIND, text);
                let all = [$(Self::$variant),*];
                all.into_iter().find(|v| v.as_str() == name).unwrap_or(all[0])
            }
        }
    };
}

/// The rows of a section, and a [`Key`] for each: name, type, key, further names in the
/// environment, default, reload, help.
macro_rules! settings {
    (@ live) => { $crate::config::setting::Reload::Live };
    (@ restart) => { $crate::config::setting::Reload::Restart };
    ($(
        $name:ident: $kind:ty = $key:literal, [$($env:literal),*], $default:literal, $reload:ident,
        $help:literal;
    )*) => {
        $(
            #[doc = concat!("`", $key, "`, as `docs/configuration.md` has it.")]
            pub const $name: $crate::config::setting::Key<$kind> =
                $crate::config::setting::Key::new($key);
        )*

        pub(in crate::config) const ROWS: &[$crate::config::setting::Setting] = &[$(
            $crate::config::setting::Setting {
                key: $key,
                env: &[$($env),*],
                kind: <$kind as $crate::config::setting::Value>::KIND,
                default: $default,
                reload: settings!(@ $reload),
                help: $help,
            },
        )*];
    };
}

pub(in crate::config) use {choice, settings};

// === impl Setting ===

impl Setting {
    /// `MSSQL_MCP_SECTION_NAME`, which every setting has.
    pub fn own_env(&self) -> String {
        format!("MSSQL_MCP_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// As TOML has it, such as `database.host`.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// What stands before the dot.
    pub(crate) fn section(&self) -> &'static str {
        self.key.split('.').next().unwrap_or_default()
    }

    /// The names of a choice; none of any other kind.
    pub fn choices(&self) -> &'static [&'static str] {
        match self.kind {
            ValueKind::Choice(names, _) => names,
            _ => &[],
        }
    }

    pub(crate) fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }

    /// Whether `text` is a value for it; if not, what is wrong.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        let shown = quoted(text);
        let wrong = match self.kind {
            // A secret has any form; a host is read with its port and instance, later.
            ValueKind::Secret | ValueKind::Host => return Ok(()),
            ValueKind::Path if text.contains("-----BEGIN") => {
                "this is the PEM itself; write it into a file, and the file's path here".to_owned()
            }
            ValueKind::Store
                if ["memory", "sqlite"].contains(&text)
                    || ["sqlite:", "redis:"].iter().any(|known| text.starts_with(known)) =>
            {
                return Ok(());
            }
            ValueKind::Store => {
                "it is none of memory, sqlite, sqlite:FILE and redis://HOST:PORT/DB".to_owned()
            }
            // Where no secret belongs, nothing that looks like one with its place is taken.
            ValueKind::Text | ValueKind::List | ValueKind::Path if has_credentials(text) => {
                "this looks like a connection string or a URL with a password in it; write each \
                 part into its own setting"
                    .to_owned()
            }
            ValueKind::Text | ValueKind::List | ValueKind::Path => return Ok(()),
            ValueKind::Bool if parse_bool(text).is_some() => return Ok(()),
            ValueKind::Bool => format!("{shown} is neither yes nor no"),
            ValueKind::Int(low, high) => match text.trim().parse::<u64>() {
                Ok(n) if (low..=high).contains(&n) => return Ok(()),
                _ => format!("{shown} is not a whole number from {low} to {high}"),
            },
            ValueKind::Duration | ValueKind::DurationOrNone => match parse_duration(text) {
                None => format!("{shown} is no duration such as 500ms, 30s, 5m or 1h"),
                Some(time) if time.is_zero() && self.kind == ValueKind::Duration => format!(
                    "{shown} would be no time at all; a duration such as 500ms, 30s, 5m or 1h is \
                     needed"
                ),
                Some(_) => return Ok(()),
            },
            ValueKind::Choice(names, _) => {
                if names.contains(&normal_choice(self.kind, text).as_str()) {
                    return Ok(());
                }
                format!("{shown} is none of {}", names.join(", "))
            }
            ValueKind::Level => return level::directives(text).map(drop),
            ValueKind::Listen if parse_listen(text).is_some() => return Ok(()),
            ValueKind::Listen => {
                format!("{shown} is no address such as 127.0.0.1:8008, localhost:8008 or 8008")
            }
        };
        Err(wrong)
    }
}

/// yes/no and their kin.
pub(crate) fn parse_bool(s: &str) -> Option<bool> {
    match s.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" | "" => Some(false),
        _ => None,
    }
}

/// An address to listen on: a port alone, or at `localhost`, is one of loopback.
pub(crate) fn parse_listen(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let loopback =
        |port: &str| Some((std::net::Ipv4Addr::LOCALHOST, crate::net::port(port)?).into());
    match text.rsplit_once(':') {
        None => loopback(text),
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => loopback(port),
        Some(_) => text.parse().ok(),
    }
}

/// Seconds without a unit; at most 400 days.
fn parse_duration(s: &str) -> Option<std::time::Duration> {
    use std::time::Duration;

    let s = s.trim();
    let at = s.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(s.len());
    let n: f64 = s[..at].parse().ok()?;
    let unit = match s[at..].trim() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let most = Duration::from_secs(400 * 86_400);
    Duration::try_from_secs_f64(n * unit).ok().filter(|d| *d <= most)
}

/// A choice in its normal spelling; what is none is only in lower case.
pub(super) fn normal_choice(kind: ValueKind, text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let ValueKind::Choice(_, words) = kind else { return text };
    words.iter().find(|(word, _)| *word == text).map_or(text, |(_, name)| (*name).to_owned())
}

fn items(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    choice! {
        /// For this test.
        enum Colour { Red = "red", Blue = "blue", }
        also { "rouge" => "red", "azul" => "blue", }
    }

    fn row(kind: ValueKind) -> Setting {
        let (key, default, help) = ("a.b_c", "", "");
        Setting { key, env: &[], kind, default, reload: Reload::Live, help }
    }

    #[test]
    fn a_choice_is_its_names_and_the_other_words_for_them() {
        for (text, is) in [("red", Colour::Red), (" AZUL ", Colour::Blue), ("Blue", Colour::Blue)] {
            assert!(row(Colour::KIND).check(text).is_ok(), "{text}");
            assert_eq!(Colour::read(text), is);
        }
        let e = row(Colour::KIND).check("green").expect_err("no such colour");
        assert_eq!(e, "\"green\" is none of red, blue");
    }

    #[test]
    fn durations_have_units_and_a_bound() {
        use std::time::Duration as D;
        for (text, ms) in [("2", 2000), ("1.5s", 1500), ("20ms", 20), ("1m", 60_000), ("0", 0)] {
            assert_eq!(parse_duration(text), Some(D::from_millis(ms)), "{text}");
        }
        assert_eq!(parse_duration("400d"), Some(D::from_secs(400 * 86_400)));
        for bad in ["", "s", "1w", "401d", "-1", "1 2"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert!(row(ValueKind::DurationOrNone).check("0").is_ok());
        assert!(row(ValueKind::Duration).check("0").is_err());
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let kind = Int::<2, 5>::KIND;
        for (text, good) in [("2", true), (" 5 ", true), ("1", false), ("6", false), ("x", false)] {
            assert_eq!(row(kind).check(text).is_ok(), good, "{text}");
        }
        assert_eq!(Int::<2, 5>::read("4"), 4);
    }

    #[test]
    fn a_row_names_its_variable_and_its_flag() {
        let row = row(ValueKind::Text);
        assert_eq!((row.own_env(), row.flag()), ("MSSQL_MCP_A_B_C".into(), "a-b-c".into()));
        assert_eq!(items(" a, ,b"), ["a", "b"]);
    }
}
