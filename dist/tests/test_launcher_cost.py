import os
import statistics
import subprocess
import time
import unittest

from . import given, test_npm

# What `npx` may add once it has found the package, beyond the binary's own start.
MOST_MS = 60
RUNS = 15


def start(command, env):
    began = time.perf_counter()
    subprocess.run([*command, "--version"], env=env, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


@unittest.skipUnless(os.environ.get("DIST_MEASURE"), "a measure, for `make dist` on a quiet machine")
class LauncherCost(unittest.TestCase):
    def test_the_launcher_adds_at_most_sixty_milliseconds(self):
        with given.empty() as folder:
            launcher = test_npm.install(folder, test_npm.ROOT, test_npm.PLATFORM)
            env = given.environment(folder)
            # By turns, so that both meet the same machine.
            both = [(start([launcher], env), start([given.BINARY], env)) for _ in range(RUNS)]
            extra = statistics.median(a for a, _ in both) - statistics.median(b for _, b in both)
            print(f"the launcher adds {extra:.0f} ms (median of {RUNS} starts)")
            self.assertLessEqual(extra, MOST_MS)
