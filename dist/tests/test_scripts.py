import functools
import hashlib
import http.server
import os
import pathlib
import shutil
import subprocess
import threading
import unittest

from . import given, handshake


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Mirror:
    """A folder over HTTP on loopback."""

    def __init__(self, folder):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.url

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class InstallScript(unittest.TestCase):
    def setUp(self):
        self.place = given.empty()
        self.addCleanup(self.place.cleanup)
        self.folder = pathlib.Path(self.place.name)
        self.mirror = self.folder / "mirror"
        self.mirror.mkdir()
        for name in ("SHA256SUMS", given.TARGET.archive):
            shutil.copy(given.OUT / name, self.mirror)
        self.bin = self.folder / "home/.local/bin"

    def install(self, url, **more):
        env = given.environment(self.folder / "home", MSSQL_MCP_DOWNLOAD=url, TMPDIR=str(self.folder), **more)
        (self.folder / "home").mkdir(exist_ok=True)
        # Through stdin, as people do it.
        return subprocess.run(["sh"], stdin=(given.OUT / "install.sh").open(), env=env, capture_output=True, text=True)

    def left(self):
        return sorted(p.name for p in self.folder.iterdir())

    def test_it_installs_a_program_that_serves_the_demo_and_tells_that_the_folder_is_not_in_path(self):
        with Mirror(self.mirror) as url:
            done = self.install(url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"as {self.bin}/mssql-mcp", done.stdout)
        self.assertIn("is not in PATH", done.stdout)
        handshake.demo([self.bin / "mssql-mcp"], given.environment(self.folder))
        self.assertEqual(self.left(), ["home", "mirror"])

    def test_it_replaces_a_program_that_runs(self):
        with Mirror(self.mirror) as url:
            self.install(url)
            with handshake.Client([self.bin / "mssql-mcp", "demo", "--stdio"], given.environment(self.folder)) as client:
                client.begin()
                done = self.install(url)
                self.assertEqual(done.returncode, 0, done.stderr)
                client.finish()

    def test_it_refuses_an_archive_with_another_checksum_and_leaves_nothing(self):
        archive = self.mirror / given.TARGET.archive
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        archive.write_bytes(data)
        with Mirror(self.mirror) as url:
            done = self.install(url)
        self.assertEqual(done.returncode, 1)
        self.assertIn(hashlib.sha256(data).hexdigest(), done.stderr)
        self.assertFalse(self.bin.exists())
        self.assertEqual(self.left(), ["home", "mirror"])

    def test_it_refuses_what_the_checksums_do_not_name(self):
        (self.mirror / "SHA256SUMS").write_text("")
        with Mirror(self.mirror) as url:
            done = self.install(url)
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not name", done.stderr)
        self.assertFalse(self.bin.exists())

    def test_it_names_what_cannot_be_downloaded(self):
        with Mirror(self.mirror) as url:
            done = self.install(f"{url}/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{url}/nowhere/SHA256SUMS cannot be downloaded", done.stderr)

    def test_a_half_of_the_script_does_nothing(self):
        text = (given.OUT / "install.sh").read_text()
        for part in (len(text) // 2, len(text) - 6):
            done = subprocess.run(["sh", "-c", text[:part]], env=given.environment(self.folder / "home"), capture_output=True, text=True)
            self.assertFalse(self.bin.exists(), done.stderr)

    def test_an_old_glibc_or_none_gets_the_static_build(self):
        path = self.folder / "path"
        path.mkdir()
        for said, wanted in (("glibc 2.33", "musl"), ("glibc 2.34", "gnu"), ("glibc 2.41", "gnu"), ("", "musl")):
            (path / "getconf").write_text(f"#!/bin/sh\necho '{said}'\n")
            (path / "getconf").chmod(0o755)
            text = (given.OUT / "install.sh").read_text().removesuffix("main\n") + "libc\n"
            found = given.run("sh", "-c", text, env={"PATH": f"{path}:{os.environ['PATH']}"})
            self.assertEqual(found, f"{wanted}\n", said)

    def test_shellcheck_has_nothing_to_say(self):
        dist = given.project.ROOT / "dist"
        given.run("shellcheck", given.OUT / "install.sh", dist / "tools.sh", *sorted((dist / "templates/deb").iterdir()))
