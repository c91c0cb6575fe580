//! Variables that nobody reads. A misspelt one is an error, because what it was to set is not set;
//! one of our prefix that nobody knows is a warning. Silent are those that others put there: SQL
//! Server's own container image, and Kubernetes for each service of a namespace.

use std::collections::BTreeMap;

use super::setting::ValueKind;
use super::settings;

/// Read by others than the settings table.
const OURS: [&str; 8] = [
    // Of the build.
    "MSSQL_MCP_COMMIT",
    "MSSQL_MCP_CONFIG",
    "MSSQL_MCP_TOKEN",
    "MSSQL_MCP_TOKEN_FILE",
    "READ_ONLY_MODE",
    "ALLOW_UNAUTH_METHODS",
    "ALLOW_UNAUTH_TOOLS_CALL",
    "MSSQL_TEST_URL",
];

/// Of SQL Server's own image ("Configure SQL Server settings with environment variables on Linux").
const IMAGE: [&str; 31] = [
    "MSSQL_AGENT_ENABLED",
    "MSSQL_BACKUP_DIR",
    "MSSQL_CLOUD_ENV",
    "MSSQL_COLLATION",
    "MSSQL_COREDUMP_TYPE",
    "MSSQL_CUSTOMER_FEEDBACK",
    "MSSQL_DATA_DIR",
    "MSSQL_DTC_TCP_PORT",
    "MSSQL_DUMP_DIR",
    "MSSQL_ENABLE_HADR",
    "MSSQL_ERROR_LOG_FILE",
    "MSSQL_IP_ADDRESS",
    "MSSQL_LCID",
    "MSSQL_LOG_DIR",
    "MSSQL_MASTER_DATA_FILE",
    "MSSQL_MASTER_LOG_FILE",
    "MSSQL_MEMORY_LIMIT_MB",
    "MSSQL_PID",
    "MSSQL_RPC_PORT",
    "MSSQL_SA_PASSWORD",
    "MSSQL_TCP_PORT",
    "MSSQL_TELEMETRY_ENABLED",
    "MSSQL_TELEMETRY_USER_REQUESTED_LOCAL_AUDIT_DIRECTORY",
    "MSSQL_TEST_ENCRYPT",
    "MSSQL_TLS_CERT",
    "MSSQL_TLS_KEY",
    "MSSQL_TLS_PROTOCOLS",
    "MSSQL_TLS_CIPHERS",
    "MSSQL_TRACE_FLAGS",
    "MSSQL_USER_SETUP_DIR",
    "MSSQL_VERSION",
];

/// The old names that are not `MSSQL_…` and that nobody else has.
const OLD: [&str; 6] = [
    "TRUSTSERVERCERTIFICATE",
    "TRUSTED_CONNECTION",
    "READ_ONLY_MODE",
    "ALLOWED_REDIRECT_HOSTS",
    "ALLOW_UNAUTH_METHODS",
    "ALLOW_UNAUTH_TOOLS_CALL",
];
/// Those that others have, too: what is near them is theirs as likely as not.
const COMMON: [&str; 2] = ["LOG_LEVEL", "LOG_FORMAT"];

/// Of a service in the same namespace (`enableServiceLinks`): `X_SERVICE_HOST`,
/// `X_SERVICE_PORT_NAME`, `X_PORT`, `X_PORT_1433_TCP_ADDR`. A setting of ours may be called like
/// one; what is in it tells.
pub(super) fn of_a_service(name: &str, value: &str) -> bool {
    let link =
        |v: &str| v.starts_with("tcp://") || v.starts_with("udp://") || v.starts_with("sctp://");
    if name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || link(value) {
        return true;
    }
    name.rsplit_once("_PORT_").is_some_and(|(_, rest)| {
        let mut parts = rest.split('_');
        let number =
            parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        number && parts.next().is_some_and(|p| ["TCP", "UDP", "SCTP"].contains(&p))
    })
}

fn known() -> Vec<String> {
    let mut all: Vec<String> = OURS.iter().map(|o| (*o).to_owned()).collect();
    for s in settings::all() {
        for name in s.env.iter().map(|n| (*n).to_owned()).chain([s.own_env()]) {
            if s.kind == ValueKind::Secret {
                all.push(format!("{name}_FILE"));
            }
            all.push(name);
        }
    }
    all
}

