import hashlib
import os
import pathlib
import tarfile
import unittest

from . import given


def sums(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


class SameBytes(unittest.TestCase):
    def test_a_second_build_has_the_same_bytes(self):
        with given.empty() as folder:
            # Another place, another locale, another time zone, another umask.
            env = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C", "TMPDIR": folder}
            again = pathlib.Path(folder, "again")
            build = given.project.ROOT / "dist/build.py"
            # The time that OUT was built with: there may have been a commit since.
            with tarfile.open(given.OUT / given.TARGET.archive) as tar:
                epoch = str(int(tar.next().mtime))
            sbom = list(given.OUT.glob("*.cdx.json"))
            more = ["--sbom", sbom[0]] if sbom else []
            given.run("sh", "-c", 'umask 077; exec "$@"', "sh", "python3", build, given.BINARY, again, "--level", given.LEVEL, "--epoch", epoch, *more, env=env, cwd=folder)
            self.assertEqual(sums(again), sums(given.OUT))
