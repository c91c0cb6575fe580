//! `install`: the files of clients in a home that is made for the test, and the terminal.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{binary, command};
use crate::terminal::in_terminal;

/// A home of its own, with nothing in it.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("mssql-mcp-install-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("work")).expect("folder");
        Home(dir)
    }

    /// A file below it, with its folder.
    fn file(&self, path: &str, text: &str) -> PathBuf {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().expect("folder")).expect("folder");
        fs::write(&file, text).expect("write");
        file
    }

    /// `mssql-mcp install …` in it: status, stdout, stderr.
    async fn install(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut c = command(&[&["install"], args].concat());
        c.env("HOME", &self.0)
            .env("PATH", "/nowhere")
            .env_remove("XDG_CONFIG_HOME")
            .env("MSSQL_PASSWORD", "hunter2")
            .current_dir(self.0.join("work"))
            .stdin(std::process::Stdio::null());
        let out = c.output().await.expect("run");
        let text = |b| String::from_utf8(b).expect("UTF-8");
        let (out, err, status) = (text(out.stdout), text(out.stderr), out.status.code());
        assert!(!out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
        (status, out, err)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const CURSOR: &str =
    "// mine\n{\n  \"mcpServers\": {\n    \"docs\": { \"command\": \"docs\" } // here\n  }\n}\n";

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("file")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let home = Home::new("dry");
    let file = home.file(".cursor/mcp.json", CURSOR);
    let (status, out, err) = home.install(&["--client", "cursor", "--dry-run"]).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains("would be added") && out.contains("\n+    \"mssql\": {\n"), "{out}");
    assert_eq!(read(&file), CURSOR);
    assert_eq!(fs::read_dir(home.0.join(".cursor")).expect("folder").count(), 1);
    // What is not there is not made either.
    let (status, ..) = home.install(&["--client", "kiro", "--dry-run"]).await;
    assert_eq!((status, home.0.join(".kiro").exists()), (Some(0), false));
}

#[cfg(feature = "sandbox")]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_started_and_a_second_time_changes_nothing() {
    let home = Home::new("demo");
    let file = home.file(".cursor/mcp.json", CURSOR);
    let args = ["--client", "cursor", "--demo"];
    let (status, out, err) = home.install(&args).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains(": added; then ") && out.contains("\nok, 5 tools\n"), "{out}{err}");
    let text = read(&file);
    assert!(text.contains("\"docs\": { \"command\": \"docs\" }, // here\n"), "{text}");
    let entry: Value = text
        .split_once("\"mssql\":")
        .and_then(|(_, rest)| serde_json::from_str(rest.rsplitn(3, '}').last()?).ok())
        .unwrap_or_else(|| panic!("{text}"));
    let program = binary().canonicalize().expect("path").display().to_string();
    assert_eq!(entry, json!({ "command": program, "args": ["demo", "--stdio"] }));
    let (status, out, _) = home.install(&args).await;
    assert_eq!((status, out.contains(": unchanged")), (Some(0), true), "{out}");
    assert_eq!(read(&file), text);
    // One copy of what was there, and the bytes of it again.
    let copies = || {
        let all = fs::read_dir(home.0.join(".cursor")).expect("folder");
        let all = all.map(|e| e.expect("entry").path());
        all.filter(|p| p.display().to_string().contains("mcp.json.bak-2")).collect::<Vec<_>>()
    };
    assert_eq!(copies().iter().map(|c| read(c)).collect::<Vec<_>>(), [CURSOR]);
    let (status, out, err) = home.install(&["--client", "cursor", "--remove"]).await;
    assert_eq!((status, out.contains(": removed")), (Some(0), true), "{out}{err}");
    assert_eq!(read(&file), CURSOR);
}