/// Errors and warnings of the variables that are set.
pub(super) fn strays(env: &BTreeMap<String, String>) -> (Vec<String>, Vec<String>) {
    let known = known();
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let near = |upper: &str, of: &[&str]| {
        let far = |o: &&str| strsim::damerau_levenshtein(o, upper);
        of.iter()
            .map(|o| (far(o), *o))
            .min()
            .filter(|(d, o)| *d > 0 && *d <= 2 && d * 4 <= o.len())
            .map(|(_, o)| o.to_owned())
    };
    let told = |name: &str| format!("{name}: nobody knows this variable");
    for (name, value) in env {
        let upper = name.to_ascii_uppercase();
        let others = IMAGE.contains(&name.as_str()) || of_a_service(name, value);
        if known.contains(name) || others {
            continue;
        }
        let ours = upper.starts_with("MSSQL_");
        // What may be set apart by two letters may be another thing by right; a short name has
        // no room for that.
        let close = known
            .iter()
            .filter(|k| ours == k.to_ascii_uppercase().starts_with("MSSQL_"))
            .map(|k| (strsim::damerau_levenshtein(&k.to_ascii_uppercase(), &upper), k))
            .min()
            .filter(|(d, k)| *d <= 2 && d * 4 <= k.len());
        match close {
            Some((_, k))
                if ours || near(&upper, &OLD).is_some() || OLD.contains(&upper.as_str()) =>
            {
                errors.push(format!("{}; did you mean {k}?", told(name)));
            }
            _ if ours => {
                let like = |k: &&String| {
                    (strsim::jaro_winkler(&k.to_ascii_uppercase(), &upper) * 1000.0) as u32
                };
                let nearest = known
                    .iter()
                    .filter(|k| !OURS.contains(&k.as_str()) && k.starts_with("MSSQL"))
                    .max_by_key(like);
                warnings.extend(nearest.map(|k| format!("{}; the nearest is {k}", told(name))));
            }
            _ => warnings.extend(
                near(&upper, &COMMON).map(|k| format!("{}; the nearest is {k}", told(name))),
            ),
        }
    }
    (errors, warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &str) -> (usize, usize) {
        let (e, w) = strays(&[(name.to_owned(), value.to_owned())].into());
        (e.len(), w.len())
    }

    #[test]
    fn near_misses_are_errors_strangers_warnings_and_others_silent() {
        for name in [
            "MSSQL_MCP_AUDIT_DR",
            "MSSQL_PASWORD",
            "MSSQL_PASSWORD_FLE",
            "mssql_host",
            "TrustServerCertficate",
            "MSSQL_MCP_ACESS",
            "MSSQL_QUERY_TIMOUT",
        ] {
            assert_eq!(of(name, "x"), (1, 0), "{name}");
        }
        for name in [
            "MSSQL_MCP_FROBNICATE",
            "MSSQL_SOMETHING_ELSE",
            "MSSQL_MCP_HTTP_COLOUR",
            "MSSQL_DB",
            "LOG_LEVL",
        ] {
            assert_eq!(of(name, "x"), (0, 1), "{name}");
        }
        for (name, value) in [
            ("MSSQL_PASSWORD", "x"),
            ("MSSQL_PASSWORD_FILE", "x"),
            ("MSSQL_MCP_AUDIT_DIR", "x"),
            ("MSSQL_SA_PASSWORD", "x"),
            ("MSSQL_PID", "Express"),
            ("MSSQL_SERVICE_HOST", "10.0.0.1"),
            ("MSSQL_SERVICE_PORT_TDS", "1433"),
            ("MSSQL_PORT", "tcp://10.0.0.1:1433"),
            ("MSSQL_MCP_PORT", "tcp://10.0.0.2:8008"),
            ("MSSQL_MCP_PORT_8008_TCP_ADDR", "10.0.0.2"),
            ("MSSQL_MCP_PORT_8008_TCP", "tcp://10.0.0.2:8008"),
            ("LOGLEVELS_OF", "x"),
            ("PATH", "x"),
        ] {
            assert_eq!(of(name, value), (0, 0), "{name}");
        }
    }
}
