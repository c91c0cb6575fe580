"""Writes what the binary is made of: python3 tests/sbom.py CARGO-CYCLONEDX OUT

cargo-cyclonedx asks `cargo metadata`, which turns on in each crate what the tests want of it too. What a build takes `cargo tree` knows: what is
not there is struck out, and what is missing is an error."""

import json
import os
import pathlib
import subprocess
import sys

tool, out = sys.argv[1], pathlib.Path(sys.argv[2])
root = pathlib.Path(__file__).resolve().parent.parent
cargo = os.environ.get("CARGO", "cargo")


def said(*command):
    return subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout


tree = said(cargo, "tree", "--locked", "-p", "mssql-mcp", "-e", "normal,build", "--prefix", "none")
# `name v1.2.3 (proc-macro)`, and the binary's own package first.
crates = [(name, version.removeprefix("v")) for name, version, *_ in map(str.split, tree.splitlines())]

# The commit's time, so that the same commit has the same file.
os.environ.setdefault("SOURCE_DATE_EPOCH", said("git", "log", "-1", "--format=%ct").strip())
said(tool, "cyclonedx", "-q", "--format", "json", "--spec-version", "1.5", "--describe", "binaries")
made = root / "mssql-mcp_bin.cdx.json"
bom = json.loads(made.read_text().replace(str(root), "."))
made.unlink()


def crate(component):
    return component["name"], component["version"]


binary = bom["metadata"]["component"]
bom["components"] = [c for c in bom["components"] if crate(c) in crates]
there = [crate(c) for c in [binary, *bom["components"]]]
if there[0] != crates[0] or sorted(there) != sorted(set(crates)):
    sys.exit(f"the SBOM is not what cargo tree says: {set(crates) ^ set(there) or there[0]}")
refs = {c["bom-ref"] for c in [binary, *bom["components"]]}
bom["dependencies"] = [d for d in bom["dependencies"] if d["ref"] in refs]
for d in bom["dependencies"]:
    d["dependsOn"] = [r for r in d.get("dependsOn", []) if r in refs]
out.write_text(json.dumps(bom, indent=2) + "\n")
print(f"{out}: {binary['name']} {binary['version']} and {len(there) - 1} crates")
