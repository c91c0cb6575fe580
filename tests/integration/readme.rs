//! README and guides as a new user tries them: every command block of a page runs, in order, in one
//! shell in a clean folder, with the built binary in place of `cargo run --release --`. Before a
//! block may stand why it does not run (`<!-- not run: … -->`), or with which status it ends (`<!--
//! exits with 3, because … -->`). Servers are ended by the next one, as by Ctrl-C, and at the end.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mssql_mcp_sandbox::{Options, PASSWORD, Sandbox};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{PATIENCE, command, free, signal};
use crate::terminal::path;

/// What a person does at the keyboard, and what they wait for. `serve`, `demo` and `sandbox` stay
/// in the background until the next of them.
const SHELL: &str = r#"
set -euo pipefail
server=
stop() { if [ -n "$server" ]; then kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; server=; fi; }
trap stop EXIT
mssql-mcp() {
    case "$1 $* " in
    *" --stdio "* | "stdio "*) command mssql-mcp "$@" < /dev/null ;;
    "demo "* | "serve "* | "sandbox "*)
        stop
        command mssql-mcp "$@" > server.log 2>&1 &
        server=$!
        # Until somebody listens, and while it lives.
        until [ "$1" = sandbox ] && grep -q speaks server.log || command mssql-mcp health > /dev/null 2>&1; do
            kill -0 "$server" 2> /dev/null || { cat server.log; return 1; }
            sleep 0.05
        done ;;
    "user user add "* | "user user passwd "*) command mssql-mcp "$@" <<< "correct horse battery" ;;
    *) command mssql-mcp "$@" ;;
    esac
}
"#;

struct Block {
    line: usize,
    language: String,
    text: String,
    /// The comment before it.
    note: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and the guides.
fn pages() -> Vec<PathBuf> {
    let docs =
        std::fs::read_dir(root().join("docs")).expect("docs").map(|e| e.expect("entry").path());
    let mut all: Vec<PathBuf> = docs.filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    all.sort();
    all.insert(0, root().join("README.md"));
    all
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut out, mut note, mut open) = (Vec::<Block>::new(), None, false);
    for (n, line) in page.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(_), true) => open = false,
            (Some(language), false) => {
                open = true;
                out.push(Block {
                    line: n + 1,
                    language: language.trim().to_owned(),
                    text: String::new(),
                    note: note.take(),
                });
            }
            (None, true) => out.last_mut().expect("a block").text += &format!("{line}\n"),
            (None, false) => {
                let comment = line.trim().strip_prefix("<!--").and_then(|l| l.strip_suffix("-->"));
                if comment.is_some() || !line.trim().is_empty() {
                    note = comment.map(|c| c.trim().to_owned());
                }
            }
        }
    }
    assert!(!open, "a block has no end");
    out
}

/// The commands of a block; None if it says why it does not run.
fn commands(name: &str, b: &Block) -> Option<(String, u8)> {
    let at = format!("{name}:{}", b.line);
    let reason = b.note.as_deref().and_then(|n| n.strip_prefix("not run:"));
    if let Some(reason) = reason {
        assert!(reason.trim().len() > 10, "{at}: why is it not run?");
        return None;
    }
    let status = b.note.as_deref().and_then(|n| n.strip_prefix("exits with "));
    let status = status.map(|s| s.split(',').next().unwrap_or(s));
    let status = status
        .map_or(0, |s| s.parse().unwrap_or_else(|_| panic!("{at}: \"{s}\" is no exit status")));
    let text: Vec<&str> = match b.language.as_str() {
        "console" => b.text.lines().filter_map(|l| l.strip_prefix("$ ")).collect(),
        _ => b.text.lines().collect(),
    };
    Some((text.join("\n").replace("cargo run --release --", "mssql-mcp"), status))
}