#[cfg(feature = "sandbox")]
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_does_not_start_is_told_of_with_its_reason() {
    let home = Home::new("fails");
    let (status, out, err) = home
        .install(&["--client", "cursor", "--env", "MSSQL_PORT=none", "--env", "MSSQL_HOST=h"])
        .await;
    assert_eq!(status, Some(1), "{out}{err}");
    assert!(out.contains(": added") && err.contains("what it starts fails"), "{out}{err}");
    assert!(err.contains("MSSQL_PORT") && !out.contains("ok, "), "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_comes_into_a_file() {
    let home = Home::new("secret");
    for pair in [
        "MSSQL_PASSWORD=swordfish",
        "MSSQL_CONNECTION_STRING=swordfish",
        "MSSQL_HOST=h;pwd=swordfish",
    ] {
        let (status, out, err) = home.install(&["--client", "cursor", "--env", pair]).await;
        assert!(status == Some(2) || status == Some(1), "{pair}: {out}{err}");
        assert!(!err.contains("swordfish") && !out.contains("swordfish"), "{out}{err}");
        let said = format!("{out}{err}");
        assert!(said.contains("_FILE") && said.contains("${input:"), "{said}");
    }
    assert!(!home.0.join(".cursor").exists());
    // Where a secret is in the key store is none.
    for (value, status) in [("keyring:shop", Some(0)), ("keyring:sword fish", Some(2))] {
        let pair = format!("MSSQL_PASSWORD={value}");
        let shown = home.install(&["--client", "cursor", "--dry-run", "--env", &pair]).await;
        assert_eq!(shown.0, status, "{shown:?}");
        assert_eq!(shown.1.contains("\"keyring:shop\""), status == Some(0), "{shown:?}");
    }
    // The shell's own is not copied, and that is said.
    let (_, _, err) = home.install(&["--client", "cursor", "--dry-run"]).await;
    assert!(
        err.contains("not written: MSSQL_PASSWORD.") && err.contains("MSSQL_PASSWORD_FILE"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_written_where_that_is_said_and_shown_nowhere() {
    let home = Home::new("plaintext");
    let file = home.0.join(".cursor/mcp.json");
    let with = |password: &str, more: &str| {
        let pair = format!("MSSQL_PASSWORD={password}");
        let all = ["--client", "cursor", "--allow-plaintext", "--env", "MSSQL_HOST=h", "--env"];
        let all = all.iter().map(|a| (*a).to_owned()).chain([pair, more.to_owned()]);
        all.filter(|a| !a.is_empty()).collect::<Vec<_>>()
    };
    for more in ["--dry-run", "--print", "", "--json"] {
        let args = with("swordfish", more);
        let (_, out, err) =
            home.install(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert!(!out.contains("swordfish") && !err.contains("swordfish"), "{out}{err}");
        if more.starts_with("--dry") || more == "--print" {
            assert!(out.contains("\"MSSQL_PASSWORD\": \"…\""), "{out}");
            assert!(!file.exists(), "{more}");
        }
    }
    assert!(read(&file).contains("\"MSSQL_PASSWORD\": \"swordfish\""), "{}", read(&file));
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    // Another one: the line changes, and neither is seen. A file that others may read stays as it
    // is, and that is said.
    let args = with("sailfish", "--dry-run");
    let (_, out, _) = home.install(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(out.contains("\n-        \"MSSQL_PASSWORD\": \"…\"\n+"), "{out}");
    assert!(!out.contains("fish"), "{out}");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("mode");
    let args = with("sailfish", "");
    let (_, out, err) = home.install(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(err.contains("others may read it (mode 644)"), "{out}{err}");
    let (status, out, err) = home.install(&["--client", "cursor", "--remove", "--dry-run"]).await;
    assert_eq!((status, out.contains("fish")), (Some(0), false), "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vs_code_asks_for_the_password_that_nothing_else_says() {
    let home = Home::new("asks-vscode");
    let file = home.file(".config/Code/User/mcp.json", "{\n  \"inputs\": [] // none\n}\n");
    let login = ["--client", "vscode", "--env", "MSSQL_HOST=h", "--env", "MSSQL_USER=u"];
    let (status, out, err) = home.install(&login).await;
    assert_eq!(status, Some(0), "{out}{err}");
    let text = read(&file);
    let told: Value = serde_json::from_str(&text.replace("// none", "")).expect("JSON");
    assert_eq!(told["servers"]["mssql"]["env"]["MSSQL_PASSWORD"], "${input:mssql-password}");
    assert_eq!(
        told["inputs"],
        json!([{
            "type": "promptString",
            "id": "mssql-password",
            "description": "MSSQL_PASSWORD of the database",
            "password": true,
        }])
    );
    // What the client asks for is not missing, and nothing is to be added by hand.
    assert!(!err.contains("MSSQL_PASSWORD") && !err.contains("by hand"), "{err}");
    let (_, out, _) = home.install(&login).await;
    assert!(out.contains(": unchanged") && read(&file) == text, "{out}");
    let (status, out, err) = home.install(&["--client", "vscode", "--remove"]).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert_eq!(read(&file), "{\n  \"inputs\": [] // none\n}\n");
    // Another server has a question of its own; who has said how to log in is not asked, and no
    // more is a client that cannot ask.
    let dry = |more: &'static [&'static str]| [&login[..], &["--dry-run"], more].concat();
    let (_, out, _) = home.install(&dry(&["--name", "sales"])).await;
    assert!(out.contains("${input:sales-password}"), "{out}");
    for more in [
        &["--env", "MSSQL_PASSWORD_FILE=/p"][..],
        &["--env", "MSSQL_LOGIN=entra"],
        &["--env", "MSSQL_PASSWORD=${env:P}"],
    ] {
        let (status, out, err) = home.install(&dry(more)).await;
        assert_eq!((status, out.contains("${input:")), (Some(0), false), "{out}{err}");
    }
    let cursor = ["--client", "cursor", "--env", "MSSQL_HOST=h", "--env", "MSSQL_USER=u"];
    let (_, out, _) = home.install(&[&cursor[..], &["--dry-run"]].concat()).await;
    assert!(!out.contains("MSSQL_PASSWORD"), "{out}");
}

/// The entry that a dry run shows for Cursor.
async fn entry_of(home: &Home, args: &[&str]) -> Value {
    let (status, out, err) =
        home.install(&[&["--client", "cursor", "--print"], args].concat()).await;
    assert_eq!(status, Some(0), "{out}{err}");
    let text = out.split_once('{').map_or_else(|| panic!("{out}"), |(_, rest)| format!("{{{rest}"));
    let mut told: Value = serde_json::from_str(&text).expect("JSON");
    told["mcpServers"]["mssql"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_or_the_image_is_started_where_that_is_said() {
    let home = Home::new("command");
    let package = format!("mssql-mcp-rs@{}", env!("CARGO_PKG_VERSION"));
    let entry = entry_of(&home, &["--command", "npx"]).await;
    assert_eq!(entry, json!({ "command": "npx", "args": ["-y", package, "stdio"] }));
    let entry = entry_of(&home, &["--command", "uvx"]).await;
    assert_eq!(entry, json!({ "command": "uvx", "args": [package, "stdio"] }));
    let password = home.file("pass word", "x");
    fs::set_permissions(&password, Permissions::from_mode(0o644)).expect("mode");
    let password = password.display().to_string();
    let docker = ["--command", "docker", "--image", "registry.example.com/own:1"];
    let pair = format!("MSSQL_PASSWORD_FILE={password}");
    let vars = ["--env", "MSSQL_HOST=db", "--env", pair.as_str()];
    let entry = entry_of(&home, &[&docker[..], &vars].concat()).await;
    let host = "--add-host=host.docker.internal:host-gateway";
    let mount = format!("--mount=type=bind,source={password},target={password},readonly");
    assert_eq!(
        entry,
        json!({
            "command": "docker",
            "args": [
                "run", "-i", "--rm", "--label=mssql-mcp-rs", host, "-e", "MSSQL_HOST", "-e",
                "MSSQL_PASSWORD_FILE", mount, "registry.example.com/own:1", "stdio"
            ],
            "env": { "MSSQL_HOST": "db", "MSSQL_PASSWORD_FILE": password }
        })
    );
    // A file that is its owner's alone is read as its owner; the configuration is mounted too.
    let own = home.file("own.toml", "");
    fs::set_permissions(&own, Permissions::from_mode(0o600)).expect("mode");
    let own = own.canonicalize().expect("path").display().to_string();
    let entry = entry_of(&home, &[&docker[..], &["--config", &own]].concat()).await;
    let words = entry["args"].to_string();
    assert!(words.contains("\"--user=") && words.contains(&format!("target={own},")), "{words}");
    for wrong in [
        &["--command", "docker"][..],
        &["--image", "x"],
        &["--command", "bunx"],
        &["--command", "npx", "--url", "https://mcp.example.com/mcp"],
        &["--command", "docker", "--image", "x", "--env", "MSSQL_PASSWORD_FILE=a,b"],
    ] {
        let (status, out, err) =
            home.install(&[&["--client", "cursor", "--dry-run"], wrong].concat()).await;
        assert_eq!(status, Some(2), "{wrong:?}: {out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_the_path_is_said_and_the_entry_is_taken_out_again() {
    let home = Home::new("path");
    for (program, more) in [("npx", &[][..]), ("uvx", &[]), ("docker", &["--image", "own"])] {
        let args = [&["--client", "cursor", "--command", program], more].concat();
        let (status, out, err) = home.install(&args).await;
        assert_eq!((status, out.contains(": added")), (Some(1), true), "{out}{err}");
        assert!(err.contains(&format!("{program} is not on PATH")), "{err}");
        let (status, out, err) = home.install(&["--client", "cursor", "--remove"]).await;
        assert_eq!((status, out.contains(": removed")), (Some(0), true), "{out}{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_npx_or_uvx_keeps_for_a_while_is_entered_as_what_fetches_it() {
    let home = Home::new("cache");
    for (place, command) in [
        (".npm/_npx/1f/node_modules/mssql-mcp-rs-linux-x64/mssql-mcp", "npx"),
        (".cache/uv/archive-v0/x7/bin/mssql-mcp", "uvx"),
    ] {
        let program = home.0.join(place);
        fs::create_dir_all(program.parent().expect("folder")).expect("folder");
        if fs::hard_link(binary(), &program).is_err() {
            fs::copy(binary(), &program).expect("copy");
        }
        let print = async |more: &[&str]| {
            let out = tokio::process::Command::new(&program)
                .args([&["install", "--client", "cursor", "--print"], more].concat())
                .env("HOME", &home.0)
                .output()
                .await
                .expect("run");
            String::from_utf8(out.stdout).expect("UTF-8")
        };
        let out = print(&[]).await;
        assert!(out.contains(&format!("\"command\": \"{command}\"")), "{out}");
        let out = print(&["--command", "binary"]).await;
        assert!(out.contains(place), "{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_followed_and_a_read_only_file_is_left() {
    let home = Home::new("links");
    let real = home.file("dots/cursor.json", "{}\n");
    fs::create_dir(home.0.join(".cursor")).expect("folder");
    symlink(&real, home.0.join(".cursor/mcp.json")).expect("link");
    let url = ["--client", "cursor", "--url", "https://mcp.example.com/mcp"];
    let (status, out, err) = home.install(&url).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(fs::symlink_metadata(home.0.join(".cursor/mcp.json")).expect("there").is_symlink());
    assert!(read(&real).contains("\"url\": \"https://mcp.example.com/mcp\""), "{}", read(&real));
    let kept = home.file(".kiro/settings/mcp.json", "{}\n");
    fs::set_permissions(&kept, Permissions::from_mode(0o400)).expect("mode");
    let (status, out, _) =
        home.install(&["--client", "kiro", "--url", "https://mcp.example.com/mcp"]).await;
    assert_eq!((status, out.contains("read-only")), (Some(1), true), "{out}");
    assert_eq!(read(&kept), "{}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_and_an_entry_of_somebody_else_are_left() {
    let home = Home::new("broken");
    let broken = "{\n  \"mcpServers\": {,}\n}\n";
    let file = home.file(".cursor/mcp.json", broken);
    let (status, out, err) = home.install(&["--client", "cursor"]).await;
    assert_eq!((status, out.contains("line 2, column 18")), (Some(1), true), "{out}{err}");
    assert_eq!(read(&file), broken);
    let foreign = "{ \"mcpServers\": { \"mssql\": { \"command\": \"node\" } } }\n";
    let file = home.file(".cursor/mcp.json", foreign);
    for args in [&["--client", "cursor"][..], &["--client", "cursor", "--remove"]] {
        let (status, out, err) = home.install(args).await;
        assert_eq!((status, out.contains("--force")), (Some(1), true), "{out}{err}");
        assert_eq!(read(&file), foreign);
    }
    let (status, out, err) = home.install(&["--client", "cursor", "--remove", "--force"]).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(!read(&file).contains("node"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_nothing_is_written_for_clients_that_nobody_named() {
    let home = Home::new("found");
    let file = home.file(".cursor/mcp.json", CURSOR);
    for args in [&[][..], &["--all"], &["--json"]] {
        let (status, out, err) = home.install(args).await;
        assert_eq!(status, Some(2), "{out}{err}");
        assert!(err.contains("--yes") && read(&file) == CURSOR, "{out}{err}");
    }
    let yes = ["--all", "--yes", "--json", "--url", "https://mcp.example.com/mcp"];
    let (status, out, err) = home.install(&yes).await;
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &told["files"][0]["state"]), (Some(0), &json!("added")), "{out}{err}");
    assert_eq!(told["files"].as_array().map(Vec::len), Some(1), "{out}");
    assert!(read(&file).contains("mcp.example.com"));
    // Where nobody is, that is said.
    let (status, _, err) = Home::new("nobody").install(&["--yes"]).await;
    assert_eq!((status, err.contains("no client is found")), (Some(2), true), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_terminal_it_shows_what_it_would_write_and_asks() {
    let home = Home::new("asks");
    let file = home.file(".cursor/mcp.json", CURSOR);
    let url = "--url https://mcp.example.com/mcp";
    let run = format!("HOME={} mssql-mcp install --all {url}", home.0.display());
    let out = in_terminal(200, &format!("{run}; echo \"status $?\"")).await;
    assert!(out.contains("+    \"mssql\": {") && out.contains("? [y/N] "), "{out}");
    assert!(out.contains("nothing was written") && out.contains("status 1"), "{out}");
    assert_eq!(read(&file), CURSOR);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_each_client_with_its_file_and_state() {
    let home = Home::new("list");
    home.file(
        ".cursor/mcp.json",
        "{ \"mcpServers\": { \"mssql\": { \"command\": \"mssql-mcp\" } } }",
    );
    home.file(".codex/config.toml", "[mcp_servers.mssql]\ncommand = \"node\"\n");
    home.file(".gemini/settings.json", "{");
    let (status, out, err) = home.install(&["--list"]).await;
    assert_eq!(status, Some(0), "{err}");
    let line = |id: &str| out.lines().find(|l| l.starts_with(&format!("{id} "))).expect(id);
    for (id, found, state) in
        [("cursor", "found", "ours"), ("codex", "found", "other"), ("kiro", "-", "absent")]
    {
        let words: Vec<&str> = line(id).split_whitespace().collect();
        assert_eq!(words[1..3], [found, state], "{out}");
    }
    assert!(line("gemini").contains("refused: line 1"), "{out}");
    let (_, out, _) = home.install(&["--list", "--json"]).await;
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let all = told["clients"].as_array().expect("clients");
    assert!(all.iter().any(|c| c["client"] == "codex" && c["state"] == "other"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_its_own_file_and_the_configuration_its_whole_path() {
    let home = Home::new("project");
    let config = home.file("work/own.toml", "[database]\nhost = \"127.0.0.1\"\n");
    let args = ["--client", "vscode", "--scope", "project", "--config", "own.toml"];
    let (status, out, err) = home.install(&args).await;
    assert_eq!(status, Some(0), "{out}{err}");
    let text = read(&home.0.join("work/.vscode/mcp.json"));
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let config = config.canonicalize().expect("path").display().to_string();
    assert_eq!(told["servers"]["mssql"]["args"], json!(["stdio", "--config", config]), "{text}");
    let (status, _, err) = home.install(&["--client", "windsurf", "--scope", "project"]).await;
    assert_eq!((status, err.contains("no file in a project")), (Some(2), true), "{err}");
    let (status, _, err) = home.install(&["--client", "cursor", "--config", "none.toml"]).await;
    assert_eq!((status, err.contains("none.toml")), (Some(2), true), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_clients_is_what_install_prints() {
    let home = Home::new("page");
    let (status, out, err) = home.install(&["--markdown"]).await;
    assert_eq!(status, Some(0), "{err}");
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clients.md"));
    assert!(page == out, "docs/clients.md is not what mssql-mcp install --markdown prints");
    let (_, part, _) = home.install(&["--markdown", "--client", "goose"]).await;
    assert!(part.starts_with("\n## Goose\n") && page.contains(&part), "{part}");
    // What is printed for a person has this very program in it.
    let (_, out, _) = home.install(&["--print", "--client", "goose"]).await;
    let program = binary().canonicalize().expect("path").display().to_string();
    assert!(out.contains("extensions:\n  mssql:\n") && out.contains(&program), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_alone_says_in_five_lines_what_it_is_and_what_to_do() {
    let out = in_terminal(200, "mssql-mcp; echo \"status $?\"").await;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines.len(), lines[5]), (6, "status 0"), "{out}");
    for word in ["Model Context Protocol", "mssql-mcp demo", "mssql-mcp init", "install", "--help"]
    {
        assert!(out.contains(word), "{word}: {out}");
    }
    // Elsewhere it is wrong use, as ever.
    let out = command(&[]).output().await.expect("run");
    assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&out.stderr).contains("Usage: mssql-mcp"));
}

#[test]
fn readme_begins_with_a_line_for_each_and_has_every_client() {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    assert!(page.contains(&mssql_mcp_client_setup::names()), "{}", mssql_mcp_client_setup::names());
    let below = page.split("\n## ").find_map(|s| s.strip_prefix("In one line\n")).expect("heading");
    let rows = below.lines().filter(|l| l.starts_with('|'));
    let lines = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let mut tried = 0;
    for line in lines.filter(|l| l.starts_with("mssql-mcp ")) {
        let words = line.replace("NAME", "cursor");
        let read = mssql_mcp::cli::command().try_get_matches_from(words.split(' '));
        assert!(read.is_ok(), "{line}: {read:?}");
        tried += 1;
    }
    assert!(tried >= 5, "{below}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_that_share_a_file_are_both_in_it() {
    let home = Home::new("shared");
    let both = ["--client", "claude-code", "--client", "visual-studio", "--scope", "project"];
    let args = [&both[..], &["--url", "https://mcp.example.com/mcp"]].concat();
    let (status, out, err) = home.install(&args).await;
    assert_eq!((status, out.matches(": added").count()), (Some(0), 2), "{out}{err}");
    let told: Value = serde_json::from_str(&read(&home.0.join("work/.mcp.json"))).expect("JSON");
    let address = json!({ "type": "http", "url": "https://mcp.example.com/mcp" });
    assert_eq!(
        told,
        json!({ "mcpServers": { "mssql": address }, "servers": { "mssql": address } })
    );
}

/// In the registries of npm and PyPI the binary's name is another's program.
#[test]
fn nothing_tells_anybody_to_run_a_package_of_somebody_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = std::process::Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git");
    let names = String::from_utf8(out.stdout).expect("UTF-8");
    let mut looked = 0;
    for name in names.split('\0').filter(|n| !n.is_empty()) {
        let Ok(text) = fs::read_to_string(root.join(name)) else { continue };
        looked += 1;
        for (n, line) in text.lines().enumerate() {
            assert!(!runs_another(line), "{name}:{}: {line}", n + 1);
        }
    }
    assert!(looked > 100, "{looked}");
    assert!(runs_another(&format!("{} mssql-mcp stdio", "npx -y")));
    assert!(runs_another(&format!("{} mssql-mcp@1.0.0", "uvx")));
    assert!(!runs_another("npx -y mssql-mcp-rs stdio"));
}

/// Whether a line runs the package of the binary's name: the name, and not a longer one.
fn runs_another(line: &str) -> bool {
    ["npx", "uvx"].iter().flat_map(|runner| line.split(runner).skip(1)).any(|rest| {
        let rest = rest.strip_prefix(" -y").unwrap_or(rest);
        let name = rest.strip_prefix(" mssql-mcp");
        name.is_some_and(|r| !r.starts_with(|c: char| c == '-' || c.is_ascii_alphanumeric()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_started_once_is_what_stands_there_and_a_file_wins_over_no_old_variable() {
    let home = Home::new("merged");
    let (file, toml) = (home.file(".cursor/mcp.json", CURSOR), home.file("own.toml", ""));
    fs::write(&toml, "[database]\nhost = \"db\"\n").expect("write");
    let cursor = ["--client", "cursor"];
    let env = |pair: &'static str| ["--env", pair];
    let password = home.file("pw", "hunter3").display().to_string();
    let given = format!("MSSQL_PASSWORD_FILE={password}");
    let first = [&cursor[..], &env("MSSQL_HOST=olddb"), &env("MSSQL_USER=old"), &["--env", &given]];
    let (status, out, err) = home.install(&first.concat()).await;
    assert_eq!(status, Some(0), "{out}{err}");
    // By itself it would lack its host and its password.
    let (status, out, err) = home.install(&[&cursor[..], &env("MSSQL_USER=other")].concat()).await;
    assert!(status == Some(0) && out.contains("ok, 5 tools"), "{out}{err}");
    let wrong = read(&file).replace("\"olddb\"", "\"olddb\",\n \"MSSQL_PORT\": \"abc\"");
    fs::write(&file, wrong).expect("write");
    let (status, _, err) = home.install(&[&cursor[..], &env("MSSQL_USER=me")].concat()).await;
    assert!(status == Some(1) && err.contains("MSSQL_PORT"), "{err}");
    let path = toml.display().to_string();
    let (status, out, err) = home.install(&[&cursor[..], &["--config", &path]].concat()).await;
    assert!(status == Some(0) && out.contains("ok, 5 tools"), "{out}{err}");
    let text = read(&file);
    assert!(text.contains(&path) && !text.contains("MSSQL_") && text.contains("docs"), "{text}");
    // Two maps of servers: nobody knows which of them a client reads.
    for (text, twice) in [
        ("{ \"mcpServers\": {}, \"mcpServers\": {} }", "mcpServers"),
        ("{ \"mcpServers\": { \"mssql\": {}, \"mssql\": {} } }", "mssql"),
    ] {
        fs::write(&file, text).expect("write");
        let (status, out, err) = home.install(&[&cursor[..], &["--config", &path]].concat()).await;
        let told = out.contains(&format!("\"{twice}\" is there twice"));
        assert!(status == Some(1) && told && read(&file) == text, "{out}{err}");
    }
}
