//! What a client starts: a binary, or what fetches this program and starts it; and how either is
//! recognised in a file.

use serde_json::Value;

use crate::entry::Entry;
use crate::place::Os;
use crate::shape::is_env;

/// The package of this program in the registries of npm and PyPI. The binary's own name is
/// somebody else's there.
pub const PACKAGE: &str = "mssql-mcp-rs";

/// What an entry starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launch {
    /// A binary, by its whole path.
    Binary(String),
    /// The package of npm.
    Npx,
    /// The package of PyPI.
    Uvx,
    /// A container.
    Docker {
        /// The image's name.
        image: String,
        /// Files that it reads: it finds each under the same path.
        files: Vec<String>,
        /// The user and the group that may read them, where that is not left to the image.
        user: Option<(u32, u32)>,
    },
}

impl Launch {
    /// The entry that starts the server so on this system, in this version, with these arguments
    /// and variables. A container is handed a variable by its name: the value stays out of the
    /// list of processes.
    #[must_use]
    pub fn entry(
        &self,
        os: Os,
        version: &str,
        args: Vec<String>,
        env: Vec<(String, String)>,
    ) -> Entry {
        let package = format!("{PACKAGE}@{version}");
        let (command, mut first): (&str, Vec<String>) = match self {
            Launch::Binary(path) => (path, Vec::new()),
            // There npx is a script, which only a shell starts.
            Launch::Npx if os == Os::Windows => {
                ("cmd", vec!["/c".into(), "npx".into(), "-y".into(), package])
            }
            Launch::Npx => ("npx", vec!["-y".into(), package]),
            Launch::Uvx => ("uvx", vec![package]),
            Launch::Docker { image, files, user } => {
                let mut line: Vec<String> =
                    ["run", "-i", "--rm"].map(str::to_owned).into_iter().collect();
                line.push(label());
                // Elsewhere Docker has that name by itself.
                if os == Os::Linux {
                    line.push("--add-host=host.docker.internal:host-gateway".into());
                }
                if let Some((user, group)) = user {
                    line.push(format!("--user={user}:{group}"));
                }
                for (name, _) in &env {
                    line.extend(["-e".to_owned(), name.clone()]);
                }
                for file in files {
                    line.push(format!("--mount=type=bind,source={file},target={file},readonly"));
                }
                line.push(image.clone());
                ("docker", line)
            }
        };
        first.extend(args);
        Entry::Stdio { command: command.to_owned(), args: first, env }
    }
}

/// By which a container is known as ours, whatever its image is called.
fn label() -> String {
    format!("--label={PACKAGE}")
}

/// The program that has to be on `PATH` for an entry to start, if it is there by its name alone.
#[must_use]
pub fn on_path(entry: &Entry) -> Option<&str> {
    let Entry::Stdio { command, args, .. } = entry else { return None };
    let program = match (command.as_str(), args.as_slice()) {
        ("cmd", [_, program, ..]) => program,
        _ => command,
    };
    Some(program.as_str()).filter(|p| !p.contains(['/', '\\']))
}