async fn tried(page: &Path, sandbox: &Sandbox, ca: &Path) -> usize {
    let name = page.file_name().expect("name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(page).expect("page");
    let mut script = SHELL.to_owned();
    let mut n = 0;
    for b in blocks(&text) {
        let looks =
            |l: &str| l.starts_with("$ ") || l.starts_with("mssql-mcp ") || l.starts_with("cargo ");
        assert!(
            !(b.language.is_empty() && b.text.lines().any(looks)),
            "{name}:{}: say that it is sh",
            b.line
        );
        if !["sh", "bash", "shell", "console"].contains(&b.language.as_str()) {
            continue;
        }
        let Some((block, status)) = commands(&name, &b) else { continue };
        n += 1;
        script += &format!("echo '== {name}:{}'\n", b.line);
        script += &match status {
            0 => format!("{block}\n"),
            s => format!(
                "status=0\n{{\n{block}\n}} || status=$?\n[ $status = {s} ] || {{ echo \"ended \
                 with $status\"; exit 1; }}\n"
            ),
        };
    }
    // Where a page says "yours", there is a database here; and other ports, so that two
    // runs do not meet.
    let (http, admin) = (free().port().to_string(), free().port().to_string());
    for (there, here) in [
        ("db.example.com", "127.0.0.1"),
        ("MSSQL_USER=reader", "MSSQL_USER=sandbox"),
        ("MSSQL_PASSWORD='…'", &format!("MSSQL_PASSWORD='{PASSWORD}'")),
        ("MSSQL_DATABASE=Sales", "MSSQL_DATABASE=trading"),
        ("8008", &http),
        ("9464", &admin),
    ] {
        script = script.replace(there, here);
    }
    let dir = std::env::temp_dir().join(format!("mssql-mcp-{}-{name}", std::process::id()));
    let home = dir.join("home");
    std::fs::create_dir_all(&home).expect("folder");
    let mut shell = Command::new("bash");
    // Nothing of this machine's, but what finds programs.
    shell
        .env_clear()
        .env("PATH", path())
        .env("HOME", &home)
        .env("LANG", "C.UTF-8")
        .current_dir(&dir);
    shell.envs([
        ("MSSQL_MCP_LISTEN", format!("127.0.0.1:{http}")),
        ("MSSQL_PORT", sandbox.address().port().to_string()),
    ]);
    shell
        .env("MSSQL_CA_FILE", ca)
        .args(["--norc", "-c", &script])
        .process_group(0)
        .kill_on_drop(true);
    let child = shell
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash");
    let group = child.id().expect("an id");
    let out = match tokio::time::timeout(Duration::from_secs(600), child.wait_with_output()).await {
        Ok(out) => out.expect("run"),
        Err(_) => {
            signal("-KILL", group);
            panic!("{name} does not end:\n{script}");
        }
    };
    let said =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{name}: {:?}\n{said}", out.status);
    std::fs::remove_dir_all(dir).expect("clean");
    n
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_readme_and_guides_runs_or_says_why_not() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let ca = std::env::temp_dir().join(format!("mssql-mcp-readme-{}.pem", std::process::id()));
    std::fs::write(&ca, sandbox.certificate()).expect("certificate");
    let mut ran = Vec::new();
    for page in pages() {
        ran.push((page.clone(), tried(&page, &sandbox, &ca).await));
    }
    assert!(ran[0].1 >= 8, "README's own commands run: {ran:?}");
    std::fs::remove_file(ca).expect("clean");
}

#[test]
fn a_block_without_a_reason_is_run() {
    let page = "a\n<!-- not run: it needs a name in DNS \
                -->\n```sh\nfalse\n```\n\n```sh\nfalse\n```\n<!-- exits with 3, because \
                -->\n\n```console\n$ x\nout\n```\n```toml\na=1\n```\n";
    let all: Vec<_> = blocks(page).iter().map(|b| (b.language.clone(), commands("p", b))).collect();
    assert_eq!(all[0], ("sh".into(), None));
    assert_eq!(all[1], ("sh".into(), Some(("false".into(), 0))));
    assert_eq!(all[2], ("console".into(), Some(("x".into(), 3))));
    assert_eq!(all[3].0, "toml");
}

/// The configuration that pages show is one: the keys are known, and what belongs together does.
#[tokio::test(flavor = "multi_thread")]
async fn every_configuration_of_readme_and_guides_is_read() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-toml-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let (file, secret) = (dir.join("c.toml"), dir.join("secret"));
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").expect("file");
    let mut n = 0;
    for page in pages() {
        for b in blocks(&std::fs::read_to_string(&page).expect("page"))
            .iter()
            // What people know of a database, and files of clients, are read where that is tested.
            .filter(|b| b.language == "toml")
            .filter(|b| !matches!(b.note.as_deref(), Some("knowledge" | "a client's file")))
        {
            let secrets = b.text.split('"').map(|w| {
                if w.starts_with("/run/secrets/") { secret.to_str().expect("path") } else { w }
            });
            std::fs::write(&file, secrets.collect::<Vec<_>>().join("\"")).expect("file");
            let mut c = command(&["config", "--config", file.to_str().expect("path")]);
            let out = c.env("MSSQL_HOST", "main").output().await.expect("run");
            let said = String::from_utf8_lossy(&out.stderr);
            // A build without a feature reads what it is for, and says that alone; and one with a
            // key store may find none that runs, or nothing in it.
            let lacks =
                b.note.as_deref().and_then(|n| n.strip_prefix("feature ")).is_some_and(|f| {
                    let why =
                        [&format!("--features {f}"), "no key store runs here", "has no secret"];
                    said.contains("has 1 error:") && why.iter().any(|w| said.contains(*w))
                });
            assert!(out.status.success() || lacks, "{}:{}: {said}", page.display(), b.line);
            n += 1;
        }
    }
    assert!(n >= 5, "{n}");
    std::fs::remove_dir_all(dir).expect("clean");
}

