//! `database.connection`: a connection string, taken apart into the settings that it stands for.

use mssql_mcp_connection_string::ConnectionString;

use super::settings::{self, database, entra};
use super::{Source, Values, place};

/// What a string says by its silence: it names a server and a login of its own, and nothing of those
/// of another place counts beside them.
fn own() -> impl Iterator<Item = &'static str> {
    let all = [
        database::HOST.name(),
        database::PORT.name(),
        database::INSTANCE.name(),
        database::LOGIN.name(),
        database::USER.name(),
        database::PASSWORD.name(),
        database::NAME.name(),
        database::SPN.name(),
        database::CERTIFICATE_HOST.name(),
        database::TRUSTED_CONNECTION.name(),
        // Without a word it is encrypted and checked, as the drivers have it.
        database::ENCRYPT.name(),
        database::TRUST_SERVER_CERTIFICATE.name(),
    ];
    all.into_iter().chain(settings::section_of(entra::SOURCE.name()))
}

/// Takes a string apart, where one of these values is it. They are of one place (a file, the
/// environment, the flags): what is set there beside the string wins over it.
pub(super) fn expand(values: &mut Values, errors: &mut Vec<String>, notes: &mut Vec<String>) {
    let Some((text, source)) = values.get(database::CONNECTION.name()).cloned() else { return };
    let at = place(database::CONNECTION.name(), &source);
    if text.trim().is_empty() {
        // An empty variable is one that is not set; an empty file is a mistake.
        if matches!(&source, Source::Env(name) if name.ends_with("_FILE")) {
            errors.push(format!("{at}: the connection string is empty"));
        }
        return;
    }
    let read = match ConnectionString::read(&text) {
        Ok(read) => read,
        Err(problems) => {
            return errors.extend(problems.0.into_iter().map(|p| format!("{at}: {p}")));
        }
    };
    notes.extend(read.notes.iter().map(|n| format!("{at}: {}: {}", n.keyword, n.what)));
    // Another host or instance beside the string has nothing to do with the string's port.
    let elsewhere =
        [database::HOST.name(), database::INSTANCE.name()].map(|k| values.contains_key(k));
    for (key, text) in read.settings {
        let its_port = key == database::PORT.name() && elsewhere != [false, false];
        let its_instance = key == database::INSTANCE.name() && elsewhere[0];
        if its_port || its_instance {
            continue;
        }
        if let Some(s) = settings::find(key) {
            values.entry(s.key).or_insert((text, source.clone()));
        }
    }
    for key in own() {
        let usual = settings::find(key).map_or("", |s| s.default);
        values.entry(key).or_insert((usual.to_owned(), Source::Default));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mssql_mcp_connection_string::keywords;

    use super::*;
    use crate::config::settings::pool;
    use crate::config::{Config, Errors, Inputs};

    fn loaded(env: &[(&str, &str)], file: &str) -> Result<Config, Errors> {
        let env: BTreeMap<_, _> =
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut inputs = Inputs { env, ..Inputs::default() };
        let path = std::env::temp_dir().join(format!(
            "mssql-mcp-connection-{}-{}.toml",
            std::process::id(),
            std::thread::current().name().unwrap_or("x").replace(':', "-")
        ));
        if !file.is_empty() {
            std::fs::write(&path, file).expect("file");
            inputs.file = Some(path.clone());
        }
        let loaded = Config::load(&inputs);
        let _ = std::fs::remove_file(path);
        loaded
    }

    const STRING: &str = "Server=tcp:db.example,1444;Database=Shop;User ID=ada;Password=P;w;\
                          Encrypt=Strict;ApplicationIntent=ReadOnly;Connect Timeout=7";

    #[test]
    fn every_setting_that_a_string_may_say_is_one_of_ours() {
        let text = "Server=h;Database=d;User ID=u;Password=p;Encrypt=true;TrustServerCertificate=no;\
                    HostNameInCertificate=c;ApplicationIntent=ReadOnly;MultiSubnetFailover=yes;\
                    Packet Size=4096;Application Name=a;Connect Timeout=3;Max Pool Size=4";
        let read = ConnectionString::read(text).expect("a string");
        assert!(read.settings.len() >= 12, "{:?}", read.settings);
        for (key, text) in &read.settings {
            let s = settings::find(key).unwrap_or_else(|| panic!("{key}"));
            assert_eq!(s.check(text), Ok(()), "{key}");
        }
        assert!(keywords().count() > 60);
    }

    #[test]
    fn a_string_is_all_of_its_settings() {
        let string = STRING.replace("P;w", "'P;w'");
        let c = loaded(&[("MSSQL_CONNECTION_STRING", &string)], "").expect("valid");
        let server = c.server().expect("a server");
        assert_eq!((server.host.as_str(), server.port), ("db.example", Some(1444)));
        assert_eq!((c.get(database::USER), c.get(database::PASSWORD)), ("ada", "P;w"));
        assert_eq!(c.get(database::NAME), "Shop");
        assert_eq!(c.get(database::ENCRYPT), database::Encrypt::Strict);
        assert!(c.get(database::READ_INTENT));
        assert_eq!(c.get(pool::CONNECT_TIMEOUT).as_secs(), 7);
        assert!(!c.show().contains("P;w"), "{}", c.show());
    }

    #[test]
    fn what_is_set_beside_it_wins_and_what_is_set_below_it_does_not() {
        let file = "[database]\nhost = \"old\"\nport = 9999\nuser = \"old\"\npassword = \"old\"\n";
        let env =
            [("MSSQL_CONNECTION_STRING", "Server=new;User ID=ada"), ("MSSQL_PASSWORD", "own")];
        let c = loaded(&env, file).expect("valid");
        let server = c.server().expect("a server");
        assert_eq!((server.host.as_str(), server.port), ("new", None));
        assert_eq!((c.get(database::USER), c.get(database::PASSWORD)), ("ada", "own"));
        // A string without a login has none, whatever the file says.
        let c = loaded(&env[..1], file).expect_err("no password").to_string();
        assert!(c.contains("database.password is missing"), "{c}");
        let entra =
            [("MSSQL_CONNECTION_STRING", "Server=x;Authentication=Active Directory Default")];
        let c = loaded(&entra, file).expect("valid");
        assert_eq!((c.login(), c.get(database::USER)), (database::LoginKind::Entra, ""));
    }

    #[test]
    fn each_database_may_have_its_own() {
        let file = "[[server]]\nname = \"s\"\nhost = \"z\"\nuser = \"u\"\npassword = \"p\"\n\
                    encrypt = \"strict\"\n\
                    [[database]]\nname = \"one\"\nserver = \"s\"\nconnection = \"Server=a;Database=Real;UID=x;PWD=y\"\n\
                    [[database]]\nname = \"two\"\nserver = \"s\"\nhost = \"b\"\n";
        let c = loaded(&[], file).expect("valid");
        let all = c.databases();
        let of = |n: usize| {
            let c = &all[n].config;
            [c.get(database::HOST), c.get(database::USER), c.get(database::NAME)]
        };
        assert_eq!((of(0), of(1)), (["a", "x", "Real"], ["b", "u", "two"]));
        assert_eq!(all[0].config.get(database::ENCRYPT), database::Encrypt::Strict);
    }

    #[test]
    fn what_is_wrong_with_it_is_told_by_its_place_and_without_its_text() {
        let broken = [("MSSQL_CONNECTION_STRING", "Server=h;Passwort=S3cret!;MARS Connection=x")];
        let e = loaded(&broken, "").expect_err("wrong").to_string();
        assert!(e.contains("MSSQL_CONNECTION_STRING: ") && !e.contains("S3cret!"), "{e}");
        let noted =
            [("MSSQL_CONNECTION_STRING", "Server=h;UID=u;PWD=p;MultipleActiveResultSets=true")];
        let c = loaded(&noted, "").expect("valid");
        assert!(c.notes().iter().any(|w| w.contains("MultipleActiveResultSets")));
    }
}
