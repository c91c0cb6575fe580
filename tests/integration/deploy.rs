//! The files of `deploy/`, as far as they can be tried without a container engine: linters, and the
//! script for the certificate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mssql_mcp::config::settings;
use mssql_mcp::config::{Config, Inputs};

use crate::clients::installed;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn ran(mut c: Command) -> (Option<i32>, String) {
    let out = c.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{c:?}: {e}"));
    (
        out.status.code(),
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)),
    )
}

fn lints(program: impl AsRef<std::ffi::OsStr>, args: &[&str], files: &[&str]) {
    let mut c = Command::new(program);
    c.args(args).args(files.iter().map(|f| deploy().join(f)));
    let (code, text) = ran(c);
    assert_eq!(code, Some(0), "{files:?}: {text}");
}

#[test]
fn linters_have_nothing_to_say() {
    lints(installed("py-lint/bin/hadolint"), &[], &["Dockerfile"]);
    lints(
        installed("py-lint/bin/check-jsonschema"),
        &["--builtin-schema", "vendor.compose-spec"],
        &["compose.yaml"],
    );
    lints(installed("py-lint/bin/kubernetes-validate"), &["--strict"], &["kubernetes.yaml"]);
    lints(
        "shellcheck",
        &[],
        &["smoke.sh", "setup-letsencrypt.sh", "nginx/90-reload.sh", "../tests/under-load.sh"],
    );
    // Where systemd is installed; it warns only of the binary, which is not.
    if let Ok(out) = Command::new("systemd-analyze")
        .arg("verify")
        .arg(deploy().join("mssql-mcp.service"))
        .output()
    {
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        let said: Vec<&str> = text.lines().filter(|l| !l.contains("is not executable")).collect();
        assert!(said.iter().all(|l| !l.contains("mssql-mcp.service")), "{said:?}");
    }
}

/// The page for systemd: its settings are ours, its store and files are the unit's,
/// its commands are there.
#[test]
fn the_page_for_systemd_agrees_with_the_unit() {
    let read = |p: &str| std::fs::read_to_string(deploy().join(p)).expect("file");
    let (page, unit) = (read("../docs/systemd.md"), read("mssql-mcp.service"));
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let (env, _) = blocks
        .iter()
        .find(|b| b.contains("MSSQL_HOST="))
        .and_then(|b| b.rsplit_once('\n'))
        .expect("the env file");
    let env = env
        .lines()
        .filter_map(|l| l.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let config = Config::load(&Inputs { env, ..Inputs::default() }).expect("valid");
    assert_eq!(
        (config.get(settings::auth::MODE).as_str(), config.get(settings::database::PASSWORD)),
        ("builtin", "the login's password")
    );
    let store = blocks
        .iter()
        .find_map(|b| b.lines().find_map(|l| l.strip_prefix("export MSSQL_MCP_AUTH_STORE=")));
    assert!(
        unit.contains(&format!("Environment=MSSQL_MCP_AUTH_STORE={}\n", store.expect("the store")))
    );
    assert!(
        unit.contains("EnvironmentFile=/etc/mssql-mcp/env\n")
            && unit.contains("ExecStart=/usr/local/bin/mssql-mcp serve\n")
    );
    let mut tried = 0;
    for line in blocks.iter().flat_map(|b| b.lines()).filter_map(|l| l.strip_prefix("mssql-mcp ")) {
        let words = line.split('#').next().unwrap_or_default().split_whitespace();
        let (mut c, words) = (Command::new(crate::support::binary()), words.collect::<Vec<_>>());
        let parsed =
            mssql_mcp::cli::command().try_get_matches_from([&["mssql-mcp"], &words[..]].concat());
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
        assert_eq!(
            ran({
                c.args(&words[..1]).arg("--help");
                c
            })
            .0,
            Some(0),
            "{line}"
        );
        tried += 1;
    }
    assert!(tried > 4, "{tried}");
}

#[test]
fn the_files_agree_with_the_server() {
    // Every variable of the example is one of ours, or of the files beside it.
    let text = std::fs::read_to_string(deploy().join(".env.example")).expect("file");
    let env = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('='))
        .map(|(k, v)| {
            // Only a host has a form.
            let filled = if k == "MSSQL_HOST" { "db" } else { "x y!" };
            (k.to_owned(), if v.is_empty() { filled.to_owned() } else { v.to_owned() })
        })
        .collect::<std::collections::BTreeMap<_, _>>();
    let config = Config::load(&Inputs { env: env.clone(), ..Inputs::default() }).expect("valid");
    let ours = config.show();
    for name in env.keys().filter(|k| !["DOMAIN", "LETSENCRYPT_EMAIL"].contains(&k.as_str())) {
        let read = name == "READ_ONLY_MODE" || ours.contains(&format!("environment {name}\n"));
        assert!(
            read || ours.ends_with(&format!("environment {name}")),
            "{name} is read by nobody:\n{ours}"
        );
    }
    assert_eq!(config.get(settings::database::PASSWORD), "x y!");
    // What compose and Kubernetes set is read too, and the container's health
    // check is the binary's.
    for file in ["compose.yaml", "kubernetes.yaml", "Dockerfile", "mssql-mcp.service"] {
        let text = std::fs::read_to_string(deploy().join(file)).expect("file");
        let names =
            text.split(|c: char| !c.is_ascii_uppercase() && c != '_' && !c.is_ascii_digit());
        for name in names.filter(|w| w.starts_with("MSSQL_MCP_")) {
            let known = mssql_mcp::config::settings::all()
                .any(|s| s.own_env() == name || s.env.contains(&name));
            assert!(known, "{file}: {name}");
        }
    }
    let compose = std::fs::read_to_string(deploy().join("compose.yaml")).expect("file");
    for promise in [
        "container_name: mcp-server",
        "container_name: nginx-container",
        "container_name: certbot",
        r#"test: ["CMD", "mssql-mcp", "health"]"#,
        "interval: 30s",
        "timeout: 10s",
        "retries: 3",
        "env_file: .env",
    ] {
        assert!(compose.contains(promise), "{promise}");
    }
    assert!(!compose.contains("8008:8008"), "8008 is never published");
    for file in ["claude_desktop_config.json", "vscode-mcp.json", "cursor-mcp.json"] {
        let text = std::fs::read_to_string(deploy().join("clients").join(file)).expect("file");
        let v: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        let servers = v.get("mcpServers").or(v.get("servers")).expect("servers");
        assert_eq!(servers["mssql"]["args"], serde_json::json!(["stdio"]), "{file}");
    }
}

