import json
import re
import shutil
import subprocess
import unittest

from . import given
from pack import formula, scoop, winget

BUILD = given.project.Build(given.BINARY, given.OUT, given.TARGET, "somebody", 0)
# As if all targets had been built: each file has a checksum of its own (with a letter: YAML reads digits alone as a number).
DIGESTS = {name: f"{n:063x}f" for n, name in enumerate([t.archive for t in given.project.TARGETS] + [f"mssql-mcp-{cpu}-pc-windows-msvc.exe" for cpu in ("x86_64", "aarch64")], 10)}


def url(name):
    return f"https://github.com/somebody/mssql-mcp/releases/download/v{given.project.VERSION}/{name}"


class Managers(unittest.TestCase):
    def test_the_formula_has_each_archive_with_its_own_checksum(self):
        text = formula.text(BUILD, DIGESTS)
        found = re.findall(r'url "(.+)"\n\s+sha256 "(.+)"', text)
        wanted = [t.archive for t in given.project.TARGETS if t.triple.endswith(("-gnu", "-darwin"))]
        self.assertEqual(sorted(found), sorted((url(name), DIGESTS[name]) for name in wanted))
        self.assertEqual(len(re.findall(r"\bdo\b|\bdef \b|^class ", text, re.M)), len(re.findall(r"^\s*end$", text, re.M)))
        if shutil.which("ruby"):
            given.run("ruby", "-c", "-e", text)

    def test_the_formula_of_this_build_names_this_archive_alone(self):
        found = re.findall(r'sha256 "(.+)"', (given.OUT / "mssql-mcp.rb").read_text())
        sums = dict(reversed(line.split("  ")) for line in (given.OUT / "SHA256SUMS").read_text().splitlines())
        self.assertEqual(found, [sums[given.TARGET.archive]])

    def test_scoop_has_both_archives_of_windows_and_finds_the_next_version(self):
        made = scoop.manifest(BUILD, DIGESTS)
        for cpu, machine in {"64bit": "x86_64", "arm64": "aarch64"}.items():
            folder = f"mssql-mcp-{machine}-pc-windows-msvc"
            self.assertEqual(made["architecture"][cpu], {"url": url(f"{folder}.zip"), "hash": DIGESTS[f"{folder}.zip"], "extract_dir": folder})
            self.assertEqual(made["autoupdate"]["architecture"][cpu]["url"].replace("$version", given.project.VERSION), url(f"{folder}.zip"))
        self.assertEqual((made["version"], made["bin"]), (given.project.VERSION, "mssql-mcp.exe"))

    def test_winget_has_three_files_of_one_package_with_the_checksums_of_the_programs(self):
        made = winget.files(BUILD, DIGESTS)
        self.assertEqual(set(made), {f"somebody.mssql-mcp{part}.yaml" for part in ("", ".installer", ".locale.en-US")})
        script = "import sys, yaml, json; print(json.dumps(yaml.safe_load(sys.stdin.read())))"
        read = {}
        for name, text in made.items():
            done = subprocess.run([given.TOOLS / "venv/bin/python", "-c", script], input=text, capture_output=True, text=True, check=True)
            read[name] = json.loads(done.stdout)
        self.assertEqual({(d["PackageIdentifier"], d["PackageVersion"], d["ManifestVersion"]) for d in read.values()}, {("somebody.mssql-mcp", given.project.VERSION, "1.12.0")})
        installers = read["somebody.mssql-mcp.installer.yaml"]["Installers"]
        wanted = {(cpu, url(f"mssql-mcp-{m}-pc-windows-msvc.exe"), DIGESTS[f"mssql-mcp-{m}-pc-windows-msvc.exe"].upper()) for cpu, m in {"x64": "x86_64", "arm64": "aarch64"}.items()}
        self.assertEqual({(i["Architecture"], i["InstallerUrl"], str(i["InstallerSha256"])) for i in installers}, wanted)

    def test_what_has_no_archive_gets_no_manifest(self):
        self.assertEqual((formula.text(BUILD, {}), scoop.manifest(BUILD, {}), winget.files(BUILD, {})), ("", None, {}))
