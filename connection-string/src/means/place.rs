//! Where the server is, and what is not reached at all: `database.host`, `.port`, `.instance`,
//! `.name`.

use crate::address::{self, Address};
use crate::form::{Form, Scheme};
use crate::given::Given;
use crate::keywords::{Means, find};
use crate::values::boolean;

pub(super) fn set(given: &mut Given) {
    elsewhere(given);
    server(given);
    if let Some(pair) = given.take(Means::Database) {
        given.set_text("database.name", &pair);
        if pair.key == "database" && pair.key_at.is_empty() && given.scheme == Scheme::SqlServer {
            given.note(
                "path",
                "it is read as the database; go-mssqldb reads it as the instance: for one, write \
                 ?instanceName=NAME or name the database as ?database=NAME",
            );
        }
    } else if given.form == Form::Url && given.scheme == Scheme::SqlAlchemy {
        given.note(
            "path",
            "no database is named, so SQLAlchemy would take the host as the name of a DSN; here it is \
             the host",
        );
    }
}

/// What would lead to another place, or only within SQL Server.
fn elsewhere(given: &mut Given) {
    for means in [Means::ContextConnection, Means::UserInstance, Means::ColumnEncryption] {
        let Some(pair) = given.take(means) else { continue };
        let key = pair.key.trim();
        let off = pair.value.trim().eq_ignore_ascii_case("disabled")
            || boolean(given, &pair.value) == Some(false);
        if off {
            given.note(key, "it is off, as always here");
        } else if let Some(known) = find(key) {
            given.problem(format!("{key}: {}", known.what));
        }
    }
    if let Some(pair) = given.take(Means::Library) {
        let key = pair.key.trim();
        let library = pair.value.trim().to_ascii_lowercase();
        match library.as_str() {
            "dbmssocn" | "dbnetlib" | "tcp" => given.note(key, "TCP is always spoken here"),
            _ => given.problem(format!("{key}: only TCP is spoken here: leave it out")),
        }
    }
    if let Some(pair) = given.take(Means::Dsn) {
        let key = pair.key.trim();
        if given.has(Means::Server) {
            given.note(key, "a DSN is kept by the ODBC driver manager, which is not here");
        } else if let Some(known) = find(key) {
            // The server is missing for this one reason.
            given.problem(format!("{key}: {}", known.what));
        }
    }
}

fn server(given: &mut Given) {
    let port = given.take(Means::Port);
    let own_instance = given.take(Means::Instance);
    let (key, text) = match given.take(Means::Server) {
        Some(pair) => (pair.key.trim().to_owned(), pair.value),
        // JDBC and go-mssqldb take this machine; the others have no server then.
        None if matches!(given.form, Form::Jdbc | Form::Url) => {
            given.note("server", "none is named, so it is localhost");
            ("server".to_owned(), "localhost".to_owned())
        }
        None => {
            // Without a DSN, whose problem says it already.
            if given.problems.is_empty() {
                given.problem("Server: none is named: write Server=HOST or Server=HOST,PORT");
            }
            return;
        }
    };
    let address = match Address::read(&text) {
        Ok(address) => address,
        Err(why) => return given.problem(format!("{key}: {why}")),
    };
    let mut instance = address.instance;
    if let Some(own) = &own_instance {
        match address::instance(&own.value) {
            Ok(own) => instance = own.or(instance),
            Err(why) => return given.problem(format!("{}: {why}", own.key.trim())),
        }
    }
    let mut number = address.port;
    if let Some(port) = &port {
        let name = port.key.trim();
        match address::port(&port.value) {
            Ok(_) if number.is_some() => {
                given.note(name, "the port behind the server's comma counts")
            }
            Ok(n) => {
                number = Some(n);
                if given.form == Form::AdoNet || given.form == Form::Odbc {
                    let what = format!(
                        "taken, though Microsoft's driver for {} does not know it",
                        given.form
                    );
                    given.note(name, &what);
                }
            }
            Err(why) => return given.problem(format!("{name}: {why}")),
        }
    }
    given.set("database.host", address.host);
    // tedious and dbhub drop the port where an instance is named; all others drop the instance.
    let instance_wins =
        given.form == Form::Url && own_instance.is_some_and(|p| !p.key_at.is_empty());
    match (number, instance) {
        (Some(_), Some(instance)) if instance_wins => {
            given.note("port", "it is dropped, since an instance is named, as dbhub does");
            given.set("database.instance", instance);
        }
        (Some(number), instance) => {
            given.set("database.port", number.to_string());
            if instance.is_some() {
                given.note(&key, "the port counts, and the instance is not looked for");
            }
        }
        (None, Some(instance)) => given.set("database.instance", instance),
        (None, None) => {}
    }
}
