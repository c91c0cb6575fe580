//! `keyring:NAME` and `secret`: against GNOME Keyring on a session bus of the test's own, and what a
//! build without the feature says. tests/key_store/install.sh installs both.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::command;

/// How a command ended, and all that it said.
struct Ended {
    status: Option<i32>,
    said: String,
}

/// Runs it, with this on its stdin.
async fn run(mut c: Command, input: &str) -> Ended {
    let mut child = c.stdin(Stdio::piped()).spawn().expect("spawn");
    // A command that reads nothing may have ended.
    let _ = child.stdin.take().expect("stdin").write_all(input.as_bytes()).await;
    let out = child.wait_with_output().await.expect("run");
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    Ended { status: out.status.code(), said }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_checked_before_anything_is_asked() {
    for wrong in ["a b", "ä", &"x".repeat(65)] {
        let ended = run(command(&["secret", "check", wrong]), "").await;
        assert_eq!(ended.status, Some(2), "{}", ended.said);
        assert!(ended.said.contains("letters, digits"), "{}", ended.said);
    }
    // What may be a secret that only begins so is not told.
    let mut c = command(&["config"]);
    c.env("MSSQL_PASSWORD", "keyring:hunter2!");
    let ended = run(c, "").await;
    assert!(ended.status == Some(2) && ended.said.contains("MSSQL_PASSWORD: behind keyring:"));
    assert!(!ended.said.contains("hunter2"), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_holds_is_taken_as_it_is() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-keyring-{}", std::process::id()));
    std::fs::write(&file, "keyring:shop\n").expect("file");
    let mut c = command(&["config"]);
    c.env("MSSQL_HOST", "db").env("MSSQL_USER", "ada").env("MSSQL_PASSWORD_FILE", &file);
    let ended = run(c, "").await;
    assert_eq!(ended.status, Some(0), "{}", ended.said);
    assert!(ended.said.contains("# environment MSSQL_PASSWORD_FILE"), "{}", ended.said);
    std::fs::remove_file(file).expect("clean");
}

#[cfg(not(feature = "key-store"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_build_without_it_says_so_and_what_to_do() {
    for (action, input) in [("set", "hunter2\n"), ("check", ""), ("remove", "")] {
        let ended = run(command(&["secret", action, "shop"]), input).await;
        assert_eq!(ended.status, Some(2), "{action}: {}", ended.said);
        for part in ["secret shop", "`--features key-store`", "MSSQL_PASSWORD_FILE"] {
            assert!(ended.said.contains(part), "{action}: {part} not in {}", ended.said);
        }
    }
    let mut c = command(&["config"]);
    c.env("MSSQL_HOST", "db").env("MSSQL_MCP_ENTRA_CLIENT_SECRET", "keyring:app");
    let ended = run(c, "").await;
    assert_eq!(ended.status, Some(2), "{}", ended.said);
    for part in ["MSSQL_MCP_ENTRA_CLIENT_SECRET: secret app ", "--features key-store", "_FILE"] {
        assert!(ended.said.contains(part), "{part} not in {}", ended.said);
    }
}

#[cfg(all(feature = "key-store", target_os = "linux"))]
mod gnome_keyring {
    use std::path::PathBuf;
    use std::time::Duration;

    use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};
    use serde_json::json;
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::process::Child;

    use super::*;
    use crate::support::{PATIENCE, free, signal, stateless, until};

    /// A session bus with nobody on it, which starts nobody, and folders of its own. All ends with it.
    struct Session {
        folder: PathBuf,
        address: String,
        _bus: Child,
        keyring: Option<Child>,
    }

    impl Session {
        async fn new(name: &str) -> Self {
            // A socket's path has at most 107 bytes.
            let folder = PathBuf::from("/tmp").join(format!("mm-{name}-{}", std::process::id()));
            let runtime = folder.join("run");
            std::fs::create_dir_all(&runtime).expect("folder");
            let only_me = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&runtime, only_me).expect("mode");
            let configuration = folder.join("bus.conf");
            let text = format!(
                "<busconfig><type>session</type><listen>unix:dir={}</listen>\
                 <auth>EXTERNAL</auth><policy context=\"default\"><allow user=\"*\"/>\
                 <allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>\
                 </policy></busconfig>",
                folder.display()
            );
            std::fs::write(&configuration, text).expect("configuration");
            let mut bus = Command::new("dbus-daemon")
                .arg(format!("--config-file={}", configuration.display()))
                .args(["--nofork", "--print-address=1"])
                .stdout(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .expect("dbus-daemon: run tests/key_store/install.sh");
            let mut address = String::new();
            let mut told = BufReader::new(bus.stdout.take().expect("stdout"));
            tokio::time::timeout(PATIENCE, told.read_line(&mut address))
                .await
                .expect("in time")
                .expect("an address");
            let address = address.trim().to_owned();
            Self { folder, address, _bus: bus, keyring: None }
        }

        /// With the keyring on it, unlocked, as a desktop has it after the sign-in.
        async fn unlocked(name: &str) -> Self {
            let mut me = Self::new(name).await;
            let mut c = Command::new("gnome-keyring-daemon");
            me.surround(&mut c);
            c.args(["--foreground", "--components=secrets", "--unlock"])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true);
            let mut keyring =
                c.spawn().expect("gnome-keyring-daemon: run tests/key_store/install.sh");
            let mut stdin = keyring.stdin.take().expect("stdin");
            stdin.write_all(b"of the keyring").await.expect("write");
            drop(stdin);
            me.keyring = Some(keyring);
            until("the keyring is there", async || {
                me.secret("check", "none", "").await.said.contains("has no secret none")
            })
            .await;
            me
        }

        fn surround(&self, c: &mut Command) {
            c.env("DBUS_SESSION_BUS_ADDRESS", &self.address)
                .env("HOME", &self.folder)
                .env("XDG_DATA_HOME", self.folder.join("data"))
                .env("XDG_RUNTIME_DIR", self.folder.join("run"))
                .env_remove("DISPLAY")
                .env_remove("WAYLAND_DISPLAY");
        }

        fn command(&self, args: &[&str]) -> Command {
            let mut c = command(args);
            self.surround(&mut c);
            c
        }

        async fn secret(&self, action: &str, name: &str, input: &str) -> Ended {
            run(self.command(&["secret", action, name]), input).await
        }

        /// What a configuration with the secret is told to be.
        async fn configured(&self, name: &str) -> Ended {
            let mut c = self.command(&["config"]);
            c.env("MSSQL_HOST", "db")
                .env("MSSQL_USER", "ada")
                .env("MSSQL_PASSWORD", format!("keyring:{name}"));
            run(c, "").await
        }

        async fn lock(&self) {
            let mut c = Command::new("dbus-send");
            self.surround(&mut c);
            let service = ["--session", "--print-reply", "--dest=org.freedesktop.secrets"];
            let out = c
                .args(service)
                .args(["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock"])
                .arg("array:objpath:/org/freedesktop/secrets/collection/login")
                .output()
                .await
                .expect("dbus-send");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
    }

    impl Drop for Session {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_secret_is_set_read_replaced_and_removed() {
        let session = Session::unlocked("set").await;
        let empty = session.secret("set", "shop", "\n").await;
        assert_eq!((empty.status, empty.said.contains("empty")), (Some(2), true));
        let all = [
            session.secret("set", "shop", "hunter2 ä\nmore\n").await,
            session.secret("check", "shop", "").await,
            session.configured("shop").await,
        ];
        for ended in &all {
            assert_eq!(ended.status, Some(0), "{}", ended.said);
            assert!(!ended.said.contains("hunter2"), "{}", ended.said);
        }
        let shown = &all[2].said;
        assert!(shown.contains("# key store, shop") && shown.contains("(redacted)"), "{shown}");
        // Another name is another secret.
        let other = session.configured("shop2").await;
        assert_eq!(other.status, Some(2), "{}", other.said);
        let mend =
            "MSSQL_PASSWORD: the key store has no secret shop2; `mssql-mcp secret set shop2`";
        assert!(other.said.contains(mend), "{}", other.said);
        // A whole connection string, in a file of settings, and what it is made of.
        let string = "Server=db;User ID=ada;Password=keyring:shop;Database=Shop\n";
        assert_eq!(session.secret("set", "shop", string).await.status, Some(0));
        let file = session.folder.join("c.toml");
        std::fs::write(&file, "[database]\nconnection = \"keyring:shop\"\n").expect("file");
        let c = session.command(&["config", "--config", file.to_str().expect("path")]);
        let ended = run(c, "").await;
        assert_eq!(ended.status, Some(0), "{}", ended.said);
        assert!(ended.said.contains("\"Shop\""), "{}", ended.said);
        assert_eq!(session.secret("remove", "shop", "").await.status, Some(0));
        for action in ["check", "remove"] {
            let gone = session.secret(action, "shop", "").await;
            assert_eq!(gone.status, Some(1), "{action}: {}", gone.said);
            assert!(gone.said.contains("no secret shop"), "{}", gone.said);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_logs_in_with_it_and_a_reload_reads_it_anew() {
        let session = Session::unlocked("server").await;
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        let ca = session.folder.join("ca.pem");
        std::fs::write(&ca, sandbox.certificate()).expect("certificate");
        assert_eq!(session.secret("set", "sandbox", PASSWORD).await.status, Some(0));
        let (at, log) = (free(), session.folder.join("log"));
        let surround = |c: &mut Command| {
            c.env("MSSQL_HOST", "127.0.0.1")
                .env("MSSQL_PORT", sandbox.address().port().to_string())
                .env("MSSQL_DATABASE", DATABASE)
                .env("MSSQL_USER", USER)
                .env("MSSQL_PASSWORD", "keyring:sandbox")
                .env("MSSQL_CA_FILE", &ca)
                .env("MSSQL_MCP_LOG_LEVEL", "trace")
                .env("MSSQL_MCP_HTTP_LISTEN", at.to_string());
        };
        let mut c = session.command(&["doctor"]);
        surround(&mut c);
        let doctor = run(c, "").await;
        assert!(
            doctor.said.contains(&format!("{USER} at ")) && !doctor.said.contains(PASSWORD),
            "{}",
            doctor.said
        );
        let mut c = session.command(&["serve"]);
        surround(&mut c);
        c.stdout(Stdio::null()).stderr(std::fs::File::create(&log).expect("log"));
        let child = c.spawn().expect("spawn");
        until("it listens", async || tokio::net::TcpStream::connect(at).await.is_ok()).await;
        let who = async || {
            let query = json!({ "query": "SELECT ORIGINAL_LOGIN() AS who" });
            let call = json!({ "name": "execute_sql", "arguments": query });
            stateless(at, "tools/call", call).await.body
        };
        assert!(who().await.contains(&format!("\"{USER}\"")), "{}", who().await);
        let logged = || std::fs::read_to_string(&log).expect("log");
        let hangup = async |until_it_says: &str| {
            signal("-HUP", child.id().expect("it runs"));
            until(until_it_says, async || logged().contains(until_it_says)).await;
        };
        hangup("the configuration was reloaded").await;
        assert!(!logged().contains("need a restart"), "{}", logged());
        // Another password is another value, which this setting takes at a restart.
        assert_eq!(session.secret("set", "sandbox", "another-one-1").await.status, Some(0));
        hangup("need a restart: database.password").await;
        assert_eq!(session.secret("remove", "sandbox", "").await.status, Some(0));
        hangup("the key store has no secret sandbox").await;
        // It goes on with what it has.
        assert!(who().await.contains(&format!("\"{USER}\"")), "{}", who().await);
        let logged = logged();
        assert!(logged.lines().count() > 20, "it says little: {logged}");
        for secret in [PASSWORD, "another-one-1"] {
            assert!(!logged.contains(secret), "{logged}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_locked_store_is_an_error_and_nobody_is_waited_for() {
        let session = Session::unlocked("locked").await;
        assert_eq!(session.secret("set", "shop", "hunter2\n").await.status, Some(0));
        session.lock().await;
        let ended = session.configured("shop").await;
        assert_eq!(ended.status, Some(2), "{}", ended.said);
        for part in ["MSSQL_PASSWORD: ", "shop is locked", "`mssql-mcp secret check shop`"] {
            assert!(ended.said.contains(part), "{part} not in {}", ended.said);
        }
        // Where there is no window to ask in, the commands say the same.
        for action in ["check", "set", "remove"] {
            let asked = session.secret(action, "shop", "hunter3\n");
            let ended = tokio::time::timeout(Duration::from_secs(30), asked).await.expect("soon");
            assert_eq!(ended.status, Some(1), "{action}: {}", ended.said);
            assert!(ended.said.contains("is locked"), "{action}: {}", ended.said);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_store_or_a_bus_it_says_what_a_server_does() {
        let session = Session::new("none").await;
        let mut without_a_bus = session.command(&["secret", "set", "shop"]);
        without_a_bus.env_remove("DBUS_SESSION_BUS_ADDRESS");
        for ended in [
            session.secret("check", "shop", "").await,
            session.configured("shop").await,
            run(without_a_bus, "hunter2\n").await,
        ] {
            assert!(matches!(ended.status, Some(1 | 2)), "{}", ended.said);
            for part in ["no key store runs here", "secret shop", "MSSQL_PASSWORD_FILE"] {
                assert!(ended.said.contains(part), "{part} not in {}", ended.said);
            }
        }
    }
}