/// A file of YAML, read by Python's reader.
fn yaml(path: &Path) -> serde_json::Value {
    let mut c = Command::new(installed("py-lint/bin/python"));
    c.args(["-c", "import json,sys,yaml\nprint(json.dumps(yaml.safe_load(open(sys.argv[1]))))"]);
    let (code, text) = ran({
        c.arg(path);
        c
    });
    assert_eq!(code, Some(0), "{}: {text}", path.display());
    serde_json::from_str(&text).expect("JSON")
}

/// No collector and no Grafana can be installed here: what their files name is looked up, and
/// they are not run.
#[test]
fn the_files_for_telemetry_name_what_there_is() {
    let collector = yaml(&deploy().join("../otel-collector.yaml"));
    let pipelines = collector["service"]["pipelines"].as_object().expect("pipelines");
    assert_eq!(
        pipelines.keys().map(String::as_str).collect::<Vec<_>>(),
        ["traces", "metrics", "logs"]
    );
    for kind in ["receivers", "processors", "exporters"] {
        let mut used: Vec<&str> = pipelines
            .values()
            .flat_map(|p| p[kind].as_array().expect("a list"))
            .filter_map(|n| n.as_str())
            .collect();
        used.sort_unstable();
        used.dedup();
        let mut defined: Vec<&str> =
            collector[kind].as_object().expect("a map").keys().map(String::as_str).collect();
        defined.sort_unstable();
        assert_eq!(used, defined, "{kind}: what is used, and what is defined");
    }
    let otlp = &collector["receivers"]["otlp"]["protocols"];
    assert_eq!(
        (&otlp["grpc"]["endpoint"], &otlp["http"]["endpoint"]),
        (&"0.0.0.0:4317".into(), &"0.0.0.0:4318".into())
    );
    // Prometheus asks where the collector answers, and Grafana asks Prometheus.
    let scraped = yaml(&deploy().join("grafana/prometheus.yml"));
    let port = collector["exporters"]["prometheus"]["endpoint"]
        .as_str()
        .and_then(|e| e.rsplit(':').next());
    let target =
        scraped["scrape_configs"][0]["static_configs"][0]["targets"][0].as_str().expect("a target");
    assert_eq!(
        (scraped["scrape_configs"][0]["job_name"].as_str(), target.rsplit(':').next()),
        (Some("mssql-mcp"), port)
    );
    let compose = yaml(&deploy().join("compose.yaml"));
    let services = compose["services"].as_object().expect("services");
    let source =
        yaml(&deploy().join("grafana/provisioning/datasources/prometheus.yml"))["datasources"][0]["url"].clone();
    for address in [format!("http://{target}"), source.as_str().expect("a URL").to_owned()] {
        let host =
            address.trim_start_matches("http://").split(':').next().expect("a host").to_owned();
        assert!(services.contains_key(&host), "{host} is no service");
    }
    // What is mounted from here is here; the dashboards are where their provider looks.
    let mounts = services
        .values()
        .flat_map(|s| s["volumes"].as_array().into_iter().flatten())
        .filter_map(|v| v.as_str());
    let (local, mut seen): (Vec<&str>, bool) =
        (mounts.filter(|m| m.starts_with('.')).collect(), false);
    let provider = yaml(&deploy().join("grafana/provisioning/dashboards/mssql-mcp.yml"));
    for m in local {
        let mut parts = m.split(':');
        let (from, to) = (parts.next().expect("a path"), parts.next());
        assert!(deploy().join(from).exists(), "{from} is not there");
        seen |= from == "./grafana/dashboards"
            && to == provider["providers"][0]["options"]["path"].as_str();
    }
    assert!(seen, "nobody mounts the dashboards");
}

