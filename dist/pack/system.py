"""What deb and rpm install, the same in both: where each file goes, with deploy/'s unit under the system's paths."""

import os

from . import archive, elf, project

SETTINGS_FILE = "etc/mssql-mcp/env"
# Read by systemd as root before the server starts; it may hold a password.
SETTINGS_MODE = 0o600
COMPLETIONS = {"bash": "usr/share/bash-completion/completions/mssql-mcp", "fish": "usr/share/fish/vendor_completions.d/mssql-mcp.fish"}
DOCS = "usr/share/doc/mssql-mcp"


def unit():
    """deploy/mssql-mcp.service with what a package puts elsewhere; nothing else may differ."""
    text = (project.ROOT / "deploy/mssql-mcp.service").read_text()
    head, rest = text.split("[Unit]", 1)
    if "/usr/local/" not in rest:
        raise SystemExit("deploy/mssql-mcp.service has no path below /usr/local any more: dist/pack/system.py must be told where a package's paths go")
    return "[Unit]" + rest.replace("/usr/local/", "/usr/")


def files(build, completed, zsh):
    """Path without the first slash → (bytes, mode); `zsh` is the folder in which the distribution's zsh looks."""
    found = {
        "usr/bin/mssql-mcp": (build.binary.read_bytes(), 0o755),
        "usr/lib/systemd/system/mssql-mcp.service": (unit().encode(), 0o644),
        SETTINGS_FILE: ((project.TEMPLATES / "env").read_bytes(), SETTINGS_MODE),
    }
    for shell, path in {**COMPLETIONS, "zsh": f"{zsh}/_mssql-mcp"}.items():
        found[path] = (completed[shell], 0o644)
    for name in ("operations.md", "configuration.md", "systemd.md"):
        found[f"{DOCS}/{name}"] = ((project.ROOT / "docs" / name).read_bytes(), 0o644)
    for name, file in archive.licences().items():
        found[f"{DOCS}/{name}"] = file
    return found


def glibc(build):
    """The glibc that the package must ask for, as text; empty for a static binary."""
    needed = elf.Elf(build.binary.read_bytes()).glibc()
    return ".".join(map(str, needed)) if needed else ""


def lay(root, contents, epoch):
    """Writes the files below a folder, all with the same time."""
    for name, (data, mode) in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
    for path in [root, *root.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (epoch, epoch))
