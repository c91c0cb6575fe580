//! The table of clients, from their makers' documentation (November 2026): Claude Desktop and
//! Claude Code (code.claude.com), Cursor (cursor.com), VS Code (code.visualstudio.com), Visual
//! Studio (learn.microsoft.com), Windsurf (docs.windsurf.com), Cline (docs.cline.bot), Zed
//! (zed.dev), Junie (jetbrains.com), Codex (developers.openai.com), Gemini CLI, Goose, Copilot CLI
//! (docs.github.com), LM Studio (lmstudio.ai), Continue (docs.continue.dev), Warp (docs.warp.dev),
//! OpenCode and Kiro.

use crate::client::{Client, Expansion, Format};
use crate::place::{Base, Os, Place};
use crate::shape::{Remote, Stdio, URL};

const ALL: &[Os] = &[Os::Linux, Os::MacOs, Os::Windows];
const UNIX: &[Os] = &[Os::Linux, Os::MacOs];
const LINUX: &[Os] = &[Os::Linux];
const MAC: &[Os] = &[Os::MacOs];
const WINDOWS: &[Os] = &[Os::Windows];
const NEW_SESSION: &str = "start a new session";

const fn at(os: &'static [Os], base: Base, folder: &'static str, file: &'static str) -> Place {
    Place { os, base, folder, file }
}

const fn home(folder: &'static str, file: &'static str) -> Place {
    at(ALL, Base::Home, folder, file)
}

const fn remote(key: &'static str, kind: Option<&'static str>, tools: bool) -> Option<Remote> {
    Some(Remote { key, kind, tools })
}

/// What most of them have.
const USUAL: Client = Client {
    id: "",
    name: "",
    format: Format::Json,
    key: "mcpServers",
    expansion: Expansion::None,
    then: NEW_SESSION,
    commands: &[],
    stdio: Stdio::Plain,
    remote: URL,
    user: &[],
    project: None,
};

