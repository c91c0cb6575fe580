import os
import pathlib
import signal
import subprocess
import unittest

from . import given, handshake

ROOT = f"mssql-mcp-rs-{given.project.VERSION}.tgz"
PLATFORM = f"mssql-mcp-rs-{given.TARGET.npm}-{given.project.VERSION}.tgz"


def install(folder, *packages):
    """npm with an empty cache, without the network and without scripts."""
    (pathlib.Path(folder) / "package.json").write_text('{"private": true}')
    env = given.environment(folder, npm_config_cache=f"{folder}/cache")
    given.run("npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", *(given.OUT / p for p in packages), cwd=folder, env=env)
    return pathlib.Path(folder) / "node_modules" / ".bin" / "mssql-mcp-rs"


class Npm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = given.empty()
        cls.folder = cls.place.name
        cls.launcher = install(cls.folder, ROOT, PLATFORM)
        cls.env = given.environment(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def test_installed_offline_without_scripts_the_launcher_serves_the_demo(self):
        server = handshake.demo([self.launcher], self.env)
        self.assertEqual(server["version"], given.project.VERSION)

    def test_npx_starts_what_is_installed(self):
        env = {**self.env, "npm_config_cache": f"{self.folder}/cache"}
        handshake.demo(["npx", "--offline", "--no-install", "mssql-mcp-rs"], env, cwd=self.folder)

    def test_the_exit_code_of_the_program_is_the_launchers(self):
        done = subprocess.run([self.launcher, "no-such-command"], env=self.env, capture_output=True, text=True)
        direct = subprocess.run([given.BINARY, "no-such-command"], env=self.env, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (direct.returncode, direct.stdout, direct.stderr))
        self.assertNotEqual(direct.returncode, 0)

    def test_a_signal_to_the_launcher_ends_the_program_in_its_own_way(self):
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(one.name), handshake.Client([self.launcher, "demo", "--stdio"], self.env) as client:
                client.begin()
                os.kill(client.process.pid, one)
                code = client.process.wait(handshake.PATIENCE)
                with handshake.Client([given.BINARY, "demo", "--stdio"], self.env) as direct:
                    direct.begin()
                    os.kill(direct.process.pid, one)
                    self.assertEqual(code, direct.process.wait(handshake.PATIENCE))
                self.assertEqual(handshake.of_session(client.process.pid), [])

    def test_a_program_that_is_killed_takes_the_launcher_along_with_the_same_signal(self):
        with handshake.Client([self.launcher, "demo", "--stdio"], self.env) as client:
            client.begin()
            children = pathlib.Path(f"/proc/{client.process.pid}/task/{client.process.pid}/children").read_text().split()
            self.assertEqual(len(children), 1)
            os.kill(int(children[0]), signal.SIGKILL)
            self.assertEqual(client.process.wait(handshake.PATIENCE), -signal.SIGKILL)
            client.reader.join()
            self.assertIn("was ended by SIGKILL", "".join(client.stderr))

    def test_without_the_platform_package_the_launcher_says_which_one_is_missing_and_nothing_on_stdout(self):
        with given.empty() as folder:
            launcher = install(folder, ROOT)
            done = subprocess.run([launcher, "demo", "--stdio"], env=given.environment(folder), capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(f"mssql-mcp-rs-{given.TARGET.npm} is not installed", done.stderr)
            for word in ("--no-optional", "lock file", "MSSQL_MCP_BINARY"):
                self.assertIn(word, done.stderr)
            # The way out that the text names.
            handshake.demo([launcher], given.environment(folder, MSSQL_MCP_BINARY=str(given.BINARY)))

    def test_a_program_that_cannot_be_started_is_named(self):
        done = subprocess.run([self.launcher, "--version"], env={**self.env, "MSSQL_MCP_BINARY": "/nowhere/mssql-mcp"}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/nowhere/mssql-mcp cannot be started", done.stderr)

    def test_npm_would_publish_both(self):
        for package in (ROOT, PLATFORM):
            with given.empty() as folder:
                given.run("tar", "-xzf", given.OUT / package, "-C", folder)
                given.run("npm", "pack", "--dry-run", "--ignore-scripts", f"{folder}/package", cwd=folder, env=given.environment(folder, npm_config_cache=f"{folder}/cache"))
