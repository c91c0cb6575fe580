"""The RPM package, by rpmbuild from a spec of ours: mssql-mcp-VERSION-1.ARCH.rpm. Like the deb's, its first install starts nothing."""

import os
import pathlib
import subprocess
import tempfile

from . import project, system

SPEC = """Name: {name}
Version: {version}
Release: 1
Summary: Model Context Protocol server for Microsoft SQL Server
License: {licence}
URL: {url}
# Written down, so that the package is the same wherever it is built.
AutoReqProv: no
Requires: ca-certificates{requires}

%description
An AI client asks questions of SQL Server through a few tools, over stdio or HTTP.
It is read-only unless it is told otherwise, and needs no ODBC driver.

%post
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ "$1" -gt 1 ]; then systemctl try-restart mssql-mcp.service || :; fi
fi

%preun
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
  systemctl --no-reload disable --now mssql-mcp.service || :
fi

%postun
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi

%files
{files}
"""


def listed(contents):
    lines = []
    for name, (_, mode) in sorted(contents.items()):
        kind = "%config(noreplace) " if name == system.SETTINGS_FILE else "%license " if "LICENSE" in name else "%doc " if name.startswith(system.DOCS) else ""
        lines.append(f"%attr({mode:04o},root,root) {kind}/{name}")
    return "\n".join(["%dir %attr(0755,root,root) /etc/mssql-mcp", f"%dir %attr(0755,root,root) /{system.DOCS}", *lines])


def write(build, completed):
    architecture = build.target.triple.split("-")[0]
    path = build.out / f"{project.NAME}-{project.VERSION}-1.{architecture}.rpm"
    contents = system.files(build, completed, "usr/share/zsh/site-functions")
    needed = system.glibc(build)
    # As glibc's own package provides it; libgcc comes with it in every distribution that has RPM.
    requires = f", libc.so.6(GLIBC_{needed})(64bit), libgcc_s.so.1()(64bit)" if needed else ""
    spec = SPEC.format(name=project.NAME, version=project.VERSION, licence=project.LICENCE, url=build.repository, requires=requires, files=listed(contents))
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "package.spec").write_text(spec)
        system.lay(top / "root", contents, build.epoch)
        defines = {
            "_topdir": top / "top",
            "_rpmdir": top / "made",
            "_dbpath": top / "db",
            "_tmppath": top,
            "_buildhost": "localhost",
            "_binary_payload": f"w{min(build.level, 6)}.xzdio",
            "use_source_date_epoch_as_buildtime": "1",
            "clamp_mtime_to_source_date_epoch": "1",
            "_build_id_links": "none",
            "debug_package": "%{nil}",
            # Without these rpmbuild strips and compresses what it finds.
            "__os_install_post": "%{nil}",
            "__arch_install_post": "%{nil}",
        }
        command = ["rpmbuild", "-bb", "--quiet", "--target", architecture, "--buildroot", top / "root", "--noclean"]
        for name, value in defines.items():
            command += ["--define", f"{name} {value}"]
        said = subprocess.run(
            [*command, top / "package.spec"],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(build.epoch), "HOME": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        made = list((top / "made").rglob("*.rpm"))
        if said.returncode or len(made) != 1:
            raise SystemExit(f"rpmbuild failed:\n{said.stdout}")
        path.write_bytes(made[0].read_bytes())
    return path
