//! `demo` and `sandbox`: the embedded stand-in for SQL Server.
#![cfg(feature = "sandbox")]

use super::flags::{self, FixedByCommand};
use clap::ArgMatches;
use clap::{Arg, ArgAction, Command};
use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};

use super::reload::ReloadSource;
use super::serve::{bind, over_http, over_stdio};
use super::{Ended, Failed, asked_to_stop, configured, configured_server, print, say};
use crate::app::App;
use crate::config::Config;
use crate::config::setting::parse_listen;
use crate::config::settings;
use crate::database::Settings;
use crate::oauth::people::{User, hash};
use crate::oauth::server::Authority;

/// The grammar of `demo`.
pub(crate) fn command() -> Command {
    Command::new("demo")
        .about("Start an embedded sandbox database and the server: nothing to install or configure")
        .arg(flags::listen())
        .arg(flags::port())
        .arg(
            Arg::new("stdio")
                .long("stdio")
                .action(ArgAction::SetTrue)
                .help("serve a desktop client over stdin and stdout"),
        )
        .arg(
            Arg::new("oauth")
                .long("oauth")
                .action(ArgAction::SetTrue)
                .conflicts_with("stdio")
                .help("with sign-in, and a demo person whose password is printed"),
        )
}

/// The grammar of `sandbox`.
pub(crate) fn sandbox_command() -> Command {
    Command::new("sandbox")
        .about("Start the sandbox's SQL Server (TDS) endpoint alone")
        .arg(flags::listen())
}

/// A sandbox, and a server's configuration that points at it.
pub(crate) async fn start(
    m: &ArgMatches,
    quiet: bool,
) -> Result<(Sandboxes, App, Config, ReloadSource), Failed> {
    let failed = |e: std::io::Error| format!("the sandbox did not start: {e}");
    // Whoever asks one question, or has one client, needs no second server.
    let alone = quiet || m.try_get_one::<bool>("stdio").is_ok_and(|s| s == Some(&true));
    let with = |name: &str, script: &str| vec![(name.to_owned(), script.to_owned())];
    let (sandbox, second) = match alone {
        true => (Sandbox::start(Options::default()).await.map_err(failed)?, None),
        false => {
            let databases = with("research", include_str!("demo/research.sql"));
            let one = Sandbox::start(Options { databases, ..Options::default() });
            let databases = with("billing", include_str!("demo/billing.sql"));
            let server_name = "SANDBOX-2".to_owned();
            let two = Sandbox::start(Options { databases, server_name, ..Options::default() });
            let (one, two) = tokio::join!(one, two);
            (one.map_err(failed)?, Some(two.map_err(failed)?))
        }
    };
    let mut fixed = vec![
        settings::database::HOST.fixed("127.0.0.1"),
        settings::database::PORT.fixed(sandbox.address().port().to_string()),
        settings::database::INSTANCE.fixed(""),
        settings::database::USER.fixed(USER),
        settings::database::PASSWORD.fixed(PASSWORD),
        settings::database::NAME.fixed(DATABASE),
        settings::database::LABEL.fixed("sandbox"),
        settings::database::ENCRYPT.fixed("on"),
        settings::database::TRUST_SERVER_CERTIFICATE.fixed("no"),
        settings::database::TRUSTED_CONNECTION.fixed("no"),
        settings::database::CA_FILE.fixed(""),
        settings::database::CERTIFICATE_HOST.fixed(""),
    ];
    if quiet {
        fixed.push(settings::log::LEVEL.fixed("warn"));
    }
    let oauth = m.try_get_one::<bool>("oauth").is_ok_and(|o| o == Some(&true));
    fixed.push(settings::auth::MODE.fixed(if oauth { "builtin" } else { "off" }));
    fixed.push(settings::auth::STORE.fixed("memory"));
    let beside = second.as_ref().map(|second| beside(&sandbox, second));
    let fixed = FixedByCommand { values: fixed, beside };
    let source = ReloadSource::new(m, fixed.clone());
    let config = if quiet { configured(m, fixed) } else { configured_server(m, fixed) }?;
    let trusting = |settings: &mut Settings| {
        let at = |s: &&Sandbox| s.address().port() == settings.port;
        let server = second.as_ref().filter(at).unwrap_or(&sandbox);
        settings.trust_only(server.certificate());
        settings.sandbox = true;
    };
    let app = App::with_settings(&config, trusting)?.signed_in(&config)?;
    Ok((Sandboxes { main: sandbox, second }, app, config, source))
}

/// Servers that end with this.
pub(crate) struct Sandboxes {
    main: Sandbox,
    second: Option<Sandbox>,
}

/// What the demo has beside its main database.
fn beside(one: &Sandbox, two: &Sandbox) -> String {
    [
        ("PORT_1", one.address().port().to_string()),
        ("PORT_2", two.address().port().to_string()),
        ("LOGIN", USER.to_owned()),
        ("SECRET", PASSWORD.to_owned()),
    ]
    .iter()
    .fold(include_str!("demo/beside.toml").to_owned(), |text, (name, is)| text.replace(name, is))
}

pub(crate) async fn demo(m: &ArgMatches) -> Ended {
    let (sandboxes, app, config, source) = start(m, false).await?;
    if m.get_flag("stdio") {
        return over_stdio(&app, &config).await;
    }
    let listener = bind(&config).await?;
    let url = match config.public_url() {
        None => format!("http://{}/mcp", listener.address()),
        Some(known) => format!("{known}/mcp"),
    };
    let signs_in = match &app.authority {
        Some(a) if a.has_pages() => Some(somebody(a).await?),
        _ => None,
    };
    print(&welcome(
        &sandboxes,
        &url,
        app.database.settings().policy.access.as_str(),
        signs_in.as_ref(),
    ))?;
    over_http(listener, &app, &config, source).await
}