/// Every client that has a file for its servers.
pub const CLIENTS: &[Client] = &[
    Client {
        id: "claude-desktop",
        name: "Claude Desktop",
        then: "quit it whole (also in the tray) and start it again",
        remote: None,
        user: &[
            at(MAC, Base::Home, "Library/Application Support/Claude", "claude_desktop_config.json"),
            at(LINUX, Base::Config, "Claude", "claude_desktop_config.json"),
            at(WINDOWS, Base::AppData, "Claude", "claude_desktop_config.json"),
            // The build of the Windows Store reads a folder of its own.
            at(
                WINDOWS,
                Base::LocalAppData,
                "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude",
                "claude_desktop_config.json",
            ),
        ],
        ..USUAL
    },
    Client {
        id: "claude-code",
        name: "Claude Code",
        expansion: Expansion::Braces,
        commands: &["claude"],
        stdio: Stdio::Typed("stdio"),
        remote: remote("url", Some("http"), false),
        user: &[home("", ".claude.json")],
        project: Some(".mcp.json"),
        ..USUAL
    },
    Client {
        id: "cursor",
        name: "Cursor",
        expansion: Expansion::Env,
        then: "turn the server on in its settings (MCP)",
        commands: &["cursor"],
        user: &[home(".cursor", "mcp.json")],
        project: Some(".cursor/mcp.json"),
        ..USUAL
    },
    Client {
        id: "vscode",
        name: "VS Code",
        key: "servers",
        expansion: Expansion::Input,
        then: "start the server in its list of MCP servers",
        commands: &["code"],
        stdio: Stdio::Typed("stdio"),
        remote: remote("url", Some("http"), false),
        user: &[
            at(MAC, Base::Home, "Library/Application Support/Code/User", "mcp.json"),
            at(LINUX, Base::Config, "Code/User", "mcp.json"),
            at(WINDOWS, Base::AppData, "Code/User", "mcp.json"),
        ],
        project: Some(".vscode/mcp.json"),
        ..USUAL
    },
    Client {
        id: "visual-studio",
        name: "Visual Studio",
        key: "servers",
        expansion: Expansion::Input,
        then: "turn the server on in the chat's list of tools",
        stdio: Stdio::Typed("stdio"),
        remote: remote("url", Some("http"), false),
        user: &[at(WINDOWS, Base::Home, "", ".mcp.json")],
        project: Some(".mcp.json"),
        ..USUAL
    },
    Client {
        id: "windsurf",
        name: "Windsurf",
        expansion: Expansion::Env,
        then: "refresh the list of servers in Cascade",
        remote: remote("serverUrl", None, false),
        user: &[home(".codeium/windsurf", "mcp_config.json")],
        ..USUAL
    },
    Client {
        id: "cline",
        name: "Cline",
        then: "look at its list of MCP servers",
        remote: remote("url", Some("streamableHttp"), false),
        user: &[
            at(
                MAC,
                Base::Home,
                "Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev",
                "settings/cline_mcp_settings.json",
            ),
            at(
                LINUX,
                Base::Config,
                "Code/User/globalStorage/saoudrizwan.claude-dev",
                "settings/cline_mcp_settings.json",
            ),
            at(
                WINDOWS,
                Base::AppData,
                "Code/User/globalStorage/saoudrizwan.claude-dev",
                "settings/cline_mcp_settings.json",
            ),
            home(".cline/data", "settings/cline_mcp_settings.json"),
        ],
        ..USUAL
    },
    Client {
        id: "zed",
        name: "Zed",
        key: "context_servers",
        then: "look at the agent panel's settings",
        commands: &["zed"],
        user: &[
            at(LINUX, Base::Config, "zed", "settings.json"),
            at(MAC, Base::Home, ".config/zed", "settings.json"),
            at(WINDOWS, Base::AppData, "Zed", "settings.json"),
        ],
        project: Some(".zed/settings.json"),
        ..USUAL
    },
    Client {
        id: "junie",
        name: "JetBrains Junie",
        then: "look at Settings, Tools, Junie, MCP Settings",
        remote: None,
        user: &[home(".junie", "mcp/mcp.json")],
        project: Some(".junie/mcp/mcp.json"),
        ..USUAL
    },
    Client {
        id: "codex",
        name: "Codex",
        format: Format::Toml,
        key: "mcp_servers",
        commands: &["codex"],
        user: &[home(".codex", "config.toml")],
        project: Some(".codex/config.toml"),
        ..USUAL
    },
    Client {
        id: "gemini",
        name: "Gemini CLI",
        expansion: Expansion::Dollar,
        commands: &["gemini"],
        remote: remote("httpUrl", None, false),
        user: &[home(".gemini", "settings.json")],
        project: Some(".gemini/settings.json"),
        ..USUAL
    },
    Client {
        id: "antigravity",
        name: "Antigravity",
        then: "refresh its list of MCP servers",
        remote: None,
        user: &[home(".gemini/config", "mcp_config.json")],
        ..USUAL
    },
    Client {
        id: "goose",
        name: "Goose",
        format: Format::Printed,
        key: "extensions",
        commands: &["goose"],
        stdio: Stdio::Goose,
        remote: remote("uri", Some("streamable_http"), false),
        user: &[
            at(UNIX, Base::Config, "goose", "config.yaml"),
            at(WINDOWS, Base::AppData, "Block/goose/config", "config.yaml"),
        ],
        ..USUAL
    },
    Client {
        id: "copilot-cli",
        name: "GitHub Copilot CLI",
        commands: &["copilot"],
        stdio: Stdio::WithTools,
        remote: remote("url", Some("http"), true),
        user: &[home(".copilot", "mcp-config.json")],
        project: Some(".github/mcp.json"),
        ..USUAL
    },
    Client {
        id: "lm-studio",
        name: "LM Studio",
        then: "turn the server on beside the chat (Program)",
        commands: &["lms"],
        user: &[home(".lmstudio", "mcp.json")],
        ..USUAL
    },
    Client {
        id: "continue",
        name: "Continue",
        then: "reload its configuration",
        commands: &["cn"],
        // A file of our own: its `config.yaml` is left alone.
        user: &[home(".continue", "mcpServers/mssql-mcp.json")],
        project: Some(".continue/mcpServers/mssql-mcp.json"),
        ..USUAL
    },
    Client {
        id: "warp",
        name: "Warp",
        then: "look at its settings (MCP servers)",
        user: &[home(".warp", ".mcp.json")],
        project: Some(".warp/.mcp.json"),
        ..USUAL
    },
    Client {
        id: "opencode",
        name: "OpenCode",
        key: "mcp",
        commands: &["opencode"],
        stdio: Stdio::OneArray,
        remote: remote("url", Some("remote"), false),
        user: &[at(ALL, Base::Config, "opencode", "opencode.jsonc")],
        project: Some("opencode.json"),
        ..USUAL
    },
    Client {
        id: "kiro",
        name: "Kiro",
        commands: &["kiro"],
        user: &[home(".kiro", "settings/mcp.json")],
        project: Some(".kiro/settings/mcp.json"),
        ..USUAL
    },
    Client {
        id: "grok",
        name: "Grok Build",
        format: Format::Toml,
        key: "mcp_servers",
        commands: &["grok"],
        user: &[home(".grok", "config.toml")],
        ..USUAL
    },
];

/// The client of this id.
#[must_use]
pub fn client(id: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|c| c.id == id)
}
