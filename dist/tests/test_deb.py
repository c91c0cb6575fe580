import os
import pathlib
import shutil
import unittest

from . import given, handshake
from pack import system


def dpkg(root, *arguments):
    """dpkg over a folder of its own; what the package depends on is this machine's."""
    # Without a chroot: the folder has no shell. The scripts see DPKG_ROOT and let this machine's systemd alone; they are tried below.
    given.run(
        "dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", "--force-not-root", *arguments,
        env={**os.environ, "DPKG_MAINTSCRIPT_PACKAGE": "mssql-mcp", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )


def fresh(folder):
    root = pathlib.Path(folder)
    for name in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    return root


def installed(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and not str(p.relative_to(root)).startswith("var/lib/dpkg"))


class Deb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb = given.one("*.deb")

    def test_dpkg_installs_it_into_an_empty_root_where_it_serves_the_demo(self):
        with given.empty() as folder:
            root = fresh(folder)
            dpkg(root, "--install", self.deb)
            server = handshake.demo([root / "usr/bin/mssql-mcp"], given.environment(folder))
            self.assertEqual(server["version"], given.project.VERSION)

    def test_an_upgrade_keeps_the_settings_and_a_purge_leaves_nothing(self):
        with given.empty() as folder:
            root = fresh(folder)
            dpkg(root, "--install", self.deb)
            env = root / system.SETTINGS_FILE
            self.assertEqual(env.stat().st_mode & 0o777, 0o600)
            env.write_text("MSSQL_HOST=kept\n")
            dpkg(root, "--force-confold", "--install", self.deb)
            self.assertEqual(env.read_text(), "MSSQL_HOST=kept\n")
            dpkg(root, "--remove", "mssql-mcp")
            self.assertEqual(installed(root), [system.SETTINGS_FILE])
            dpkg(root, "--purge", "mssql-mcp")
            self.assertEqual(installed(root), [])

    def test_no_script_starts_the_service_that_nobody_has_configured(self):
        # systemctl stands in: it writes down what it is asked.
        with given.empty() as folder:
            given.run("dpkg-deb", "--control", self.deb, f"{folder}/control")
            path = pathlib.Path(folder, "bin")
            path.mkdir()
            (path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {folder}/asked\n')
            (path / "systemctl").chmod(0o755)
            asked = pathlib.Path(folder, "asked")
            for script, arguments, wanted in (
                ("postinst", ["configure", ""], "daemon-reload\n"),
                ("postinst", ["configure", "0.0.9"], "daemon-reload\ntry-restart mssql-mcp.service\n"),
                ("prerm", ["upgrade", "9"], ""),
                ("prerm", ["remove"], "--no-reload disable --now mssql-mcp.service\n"),
                ("postrm", ["remove"], "daemon-reload\n"),
            ):
                asked.write_text("")
                # The test for systemd is made true: this machine may have none.
                text = pathlib.Path(folder, "control", script).read_text().replace("/run/systemd/system", str(path))
                given.run("sh", "-c", text, script, *arguments, env={"PATH": f"{path}:{os.environ['PATH']}", "DPKG_ROOT": ""})
                self.assertEqual(asked.read_text(), wanted, f"{script} {arguments}")

    def test_systemd_accepts_the_unit_and_finds_it_safe(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not here")
        with given.empty() as folder:
            given.run("dpkg-deb", "-x", self.deb, folder)
            unit = pathlib.Path(folder, "usr/lib/systemd/system/mssql-mcp.service")
            text = unit.read_text()
            self.assertIn("ExecStart=/usr/bin/mssql-mcp serve\n", text)
            self.assertIn("DynamicUser=yes\n", text)
            self.assertNotIn("/usr/local", text)
            # Its program, where this machine has it.
            unit.write_text(text.replace("/usr/bin/mssql-mcp", f"{folder}/usr/bin/mssql-mcp").replace("file:///usr/share", f"file://{folder}/usr/share"))
            given.run("systemd-analyze", "verify", "--man=no", unit)
            given.run("systemd-analyze", "security", "--offline=true", "--threshold=25", unit)

    def test_the_package_asks_for_the_glibc_of_the_binary(self):
        depends = given.run("dpkg-deb", "--field", self.deb, "Depends")
        major, minor = given.elf.Elf(given.BINARY.read_bytes()).glibc()
        self.assertEqual(depends, f"libc6 (>= {major}.{minor}), libgcc-s1, ca-certificates\n")
