import pathlib
import unittest

from . import given, handshake
from pack import system


class Rpm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rpm = given.one("*.rpm")

    def test_what_the_package_has_serves_the_demo(self):
        with given.empty() as folder:
            given.run("sh", "-c", 'rpm2cpio "$1" | cpio --quiet -idm', "sh", self.rpm, cwd=folder)
            binary = pathlib.Path(folder, "usr/bin/mssql-mcp")
            server = handshake.demo([binary], given.environment(folder))
            self.assertEqual(server["version"], given.project.VERSION)

    def test_rpm_installs_it_into_an_empty_root_and_erases_it(self):
        with given.empty() as folder:
            rpm = ["rpm", "--root", folder, "--dbpath", "/db", "--nodeps", "--noscripts"]
            given.run(*rpm, "-i", self.rpm)
            self.assertEqual(given.run(*rpm, "-V", "mssql-mcp"), "")
            handshake.demo([f"{folder}/usr/bin/mssql-mcp"], given.environment(folder))
            given.run(*rpm, "-e", "mssql-mcp")
            left = [p for p in pathlib.Path(folder).rglob("*") if p.is_file() and "db" not in p.parts]
            self.assertEqual(left, [])

    def test_settings_are_kept_at_an_upgrade_and_readable_by_root_alone(self):
        listed = given.run("rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEMODES:octal} %{FILEFLAGS:fflags} %{FILEUSERNAME}\n]", self.rpm)
        self.assertIn(f"/{system.SETTINGS_FILE} 100600 cn root\n", listed)
        self.assertIn("/usr/bin/mssql-mcp 100755  root\n", listed)

    def test_no_script_starts_or_enables_the_service(self):
        scripts = given.run("rpm", "-qp", "--scripts", self.rpm)
        for line in scripts.splitlines():
            for word in ("enable ", " start", " restart"):
                self.assertNotIn(word, line.replace("daemon-reload", ""))

    def test_the_package_asks_for_the_glibc_of_the_binary(self):
        requires = given.run("rpm", "-qp", "--requires", self.rpm).splitlines()
        major, minor = given.elf.Elf(given.BINARY.read_bytes()).glibc()
        self.assertIn(f"libc.so.6(GLIBC_{major}.{minor})(64bit)", requires)
        self.assertIn("ca-certificates", requires)
