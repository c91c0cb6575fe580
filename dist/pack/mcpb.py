"""The bundle that Claude Desktop installs by a double click (manifest 0.3): mssql-mcp-VERSION-OS-CPU.mcpb."""

import json

from . import archive, fixed, project

# Each key of the form, with the variable that it becomes. What is optional has a default: without one, Claude Desktop hands over the literal ${user_config.…}.
SETTINGS = {
    "host": ("MSSQL_HOST", {"type": "string", "title": "Server", "description": "host, host,port or host\\instance", "required": True}),
    "user": ("MSSQL_USER", {"type": "string", "title": "User", "description": "A login of SQL Server; one that can only read is enough", "required": True}),
    "password": ("MSSQL_PASSWORD", {"type": "string", "title": "Password", "description": "Kept in the system's key store", "required": True, "sensitive": True}),
    "database": ("MSSQL_DATABASE", {"type": "string", "title": "Database", "description": "Empty: the login's default", "required": False, "default": ""}),
    "encrypt": ("MSSQL_ENCRYPT", {"type": "string", "title": "Encryption", "description": "on, strict, login-only or off", "required": False, "default": "on"}),
}


def manifest(build):
    os = build.target.npm.split("-")[0]
    # An override replaces and does not add, so there is none; Claude Desktop puts .exe behind the command on Windows.
    start = {
        "command": "${__dirname}/server/" + project.NAME,
        "args": ["stdio"],
        "env": {variable: "${user_config." + key + "}" for key, (variable, _) in SETTINGS.items()},
    }
    return {
        "manifest_version": "0.3",
        "name": project.NAME,
        "display_name": project.TITLE,
        "version": project.VERSION,
        "description": project.DESCRIPTION,
        "author": {"name": build.owner},
        "repository": {"type": "git", "url": build.repository},
        "license": project.LICENCE,
        "keywords": project.KEYWORDS,
        "server": {"type": "binary", "entry_point": f"server/{build.target.binary}", "mcp_config": start},
        # Which tools there are depends on the settings.
        "tools_generated": True,
        "compatibility": {"platforms": [os]},
        "user_config": {key: field for key, (_, field) in SETTINGS.items()},
    }


def write(build):
    text = json.dumps(manifest(build), indent=2) + "\n"
    files = {
        "manifest.json": (text.encode(), 0o644),
        **archive.licences(),
        f"server/{build.target.binary}": (build.binary.read_bytes(), 0o755),
    }
    path = build.out / f"{project.NAME}-{project.VERSION}-{build.target.mcpb}.mcpb"
    fixed.zip_file(path, files, build.epoch, build.level)
    return path
