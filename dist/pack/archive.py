"""The archive that everything else points at: mssql-mcp-TARGET.tar.gz (or .zip), in a folder of the same name."""

import subprocess

from . import fixed, project

SHELLS = {"bash": "mssql-mcp.bash", "zsh": "_mssql-mcp", "fish": "mssql-mcp.fish"}


def completions(build):
    """Shell → what `completions` prints; it is asked of the binary, so it has to run here."""
    said = {}
    for shell in SHELLS:
        said[shell] = subprocess.run([build.binary, "completions", shell], check=True, stdout=subprocess.PIPE).stdout
    return said


def licences():
    return {name: ((project.ROOT / name).read_bytes(), 0o644) for name in ("LICENSE-APACHE", "LICENSE-MIT")}


def write(build, completed):
    folder = f"{project.NAME}-{build.target.triple}"
    files = {
        build.target.binary: (build.binary.read_bytes(), 0o755),
        "README.md": ((project.ROOT / "README.md").read_bytes(), 0o644),
        **licences(),
    }
    for shell, text in completed.items():
        files[f"completions/{SHELLS[shell]}"] = (text, 0o644)
    if "linux" in build.target.triple:
        files["mssql-mcp.service"] = ((project.ROOT / "deploy/mssql-mcp.service").read_bytes(), 0o644)
    files = {f"{folder}/{name}": files[name] for name in sorted(files)}
    path = build.out / build.target.archive
    if build.target.windows:
        fixed.zip_file(path, files, build.epoch, build.level)
    else:
        fixed.tar_gz(path, files, build.epoch, build.level)
    return path
