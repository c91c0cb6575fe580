import unittest

from . import given
from pack import sizes


class Sizes(unittest.TestCase):
    def test_five_percent_more_is_allowed_and_a_byte_beyond_is_not(self):
        self.assertEqual(sizes.judge({"deb": 10_500}, {"deb": 10_000}), [])
        self.assertEqual(len(sizes.judge({"deb": 10_501}, {"deb": 10_000})), 1)

    def test_a_kind_without_a_figure_is_told(self):
        self.assertIn("has no size", sizes.judge({"msi": 1}, {})[0])

    def test_every_package_of_this_build_has_a_committed_figure(self):
        for profile in ("release", "debug"):
            self.assertEqual(set(sizes.kinds([*given.OUT.iterdir(), given.BINARY])), set(sizes.committed(profile)))
