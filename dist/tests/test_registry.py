import hashlib
import json
import os
import pathlib
import subprocess
import tarfile
import tomllib
import unittest
import zipfile

from . import given

CHECK = pathlib.Path(__file__).with_name("check_server_json.py")
VERSION = given.project.VERSION


def check(entry, *schemas):
    return subprocess.run([given.TOOLS / "venv/bin/python", CHECK, entry, *schemas], capture_output=True, text=True)


class Registry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path = given.OUT / "server.json"
        cls.entry = json.loads(cls.path.read_text())

    def test_the_entry_fits_the_schema(self):
        # SERVER_SCHEMA: a file with the published one, which is nobody's package.
        published = [p for p in [os.environ.get("SERVER_SCHEMA")] if p]
        done = check(self.path, *published)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_entry_with_a_fault_does_not_fit(self):
        def package(kind):
            return next(p for p in wrong["packages"] if p["registryType"] == kind)

        faults = {
            "a long description": lambda: wrong.update(description="x" * 101),
            "a range": lambda: wrong.update(version="^1.0.0"),
            "two slashes": lambda: wrong.update(name="a/b/c"),
            "a key that nobody knows": lambda: wrong.update(autor="x"),
            "a bundle without its checksum": lambda: package("mcpb").pop("fileSha256"),
            "an image with a version beside its tag": lambda: package("oci").update(version=VERSION),
            "npm without a version": lambda: package("npm").pop("version"),
        }
        with given.empty() as folder:
            for what, make in faults.items():
                wrong = json.loads(self.path.read_text())
                make()
                path = pathlib.Path(folder, "server.json")
                path.write_text(json.dumps(wrong))
                with self.subTest(what):
                    self.assertNotEqual(check(path).returncode, 0)

    def test_the_checksum_of_the_bundle_is_the_bundles(self):
        bundle = next(p for p in self.entry["packages"] if p["registryType"] == "mcpb")
        file = given.OUT / bundle["identifier"].rsplit("/", 1)[1]
        self.assertEqual(bundle["fileSha256"], hashlib.sha256(file.read_bytes()).hexdigest())

    def test_every_package_proves_the_name_of_the_entry(self):
        name = self.entry["name"]
        with tarfile.open(given.OUT / f"mssql-mcp-rs-{VERSION}.tgz") as package:
            self.assertEqual(json.load(package.extractfile("package/package.json"))["mcpName"], name)
        with zipfile.ZipFile(given.one("*.whl")) as wheel:
            self.assertIn(f"mcp-name: {name}\n", wheel.read(f"mssql_mcp_rs-{VERSION}.dist-info/METADATA").decode())

    def test_all_of_them_have_the_version_of_cargo(self):
        wanted = tomllib.loads((given.project.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
        said = {"binary": given.run(given.BINARY, "--version").split()[1], "server.json": self.entry["version"]}
        said |= {p["registryType"]: p["version"] for p in self.entry["packages"] if "version" in p}
        with tarfile.open(given.OUT / f"mssql-mcp-rs-{wanted}.tgz") as package:
            manifest = json.load(package.extractfile("package/package.json"))
            said |= {"npm root": manifest["version"], **manifest["optionalDependencies"]}
        with zipfile.ZipFile(given.one("*.mcpb")) as bundle:
            said["mcpb"] = json.loads(bundle.read("manifest.json"))["version"]
        said["deb"] = given.run("dpkg-deb", "--field", given.one("*.deb"), "Version").strip().removesuffix("-1")
        said["rpm"] = given.run("rpm", "-qp", "--qf", "%{VERSION}", given.one("*.rpm"))
        self.assertEqual(set(said.values()), {wanted}, said)