/// Who may use a demo with sign-in. Nobody else knows it, and it ends with the process.
struct Somebody {
    password: String,
    /// For programs that cannot sign in.
    token: String,
    /// Likewise, at the address of all databases.
    token_for_all: String,
}

async fn somebody(authority: &Authority) -> Result<Somebody, Failed> {
    let password = crate::secret::typeable();
    let scopes = crate::principal::SCOPES.map(str::to_owned).to_vec();
    let user = User::new(hash(&password)?, scopes.clone());
    authority.people().put("demo", &user).await.map_err(|e| e.to_string())?;
    let token = authority
        .grants()
        .api_token("demo", scopes.clone(), "", None)
        .await
        .map_err(|e| e.to_string())?;
    let for_all = authority.grants().api_token("demo-all", scopes, "/all", None);
    let token_for_all = for_all.await.map_err(|e| e.to_string())?;
    Ok(Somebody { password, token, token_for_all })
}

pub(crate) async fn sandbox(m: &ArgMatches) -> Ended {
    let text = m.get_one::<String>("listen").map_or("127.0.0.1:1433", String::as_str);
    let listen = parse_listen(text).ok_or_else(|| Failed {
        message: format!(
            "--listen: \"{text}\" is no address such as 127.0.0.1:1433, localhost:1433 or 1433"
        ),
        status: 2,
    })?;
    let sandbox = Sandbox::start(Options { listen, ..Options::default() })
        .await
        .map_err(|e| format!("{text}: {e}"))?;
    say!(
        "The sandbox speaks TDS 7.4 on {}: user {USER}, password {PASSWORD}, database {DATABASE}.",
        sandbox.address()
    )?;
    say!(
        "Its certificate is self-signed and new at each start; clients have to trust it \
         (TrustServerCertificate=yes)."
    )?;
    asked_to_stop().await;
    Ok(())
}

fn welcome(sandboxes: &Sandboxes, url: &str, access: &str, person: Option<&Somebody>) -> String {
    let (sandbox, origin) = (&sandboxes.main, url.trim_end_matches("/mcp"));
    let mut tables = String::new();
    for (name, rows) in sandbox.tables() {
        tables += &format!("    {name:<22} {rows:>7}\n");
    }
    let exe = std::env::current_exe()
        .map_or_else(|_| "mssql-mcp".to_owned(), |p| p.display().to_string());
    // What each line needs beside it where callers have to sign in.
    let token = person.map_or(String::new(), |p| format!("MSSQL_MCP_TOKEN={} ", p.token));
    let (who, pages, header, then) = match person {
        None => ("no sign-in".to_owned(), String::new(), String::new(), ""),
        Some(Somebody { password, token: secret, .. }) => (
            format!("sign in as demo with the password {password}"),
            format!(
                "  Sign-in page  {origin}/apps   user demo, password {password}\n  Token         \
                 {secret}   for programs that cannot sign in\n"
            ),
            format!("'Authorization: Bearer {secret}'"),
            ", then /mcp in a session to sign in",
        ),
    };
    let with = |flag: &str, after: &str| {
        if header.is_empty() { String::new() } else { format!("{flag} {header}{after}") }
    };
    format!(
        r#"mssql-mcp {version} demo: an embedded sandbox database, and the server in front of it.

  MCP endpoint  {url}   ({who}; this machine only; access {access})
{pages}  All databases {origin}/all/mcp   trading and research on one server, billing (read-write) on another
  Own tools     accounts_of_customer and unpaid_invoices, there
  Health        {origin}/health
  SQL endpoints {tds}, {second}   user {USER}, password {PASSWORD}

  Tables and rows
{tables}
Ask it from another terminal:
  {token}{exe:?} call --url {url} list_tables
  {for_all}{exe:?} call --url {origin}/all/mcp list_tables
  {for_all}{exe:?} call --url {origin}/all/mcp execute_sql --database billing --query "SELECT CustomerId, SUM(Amount) AS Due FROM dbo.Invoices WHERE Paid = 0 GROUP BY CustomerId"
  {for_all}{exe:?} call --url {origin}/all/mcp accounts_of_customer --customer 7
  {for_all}{exe:?} call --url {origin}/all/mcp unpaid_invoices

Try it with curl:
  curl -s {url} -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    {curl}-H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: execute_sql' \
    -d '{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_sql","arguments":{{"query":"SELECT TOP 3 * FROM sales.Orders ORDER BY OrderId"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}'

MCP Inspector:
  npx @modelcontextprotocol/inspector --cli {url} --transport http{inspector} --method tools/list

Claude Code{then}:
  claude mcp add --transport http mssql-demo {url}

Claude Desktop (claude_desktop_config.json):
  {{"mcpServers":{{"mssql-demo":{{"command":{exe:?},"args":["demo","--stdio"]}}}}}}

VS Code (.vscode/mcp.json):
  {{"servers":{{"mssql-demo":{{"type":"http","url":"{url}"}}}}}}

Ctrl-C stops it; nothing is kept.
"#,
        version = super::VERSION,
        curl = with("-H", " \\\n    "),
        inspector = with(" --header", ""),
        tds = sandbox.address(),
        second = sandboxes.second.as_ref().map_or_else(String::new, |s| s.address().to_string()),
        for_all = person.map_or(String::new(), |p| format!("MSSQL_MCP_TOKEN={} ", p.token_for_all)),
    )
}
