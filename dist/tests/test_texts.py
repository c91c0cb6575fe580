import re
import unittest

from . import given
from pack import sizes

# Written in two pieces, so that this file does not have what it looks for. Who starts these gets somebody else's program.
FOREIGN = re.compile(r"(npx|uvx|pipx run|npm (?:i|install)(?: -g)?|pip install)(?: -y| --yes)? mssql-" + r"mcp(?![\w.-]*rs)(?![\w-])")


class Texts(unittest.TestCase):
    def test_no_file_tells_anybody_to_run_the_foreign_package_of_our_name(self):
        listed = given.run("git", "ls-files", "-co", "--exclude-standard", cwd=given.project.ROOT).splitlines()
        wrong = []
        for name in listed:
            path = given.project.ROOT / name
            try:
                text = path.read_text()
            except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
                continue
            wrong += [f"{name}: {m[0]}" for m in FOREIGN.finditer(text)]
        self.assertEqual(wrong, [])

    def test_the_search_finds_the_foreign_packages_and_spares_ours(self):
        package = "mssql-" + "mcp"
        for line in (f"npx -y {package} stdio", f"uvx {package}", f"pip install {package}", f"npm i -g {package}"):
            self.assertTrue(FOREIGN.search(line), line)
        for line in ("npx -y mssql-mcp-rs stdio", "uvx mssql-mcp-rs", "uvx --from mssql-mcp-rs mssql-mcp"):
            self.assertFalse(FOREIGN.search(line), line)

    def test_the_guide_names_the_glibc_and_readme_the_sizes_that_are_committed(self):
        text = (given.project.ROOT / "docs/install.md").read_text()
        self.assertIn("glibc " + ".".join(map(str, given.project.GLIBC_AT_MOST)), text)
        text = (given.project.ROOT / "README.md").read_text()
        for kind, size in sizes.committed("release").items():
            self.assertIn(f"| {kind} | {size / 1e6:.1f} MB |" if size > 50_000 else f"| {kind} | {size / 1e3:.0f} kB |", text)
