"""Whether this tag may be released: python3 dist/plan.py OWNER [TAG]. Prints version=… for the workflow's outputs."""

import re
import sys

from pack import project

owner, *tag = sys.argv[1:]
wrong = []
if owner == "OWNER" or not re.fullmatch(r"[A-Za-z0-9-]+", owner):
    wrong.append(f"{owner} is no owner of a repository: nothing may be published for it")
for one in tag:
    if one != f"v{project.VERSION}":
        wrong.append(f"the tag is {one}, and Cargo.toml says {project.VERSION}: tag v{project.VERSION}, or change the version first")
    if not re.search(rf"^## {re.escape(project.VERSION)}\b", (project.ROOT / "CHANGELOG.md").read_text(), re.M):
        wrong.append(f"CHANGELOG.md has no section {project.VERSION}: name what was Unreleased")
if wrong:
    sys.exit("\n".join(wrong))
print(f"version={project.VERSION}")
