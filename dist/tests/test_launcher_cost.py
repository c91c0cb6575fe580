import os
import time
import unittest

from . import given, handshake, test_npm

# What the launcher may add until the first answer, beyond the binary's own start; most of it is Node's.
MOST_MS = 60
RUNS = 25
# Enough to answer `initialize`; no database is asked.
DATABASE = {"MSSQL_HOST": "127.0.0.1,9", "MSSQL_USER": "u", "MSSQL_PASSWORD": "p"}


def start(command, env):
    """Milliseconds from the start to the answer to `initialize`."""
    began = time.perf_counter()
    with handshake.Client([command, "stdio"], env) as client:
        client.begin()
        return (time.perf_counter() - began) * 1000


@unittest.skipUnless(os.environ.get("DIST_MEASURE"), "a measure, for `make dist` on a quiet machine")
class LauncherCost(unittest.TestCase):
    def test_the_launcher_adds_at_most_sixty_milliseconds(self):
        with given.empty() as folder:
            launcher = test_npm.install(folder, test_npm.ROOT, test_npm.PLATFORM)
            env = given.environment(folder, **DATABASE)
            # By turns, and the quickest of each: what else the machine does can only add.
            both = [(start(launcher, env), start(given.BINARY, env)) for _ in range(RUNS)]
            extra = min(a for a, _ in both) - min(b for _, b in both)
            print(f"the launcher adds {extra:.0f} ms (the quickest of {RUNS} starts)")
            self.assertLessEqual(extra, MOST_MS)
