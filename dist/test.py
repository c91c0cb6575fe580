"""Installs every package of OUT into an empty place and starts it: python3 dist/test.py BINARY OUT [--level N] [--measure] [TEST…]

BINARY and N are what build.py was given: it is run again to compare the bytes. --measure prints what the launcher costs, and fails over 60 ms."""

import argparse
import os
import pathlib
import sys
import unittest

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--level", default="9")
parser.add_argument("--measure", action="store_true")
parser.add_argument("tests", nargs="*", help="names such as tests.test_npm")
options = parser.parse_intermixed_args()

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))
sys.dont_write_bytecode = True
os.environ |= {"DIST_BINARY": str(options.binary), "DIST_OUT": str(options.out), "DIST_LEVEL": options.level, "DIST_MEASURE": "1" if options.measure else ""}

loader = unittest.TestLoader()
suite = loader.loadTestsFromNames(options.tests) if options.tests else loader.discover(str(here / "tests"), top_level_dir=str(here))
result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors)
for mended in result.unexpectedSuccesses:
    print(f"{mended} passes now: take its mark away")
print(f"dist: {result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
sys.exit(failed != 0 or result.testsRun == 0)
