"""What the tests are run on: the packages in DIST_OUT, made of DIST_BINARY; and the tools that dist/tools.sh installed."""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from pack import elf, project  # noqa: E402

OUT = pathlib.Path(os.environ["DIST_OUT"]).resolve()
BINARY = pathlib.Path(os.environ["DIST_BINARY"]).resolve()
LEVEL = os.environ.get("DIST_LEVEL", "9")
TOOLS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", project.ROOT / "target")).resolve() / "dist-tools"
TARGET = project.target(elf.Elf(BINARY.read_bytes()).triple())


def one(pattern):
    """The one file of OUT that a pattern fits."""
    found = list(OUT.glob(pattern))
    assert len(found) == 1, f"{pattern} fits {[p.name for p in found]} in {OUT}"
    return found[0]


def run(*command, **options):
    """Runs to the end, with the output in the failure."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def empty():
    """An empty folder that goes when it is left."""
    return tempfile.TemporaryDirectory(prefix="mssql-mcp-dist-")


def environment(home, **more):
    """What a client that somebody just installed has: a PATH and an empty home, and no variable of this shell."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **more}
