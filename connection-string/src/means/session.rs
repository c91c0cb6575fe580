//! What a session asks for, and the pool around it: `database.read_intent`,
//! `.multi_subnet_failover`, `.application_name`, `.packet_size`, `.spn`, `pool.*`.

use crate::given::Given;
use crate::keywords::Means;

/// What `pool.max_size` takes at most.
const MOST_CONNECTIONS: u32 = 1000;

/// In seconds; whoever writes more thinks in milliseconds.
const LONGEST_CONNECT: u32 = 3600;

/// `sysname` has so many characters, and `program_name` is one.
const LONGEST_NAME: usize = 128;

pub(super) fn set(given: &mut Given) {
    intent(given);
    given.set_flag(Means::MultiSubnet, "database.multi_subnet_failover");
    if let Some(pair) = given.take(Means::ApplicationName) {
        if pair.value.trim().chars().count() > LONGEST_NAME {
            let name = pair.key.trim();
            given
                .problem(format!("{name}: it has more than {LONGEST_NAME} characters: shorten it"));
        } else {
            given.set_text("database.application_name", &pair);
        }
    }
    // MS-TDS 2.2.6.4 has the range.
    if let Some(pair) = given.take(Means::PacketSize)
        && let Some(size) = given.number(&pair, 512, 32767, " bytes")
    {
        given.set("database.packet_size", size.to_string());
    }
    if let Some(pair) = given.take(Means::Spn) {
        given.set_text("database.spn", &pair);
    }
    if let Some(pair) = given.take(Means::ConnectTimeout)
        && let Some(seconds) = given.number(&pair, 0, i32::MAX.unsigned_abs(), " seconds")
    {
        if seconds == 0 || seconds > LONGEST_CONNECT {
            given.note(
                pair.key.trim(),
                "neither 0, which waits for ever, nor more than an hour is taken; pool.connect_timeout \
                 stays as it is",
            );
        } else {
            given.set("pool.connect_timeout", format!("{seconds}s"));
        }
    }
    if let Some(pair) = given.take(Means::MaxPool)
        && let Some(size) = given.number(&pair, 1, i32::MAX.unsigned_abs(), "")
    {
        if size > MOST_CONNECTIONS {
            given.note(pair.key.trim(), "pool.max_size takes 1000 at most, so it is 1000");
        }
        given.set("pool.max_size", size.min(MOST_CONNECTIONS).to_string());
    }
}

fn intent(given: &mut Given) {
    let Some(pair) = given.take(Means::Intent) else { return };
    let key = pair.key.trim();
    match pair.value.trim().to_ascii_lowercase().as_str() {
        "readonly" => {
            given.set("database.read_intent", "yes");
            if given.setting("database.name").is_none() {
                given.note(
                    key,
                    "no database is named, and without one nobody is routed to a secondary",
                );
            }
        }
        "readwrite" => given.set("database.read_intent", "no"),
        _ => given.problem(format!("{key}: it takes ReadOnly or ReadWrite")),
    }
}
