import pathlib
import tarfile
import unittest

from . import given, handshake


class Archive(unittest.TestCase):
    def test_the_archive_unpacked_into_an_empty_folder_serves_the_demo(self):
        with given.empty() as folder:
            with tarfile.open(given.OUT / given.TARGET.archive) as tar:
                tar.extractall(folder, filter="data")
            binary = pathlib.Path(folder) / f"mssql-mcp-{given.TARGET.triple}" / "mssql-mcp"
            server = handshake.demo([binary], given.environment(folder))
            self.assertEqual(server["version"], given.project.VERSION)

    def test_everything_in_the_archive_is_in_a_folder_of_its_name_and_nobodys(self):
        with tarfile.open(given.OUT / given.TARGET.archive) as tar:
            entries = tar.getmembers()
        folder = f"mssql-mcp-{given.TARGET.triple}"
        self.assertEqual({e.name.split("/")[0] for e in entries}, {folder})
        self.assertEqual({(e.uid, e.gid, e.uname, e.gname) for e in entries}, {(0, 0, "", "")})
        modes = {e.name.removeprefix(f"{folder}/"): e.mode for e in entries if e.isfile()}
        self.assertEqual(
            modes,
            {
                "LICENSE-APACHE": 0o644,
                "LICENSE-MIT": 0o644,
                "README.md": 0o644,
                "completions/_mssql-mcp": 0o644,
                "completions/mssql-mcp.bash": 0o644,
                "completions/mssql-mcp.fish": 0o644,
                "mssql-mcp": 0o755,
                "mssql-mcp.service": 0o644,
            },
        )

    def test_sha256sum_agrees_with_the_checksums_and_every_download_has_one(self):
        given.run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=given.OUT)
        named = {line.split("  ")[1] for line in (given.OUT / "SHA256SUMS").read_text().splitlines()}
        there = {p.name for p in given.OUT.iterdir()}
        self.assertEqual(there - named, {"SHA256SUMS", "server.json", "mssql-mcp.rb"})
