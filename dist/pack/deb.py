"""The Debian package, by dpkg-deb: mssql-mcp_VERSION-1_ARCH.deb. A first install starts nothing, because nothing is configured yet."""

import email.utils
import gzip
import hashlib
import os
import pathlib
import subprocess
import tempfile
import time

from . import project, system

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SCRIPTS = ("postinst", "prerm", "postrm")

# The copyright format 1.0 of Debian.
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: mssql-mcp
Source: {source}

Files: *
Copyright: {year} the mssql-mcp authors
License: Expat or Apache-2.0
 The full texts are LICENSE-MIT and LICENSE-APACHE in this folder; Apache-2.0 is in /usr/share/common-licenses as well.
"""


CHANGELOG = """mssql-mcp ({version}-1) unstable; urgency=medium

  * {source}/blob/v{version}/CHANGELOG.md

 -- {maintainer}  {date}
"""


def maintainer(build):
    return f"{build.owner} <{build.owner}@users.noreply.github.com>"


def papers(build):
    """What Debian asks of every package: whose it is, and what changed."""
    year = str(time.gmtime(build.epoch).tm_year)
    date = email.utils.formatdate(build.epoch)
    changed = CHANGELOG.format(version=project.VERSION, source=build.repository, maintainer=maintainer(build), date=date)
    return {
        f"{system.DOCS}/copyright": (COPYRIGHT.format(source=build.repository, year=year).encode(), 0o644),
        f"{system.DOCS}/changelog.Debian.gz": (gzip.compress(changed.encode(), 9, mtime=0), 0o644),
    }


def control(build, contents):
    needed = system.glibc(build)
    depends = (f"libc6 (>= {needed}), libgcc-s1, " if needed else "") + "ca-certificates"
    return "\n".join(
        [
            f"Package: {project.NAME}",
            f"Version: {project.VERSION}-1",
            f"Architecture: {ARCHITECTURES[build.target.triple.split('-')[0]]}",
            f"Maintainer: {maintainer(build)}",
            f"Installed-Size: {sum(len(data) for data, _ in contents.values()) // 1024 + 1}",
            f"Depends: {depends}",
            "Section: database",
            "Priority: optional",
            f"Homepage: {build.repository}",
            "Description: Model Context Protocol server for Microsoft SQL Server",
            " An AI client asks questions of SQL Server through a few tools, over stdio or",
            " HTTP. It is read-only unless it is told otherwise, and needs no ODBC driver.",
            "",
        ]
    )


def write(build, completed):
    architecture = ARCHITECTURES[build.target.triple.split("-")[0]]
    path = build.out / f"{project.NAME}_{project.VERSION}-1_{architecture}.deb"
    contents = system.files(build, completed, "usr/share/zsh/vendor-completions")
    contents |= papers(build)
    sums = "".join(f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}  {name}\n" for name, (data, _) in sorted(contents.items()))
    contents["DEBIAN/control"] = (control(build, contents).encode(), 0o644)
    contents["DEBIAN/conffiles"] = (f"/{system.SETTINGS_FILE}\n".encode(), 0o644)
    contents["DEBIAN/md5sums"] = (sums.encode(), 0o644)
    for name in SCRIPTS:
        contents[f"DEBIAN/{name}"] = ((project.TEMPLATES / "deb" / name).read_bytes(), 0o755)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        system.lay(root, contents, build.epoch)
        subprocess.run(
            # xz, because dpkg before Debian 12 has no zstd.
            ["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{min(build.level, 6)}", "--build", root, path],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(build.epoch), "XZ_OPT": "", "DPKG_DEB_THREADS_MAX": "1"},
        )
    return path