/// The program and its arguments of what stands in a file, in whatever shape.
fn command_line(there: &Value) -> Vec<String> {
    let words = |v: Option<&Value>| -> Vec<String> {
        match v {
            Some(Value::String(s)) => vec![s.clone()],
            Some(Value::Array(all)) => {
                all.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        }
    };
    let mut line = words(there.get("command").or_else(|| there.get("cmd")));
    line.extend(words(there.get("args")));
    line
}

/// What a client starts by what stands in its file; nothing where that is an address.
pub(crate) fn started(there: &Value) -> Option<Entry> {
    let line = command_line(there);
    let (command, args) = line.split_first()?;
    let variables = there.as_object()?.iter().filter(|(key, _)| is_env(key));
    let variables = variables.filter_map(|(_, v)| v.as_object()).flatten();
    let env = variables.filter_map(|(name, v)| Some((name.clone(), v.as_str()?.to_owned())));
    Some(Entry::Stdio { command: command.clone(), args: args.to_vec(), env: env.collect() })
}

/// Whether what stands in a file starts this program.
pub(crate) fn is_ours(there: &Value) -> bool {
    let line = command_line(there);
    let Some((program, args)) = line.split_first() else { return false };
    let file = program.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let file = file.strip_suffix(".exe").or_else(|| file.strip_suffix(".cmd")).unwrap_or(&file);
    match file {
        "mssql-mcp" => true,
        "npx" | "uvx" | "cmd" => {
            args.iter().any(|w| w.split('@').next().is_some_and(|w| w == PACKAGE))
        }
        "docker" | "podman" => args.contains(&label()) || runs_our_image(args),
        _ => false,
    }
}

/// Whether an image of the program's name is run as a server over stdio, as docs/install.md has it.
fn runs_our_image(args: &[String]) -> bool {
    args.windows(2).any(|two| {
        let name = two[0].rsplit('/').next().unwrap_or_default();
        let name = name.split([':', '@']).next().unwrap_or_default();
        name == "mssql-mcp" && ["stdio", "demo"].contains(&two[1].as_str())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(launch: &Launch, os: Os) -> Entry {
        let env = vec![("MSSQL_HOST".to_owned(), "db".to_owned())];
        launch.entry(os, "1.2.3", vec!["stdio".into()], env)
    }

    /// The program and its arguments, as one line.
    fn line(launch: &Launch, os: Os) -> String {
        match entry(launch, os) {
            Entry::Stdio { command, args, .. } => format!("{command} {}", args.join(" ")),
            Entry::Remote { url } => url,
        }
    }

    fn docker() -> Launch {
        Launch::Docker {
            image: "registry.example.com/sql:1".into(),
            files: vec!["/run/secrets/my sql".into()],
            user: Some((1000, 100)),
        }
    }

    #[test]
    fn each_way_is_written_as_its_system_starts_it() {
        assert_eq!(line(&Launch::Npx, Os::MacOs), "npx -y mssql-mcp-rs@1.2.3 stdio");
        assert_eq!(line(&Launch::Npx, Os::Windows), "cmd /c npx -y mssql-mcp-rs@1.2.3 stdio");
        assert_eq!(line(&Launch::Uvx, Os::Windows), "uvx mssql-mcp-rs@1.2.3 stdio");
        assert_eq!(line(&Launch::Binary("/x/mssql-mcp".into()), Os::Linux), "/x/mssql-mcp stdio");
        assert_eq!(
            line(&docker(), Os::Linux),
            "docker run -i --rm --label=mssql-mcp-rs \
             --add-host=host.docker.internal:host-gateway --user=1000:100 -e MSSQL_HOST \
             --mount=type=bind,source=/run/secrets/my sql,target=/run/secrets/my sql,readonly \
             registry.example.com/sql:1 stdio"
        );
        assert!(!line(&docker(), Os::MacOs).contains("--add-host"));
    }

    #[test]
    fn what_has_to_be_on_the_path_is_the_program_that_fetches() {
        for (launch, os, program) in [
            (Launch::Npx, Os::Linux, Some("npx")),
            (Launch::Npx, Os::Windows, Some("npx")),
            (Launch::Uvx, Os::Linux, Some("uvx")),
            (docker(), Os::Linux, Some("docker")),
            (Launch::Binary("/x/mssql-mcp".into()), Os::Linux, None),
            (Launch::Binary(r"C:\x\mssql-mcp.exe".into()), Os::Windows, None),
        ] {
            assert_eq!(on_path(&entry(&launch, os)), program, "{launch:?}");
        }
    }

    #[test]
    fn our_program_is_known_by_its_file_its_package_or_its_label() {
        for ours in [
            json!({ "command": "/usr/bin/mssql-mcp" }),
            json!({ "command": r"C:\Tools\MSSQL-MCP.exe", "args": ["stdio"] }),
            json!({ "command": ["mssql-mcp", "stdio"] }),
            json!({ "command": "/usr/bin/docker", "args": ["run", "-i", "--rm", "ghcr.io/o/mssql-mcp:1", "stdio"] }),
        ] {
            assert!(is_ours(&ours), "{ours}");
        }
        for launch in [Launch::Npx, Launch::Uvx, docker(), Launch::Binary("/b/mssql-mcp".into())] {
            for os in [Os::Linux, Os::MacOs, Os::Windows] {
                let Entry::Stdio { command, args, .. } = entry(&launch, os) else { continue };
                assert!(is_ours(&json!({ "command": command, "args": args })), "{launch:?}");
                let one: Vec<&String> = std::iter::once(&command).chain(&args).collect();
                assert!(is_ours(&json!({ "command": one })), "{launch:?}");
            }
        }
        for other in [
            json!({ "command": "npx", "args": ["-y", "mssql-mcp"] }),
            json!({ "command": "uvx", "args": ["mssql-mcp@1.2.3", "stdio"] }),
            json!({ "command": "cmd", "args": ["/c", "npx", "-y", "mssql-mcp", "stdio"] }),
            json!({ "command": "docker", "args": ["run", "-i", "--rm", "-e", "MSSQL_HOST", "other/sql", "stdio"] }),
            json!({ "command": "docker", "args": ["run", "-i", "mssql-mcp-server", "stdio"] }),
            json!({ "command": "/usr/bin/mssql-mcp-server" }),
            json!({ "url": "https://mcp.example.com/mcp" }),
            json!(null),
        ] {
            assert!(!is_ours(&other), "{other}");
        }
    }
}
