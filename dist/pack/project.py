"""What all packages say of the project, in one place; the version is Cargo.toml's."""

import dataclasses
import os
import pathlib
import re
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "dist" / "templates"
NAME = "mssql-mcp"
# `mssql-mcp` is somebody else's program on npm and PyPI.
PACKAGE = "mssql-mcp-rs"
MODULE = "mssql_mcp_rs"
TITLE = "Microsoft SQL Server"
# At most 100 characters: the registry of MCP refuses longer ones.
DESCRIPTION = "Ask and query Microsoft SQL Server: read-only by default, every statement checked before it runs"
LICENCE = "MIT OR Apache-2.0"
KEYWORDS = ["mcp", "sql-server", "mssql", "t-sql", "model-context-protocol"]
# The newest glibc that a release may need: Ubuntu 22.04, Debian 12, RHEL 9 and Amazon Linux 2023 have 2.34 or newer.
GLIBC_AT_MOST = (2, 34)


@dataclasses.dataclass(frozen=True)
class Target:
    """A platform by the names that each package manager has for it; `wheel` is completed by `wheel.tag` where it ends with `_`."""

    triple: str
    npm: str
    wheel: str
    mcpb: str
    libc: str = ""

    @property
    def windows(self):
        return "windows" in self.triple

    @property
    def binary(self):
        return NAME + (".exe" if self.windows else "")

    @property
    def archive(self):
        return f"{NAME}-{self.triple}" + (".zip" if self.windows else ".tar.gz")


TARGETS = [
    Target("x86_64-unknown-linux-gnu", "linux-x64", "manylinux_", "linux-x64", "glibc"),
    Target("aarch64-unknown-linux-gnu", "linux-arm64", "manylinux_", "linux-arm64", "glibc"),
    Target("x86_64-unknown-linux-musl", "linux-x64-musl", "musllinux_1_2_x86_64", "linux-x64-musl", "musl"),
    Target("aarch64-unknown-linux-musl", "linux-arm64-musl", "musllinux_1_2_aarch64", "linux-arm64-musl", "musl"),
    Target("x86_64-apple-darwin", "darwin-x64", "macosx_11_0_x86_64", "darwin-x64"),
    Target("aarch64-apple-darwin", "darwin-arm64", "macosx_11_0_arm64", "darwin-arm64"),
    Target("x86_64-pc-windows-msvc", "win32-x64", "win_amd64", "win32-x64"),
    Target("aarch64-pc-windows-msvc", "win32-arm64", "win_arm64", "win32-arm64"),
]


@dataclasses.dataclass(frozen=True)
class Build:
    """One run of build.py: the binary, whom it is for, and what keeps its bytes the same."""

    binary: pathlib.Path
    out: pathlib.Path
    target: Target
    owner: str
    epoch: int
    # 1 (quick) to 9 (small)
    level: int = 9

    @property
    def repository(self):
        return f"https://github.com/{self.owner}/{NAME}"

    @property
    def registry_name(self):
        """The name in the registry of MCP, which npm, PyPI and the image have to repeat as a proof."""
        return f"io.github.{self.owner}/{NAME}"

    @property
    def download(self):
        return f"{self.repository}/releases/download/v{VERSION}"


def target(triple):
    for one in TARGETS:
        if one.triple == triple:
            return one
    raise SystemExit(f"{triple} is no target of a release; these are: {', '.join(t.triple for t in TARGETS)}")


def commit_time():
    """SOURCE_DATE_EPOCH, else when the commit was made: the same commit has the same packages."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    said = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(said.stdout)


def version():
    given = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    # A pre-release is written differently by PyPI, deb and rpm; nobody has asked for one yet.
    if not re.fullmatch(r"\d+\.\d+\.\d+", given):
        raise SystemExit(f"Cargo.toml has version {given}; packages need MAJOR.MINOR.PATCH")
    return given


VERSION = version()
