"""The Scoop manifest, for the archives of Windows that are there."""

import json

from . import project

CPUS = {"64bit": "x86_64", "arm64": "aarch64"}


def manifest(build, digests):
    """`digests`: file name → SHA-256. None when no archive is for Windows."""
    there, later = {}, {}
    for cpu, machine in CPUS.items():
        folder = f"{project.NAME}-{machine}-pc-windows-msvc"
        if f"{folder}.zip" in digests:
            there[cpu] = {"url": f"{build.download}/{folder}.zip", "hash": digests[f"{folder}.zip"], "extract_dir": folder}
            later[cpu] = {"url": f"{build.repository}/releases/download/v$version/{folder}.zip"}
    if not there:
        return None
    return {
        "version": project.VERSION,
        "description": project.DESCRIPTION,
        "homepage": build.repository,
        "license": {"identifier": "MIT|Apache-2.0"},
        "architecture": there,
        "bin": "mssql-mcp.exe",
        "checkver": "github",
        "autoupdate": {"architecture": later, "hash": {"url": "$baseurl/SHA256SUMS"}},
    }


def write(build, digests):
    made = manifest(build, digests)
    if made is None:
        return []
    path = build.out / "scoop-mssql-mcp.json"
    path.write_text(json.dumps(made, indent=2) + "\n")
    return [path]
