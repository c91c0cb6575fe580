"""server.json, the entry in the registry of MCP (schema 2025-12-11)."""

import json

from . import project

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
VARIABLES = [
    {"name": "MSSQL_HOST", "description": "SQL Server's host; also host,port and host\\instance", "isRequired": True, "format": "string"},
    {"name": "MSSQL_USER", "description": "A login of SQL Server; one that can only read is enough", "isRequired": True, "format": "string"},
    {"name": "MSSQL_PASSWORD", "description": "Its password", "isRequired": True, "isSecret": True, "format": "string"},
    {"name": "MSSQL_DATABASE", "description": "Database; empty for the login's default", "format": "string"},
    {"name": "MSSQL_ENCRYPT", "description": "TLS", "format": "string", "default": "on", "choices": ["on", "strict", "login-only", "off"]},
]
STDIO = {"type": "stdio"}


def package(kind, identifier, **more):
    return {"registryType": kind, "identifier": identifier, **more, "transport": STDIO, "packageArguments": [{"type": "positional", "value": "stdio"}], "environmentVariables": VARIABLES}


def entry(build, bundles):
    """`bundles`: file name → SHA-256 of each .mcpb of the release."""
    packages = [
        package("npm", project.PACKAGE, version=project.VERSION, runtimeHint="npx"),
        package("pypi", project.PACKAGE, version=project.VERSION, runtimeHint="uvx"),
        # The registry's names for images are in lower case.
        package("oci", f"ghcr.io/{build.owner.lower()}/{project.NAME}:{project.VERSION}", runtimeHint="docker"),
    ]
    for name, digest in sorted(bundles.items()):
        packages.append({"registryType": "mcpb", "identifier": f"{build.download}/{name}", "fileSha256": digest, "transport": STDIO})
    return {
        "$schema": SCHEMA,
        "name": build.registry_name,
        "title": project.TITLE,
        "description": project.DESCRIPTION,
        "version": project.VERSION,
        "repository": {"url": build.repository, "source": "github"},
        "packages": packages,
    }


def write(build, bundles):
    path = build.out / "server.json"
    path.write_text(json.dumps(entry(build, bundles), indent=2) + "\n")
    return path
