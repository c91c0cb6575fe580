//! A run of the suite against the fixtures.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mssql_mcp::app::App;
use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::http::{Listener, Shutdown};
use serde_json::Value;
use tokio::process::Command;

use super::center::Fixtures;
use super::tasks;
use crate::clients::{NODE, installed};
use crate::support::fixed;

/// Runs the suite against the server at this address. By name: one of its scenarios compares the
/// `Host` that it sends with that.
pub async fn suite(server: SocketAddr, arguments: &[&str]) -> Output {
    let mut c = Command::new(installed(NODE));
    c.arg(installed("node_modules/@modelcontextprotocol/conformance/dist/index.js"))
        .args(["server", "--url", &format!("http://localhost:{}/mcp", server.port())])
        .args(arguments)
        .current_dir(installed(""))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(600), c.output()).await.expect("in time").expect("run")
}

/// A run of the suite.
pub(super) struct Run<'r> {
    /// Which scenarios, in the suite's words.
    pub(super) arguments: &'r [&'r str],
    /// How many these are: a scenario that is not run is not green.
    pub(super) scenarios: usize,
    /// Those that are left out of account, by the beginning of their names.
    pub(super) but: &'r [&'r str],
}

impl Run<'_> {
    /// Runs it: every check of every scenario succeeds, where the suite does not skip it. A warning
    /// is no success.
    pub(super) async fn succeeds(self) {
        let (server, _stop) = serve().await;
        let folder = format!("mssql-mcp-conformance-{}-{}", std::process::id(), server.port());
        let results = std::env::temp_dir().join(folder);
        let mut arguments = vec!["-o", results.to_str().expect("path")];
        arguments.extend(self.arguments);
        let out = suite(server, &arguments).await;
        let (mut scenarios, mut wrong) = (0, Vec::new());
        for entry in std::fs::read_dir(&results).expect("results") {
            let of = entry.expect("an entry").path();
            let name = of.file_name().and_then(|n| n.to_str()).expect("a name");
            let name = name.trim_start_matches("server-");
            scenarios += 1;
            if !self.but.iter().any(|but| name.starts_with(but)) {
                wrong.extend(not_green(&of).into_iter().map(|w| format!("{name}: {w}")));
            }
        }
        let said = String::from_utf8_lossy(&out.stdout);
        let told = format!("{:?}:\n{}\n\n{said}", self.arguments, wrong.join("\n"));
        assert!(wrong.is_empty() && out.status.success(), "{told}");
        assert_eq!(scenarios, self.scenarios, "{told}");
        std::fs::remove_dir_all(results).expect("clean");
    }
}

/// The checks of a scenario that are not green.
fn not_green(of: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(of.join("checks.json")).expect("checks");
    let checks: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let fine = ["SUCCESS", "INFO", "SKIPPED"];
    let bad = checks.iter().filter(|c| !c["status"].as_str().is_some_and(|s| fine.contains(&s)));
    let mut all: Vec<String> =
        bad.map(|c| format!("{} {}: {}", c["id"], c["status"], c["errorMessage"])).collect();
    if !checks.iter().any(|c| c["status"] == "SUCCESS") {
        all.push("no check succeeded".into());
    }
    all
}

/// Serves the fixtures until the test ends.
async fn serve() -> (SocketAddr, Shutdown) {
    // No fixture asks the database, so none listens there.
    let settings = fixed(1, &[]);
    let config = Config::load(&Inputs { fixed: settings, ..Inputs::default() }).expect("config");
    let fixtures = Fixtures::default();
    let app = App::with_center(&config, fixtures.clone(), Arc::new(tasks::patience)).expect("app");
    fixtures.tell_to(app.changes());
    let listener = Listener::bind("127.0.0.1:0".parse().expect("address"), false).await;
    let listener = listener.expect("listener");
    let (address, stop) = (listener.address(), Shutdown::default());
    let s = stop.clone();
    tokio::spawn(async move { app.serve(listener, &config, s).await });
    (address, stop)
}
