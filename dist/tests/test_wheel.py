import pathlib
import unittest
import zipfile

from . import given, handshake

VENV = given.TOOLS / "venv" / "bin"


class Wheel(unittest.TestCase):
    def setUp(self):
        self.wheel = given.one("*.whl")

    def test_pip_installs_the_wheel_offline_and_both_names_serve_the_demo(self):
        with given.empty() as folder:
            given.run("python3", "-m", "venv", f"{folder}/venv")
            pip = [f"{folder}/venv/bin/pip", "--disable-pip-version-check"]
            given.run(*pip, "install", "--no-index", self.wheel, env=given.environment(folder))
            for script in ("mssql-mcp", "mssql-mcp-rs"):
                with self.subTest(script):
                    server = handshake.demo([f"{folder}/venv/bin/{script}"], given.environment(folder))
                    self.assertEqual(server["version"], given.project.VERSION)
            handshake.demo([f"{folder}/venv/bin/python", "-m", "mssql_mcp_rs"], given.environment(folder))
            given.run(*pip, "uninstall", "--yes", "mssql-mcp-rs", env=given.environment(folder))
            left = [p for p in pathlib.Path(folder, "venv").rglob("*mssql*mcp*")]
            self.assertEqual(left, [])

    def test_uvx_starts_the_wheel_by_the_packages_own_name(self):
        with given.empty() as folder:
            env = given.environment(folder, UV_CACHE_DIR=f"{folder}/cache")
            handshake.demo([VENV / "uvx", "--offline", "--from", self.wheel, "mssql-mcp-rs"], env)

    def test_twine_finds_nothing_wrong(self):
        given.run(VENV / "twine", "check", "--strict", self.wheel)

    def test_the_tag_is_the_glibc_that_the_binary_asks_for(self):
        major, minor = given.elf.Elf(given.BINARY.read_bytes()).glibc()
        self.assertTrue(self.wheel.name.endswith(f"-py3-none-manylinux_{major}_{minor}_x86_64.whl"), self.wheel.name)

    def test_the_record_names_every_file_of_the_wheel(self):
        with zipfile.ZipFile(self.wheel) as packed:
            self.assertIsNone(packed.testzip())
            record = packed.read(f"mssql_mcp_rs-{given.project.VERSION}.dist-info/RECORD").decode()
            self.assertEqual([line.split(",")[0] for line in record.splitlines()], packed.namelist())