/// There is no container engine here: a stand-in on the PATH writes down what it is asked.
#[test]
fn the_certificate_is_asked_for_once() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-certbot-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("bin")).expect("dir");
    std::fs::copy(deploy().join("setup-letsencrypt.sh"), dir.join("setup-letsencrypt.sh"))
        .expect("copy");
    let docker = "#!/bin/sh\necho \"$*\" >> \"$ASKED\"\ncase \"$*\" in *'ps -q'*) [ -f \
                  \"$RUNNING\" ] && echo id; exit 0;; *checkend*) [ -f \"$THERE\" ]; exit;; esac\n";
    std::fs::write(dir.join("bin/docker"), docker).expect("write");
    ran({
        let mut c = Command::new("chmod");
        c.arg("+x").arg(dir.join("bin/docker"));
        c
    });
    let setup = |args: &[&str]| {
        let _ = std::fs::remove_file(dir.join("asked"));
        let mut c = Command::new(dir.join("setup-letsencrypt.sh"));
        let path =
            format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        c.args(args).env("PATH", path);
        c.env("ASKED", dir.join("asked"))
            .env("THERE", dir.join("there"))
            .env("RUNNING", dir.join("running"));
        let (code, said) = ran(c);
        (code, said, std::fs::read_to_string(dir.join("asked")).unwrap_or_default())
    };
    let env = |text: &str| std::fs::write(dir.join(".env"), text).expect("write");
    assert!(matches!(setup(&[]), (Some(2), said, _) if said.contains(".env is missing")));
    for (text, says) in [
        ("LETSENCRYPT_EMAIL=a@b.example\n", "DOMAIN is empty"),
        ("DOMAIN=mcp.example.com\n", "LETSENCRYPT_EMAIL is empty"),
        ("DOMAIN=mcp.example.com;reboot\nLETSENCRYPT_EMAIL=a@b.example\n", "is no host name"),
        ("DOMAIN=localhost\nLETSENCRYPT_EMAIL=a@b.example\n", "has no dot"),
    ] {
        env(text);
        let (code, said, asked) = setup(&[]);
        assert!(code == Some(2) && said.contains(says) && asked.is_empty(), "{text}: {said}");
    }
    env("DOMAIN=mcp.example.com\r\nLETSENCRYPT_EMAIL=a@b.example\nMSSQL_PASSWORD=x y!\n");
    assert!(matches!(setup(&["--wrong"]), (Some(2), said, _) if said.contains("--wrong")));
    let (code, said, asked) = setup(&["--dry-run"]);
    assert!(
        code == Some(0) && said.contains("nothing was done") && asked.is_empty(),
        "{said}{asked}"
    );
    let (code, _, asked) = setup(&["--staging"]);
    let certonly = "certonly --non-interactive --agree-tos --email a@b.example -d mcp.example.com \
                    --keep-until-expiring --staging --standalone";
    assert!(
        code == Some(0) && asked.contains(certonly) && asked.contains("compose up -d"),
        "{asked}"
    );
    // nginx runs: the challenge goes through it.
    std::fs::write(dir.join("running"), "").expect("write");
    let (_, _, asked) = setup(&[]);
    assert!(
        asked.contains("--webroot")
            && asked.contains("nginx -s reload")
            && !asked.contains("--staging"),
        "{asked}"
    );
    // It is there: nothing is asked of Let's Encrypt.
    std::fs::write(dir.join("there"), "").expect("write");
    let (code, said, asked) = setup(&[]);
    assert!(
        code == Some(0) && said.contains("nothing to do") && !asked.contains("certonly"),
        "{said}{asked}"
    );
    std::fs::remove_dir_all(dir).expect("clean");
}