#[test]
fn what_readme_says_one_needs_is_what_cargo_says() {
    let cargo = std::fs::read_to_string(root().join("Cargo.toml")).expect("file");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("file");
    let rust = cargo
        .lines()
        .find_map(|l| l.strip_prefix("rust-version = \"")?.strip_suffix('"'))
        .expect("rust-version");
    assert!(readme.contains(&format!("Rust {rust} or newer")), "README names Rust {rust}");
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(root().join(name).is_file() && readme.contains(name), "{name}");
    }
    assert!(cargo.contains("license = \"MIT OR Apache-2.0\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_that_demo_prints_run_as_they_stand() {
    let port = free().port().to_string();
    let mut demo = command(&["demo", "--port", &port]).stderr(Stdio::null()).spawn().expect("demo");
    let mut lines = BufReader::new(demo.stdout.take().expect("stdout")).lines();
    let mut welcome = String::new();
    while let Some(line) =
        tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("read")
    {
        welcome += &format!("{line}\n");
        if line.starts_with("Ctrl-C") {
            break;
        }
    }
    // From a heading to the next empty line.
    let below = |heading: &str| {
        let from =
            welcome.find(heading).unwrap_or_else(|| panic!("{heading} is not in\n{welcome}"))
                + heading.len();
        welcome[from..].split("\n\n").next().unwrap_or("").to_owned()
    };
    for (heading, part) in [
        ("Ask it from another terminal:\n", "Employees"),
        ("Try it with curl:\n", "\"row_count\":3"),
    ] {
        let out = Command::new("bash")
            .args(["--norc", "-c", &below(heading)])
            .output()
            .await
            .expect("bash");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success() && said.contains(part),
            "{heading}{said}{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    for heading in
        ["Claude Desktop (claude_desktop_config.json):\n", "VS Code (.vscode/mcp.json):\n"]
    {
        serde_json::from_str::<serde_json::Value>(&below(heading)).expect("JSON");
    }
}
