import json
import pathlib
import tarfile
import unittest
import zipfile

from . import given

BUILD = given.project.ROOT / "dist/build.py"
# Those whose packages need no look into the binary: a stand-in that prints something is enough.
TARGETS = [t for t in given.project.TARGETS if t.libc != "glibc"]


class Targets(unittest.TestCase):
    """What the release workflow does on other machines, as far as it does not depend on them."""

    @classmethod
    def setUpClass(cls):
        cls.place = given.empty()
        cls.out = pathlib.Path(cls.place.name, "out")
        binary = pathlib.Path(cls.place.name, "stand-in")
        binary.write_text("#!/bin/sh\necho stand-in\n")
        binary.chmod(0o755)
        for target in TARGETS:
            given.run("python3", "-B", BUILD, binary, cls.out, "--target", target.triple, "--owner", "Somebody")
        given.run("python3", "-B", BUILD, given.BINARY, cls.out, "--owner", "Somebody", "--collect")
        cls.names = {p.name for p in cls.out.iterdir()}

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def test_each_target_has_its_archive_npm_package_and_bundle(self):
        version = given.project.VERSION
        for target in TARGETS:
            wanted = {target.archive, f"mssql-mcp-rs-{target.npm}-{version}.tgz", f"mssql-mcp-{version}-{target.mcpb}.mcpb", f"mssql_mcp_rs-{version}-py3-none-{target.wheel}.whl"}
            self.assertLessEqual(wanted, self.names)
        self.assertFalse([n for n in self.names if n.endswith((".deb", ".rpm"))])

    def test_npm_chooses_by_system_processor_and_libc(self):
        found = {}
        for target in TARGETS:
            with tarfile.open(self.out / f"mssql-mcp-rs-{target.npm}-{given.project.VERSION}.tgz") as package:
                manifest = json.load(package.extractfile("package/package.json"))
                package.getmember(f"package/{target.binary}")
            found[target.triple] = (manifest["os"], manifest["cpu"], manifest.get("libc"))
        self.assertEqual(found["x86_64-unknown-linux-musl"], (["linux"], ["x64"], ["musl"]))
        self.assertEqual(found["aarch64-apple-darwin"], (["darwin"], ["arm64"], None))
        self.assertEqual(found["x86_64-pc-windows-msvc"], (["win32"], ["x64"], None))
        self.assertEqual(len({json.dumps(f) for f in found.values()}), len(TARGETS))

    def test_windows_has_a_zip_with_the_program_its_bare_program_and_the_manifests(self):
        folder = "mssql-mcp-x86_64-pc-windows-msvc"
        with zipfile.ZipFile(self.out / f"{folder}.zip") as archive:
            self.assertIn(f"{folder}/mssql-mcp.exe", archive.namelist())
            self.assertNotIn(f"{folder}/mssql-mcp.service", archive.namelist())
        wanted = {f"{folder}.exe", "scoop-mssql-mcp.json", "Somebody.mssql-mcp.yaml", "Somebody.mssql-mcp.installer.yaml", "Somebody.mssql-mcp.locale.en-US.yaml", "mssql-mcp.rb"}
        self.assertLessEqual(wanted, self.names)

    def test_a_bundle_says_for_which_system_it_is(self):
        for target in TARGETS:
            with zipfile.ZipFile(self.out / f"mssql-mcp-{given.project.VERSION}-{target.mcpb}.mcpb") as bundle:
                manifest = json.loads(bundle.read("manifest.json"))
                self.assertIn(manifest["server"]["entry_point"], bundle.namelist())
            self.assertEqual(manifest["compatibility"]["platforms"], [target.npm.split("-")[0]])

    def test_the_entry_of_the_registry_has_every_bundle_and_an_image_in_lower_case(self):
        packages = json.loads((self.out / "server.json").read_text())["packages"]
        bundles = [p["identifier"].rsplit("/", 1)[1] for p in packages if p["registryType"] == "mcpb"]
        self.assertEqual(bundles, sorted(n for n in self.names if n.endswith(".mcpb")))
        image = next(p["identifier"] for p in packages if p["registryType"] == "oci")
        self.assertEqual(image, f"ghcr.io/somebody/mssql-mcp:{given.project.VERSION}")

    def test_the_checksums_have_every_download_of_every_target(self):
        given.run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=self.out)
        named = {line.split("  ")[1] for line in (self.out / "SHA256SUMS").read_text().splitlines()}
        self.assertEqual({n for n in self.names - named if not n.endswith((".yaml", ".json", ".rb"))}, {"SHA256SUMS"})

    def test_a_target_that_nobody_releases_is_refused(self):
        with self.assertRaises(SystemExit) as refused:
            given.project.target("mips-unknown-linux-gnu")
        self.assertIn("is no target of a release", str(refused.exception))
