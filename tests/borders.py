"""The modules of the root crate and of the sandbox know only those to their left in ARCHITECTURE.md's orders; their tests may know any.

`borders.py` fails with each import that goes the other way; `borders.py --measure` prints how many modules form circles.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
CRATES = [(SRC, "order"), (ROOT / "sandbox" / "src", "order of the sandbox")]


def imports(src):
    """(module, imported module) to the places where it is named."""
    edges = {}
    for file in sorted(src.rglob("*.rs")):
        module = file.relative_to(src).parts[0].removesuffix(".rs")
        text = file.read_text().split("#[cfg(test)]")[0]
        for n, line in enumerate(text.splitlines(), 1):
            code = line.split("//")[0]
            for named in re.findall(r"\bcrate::\{?(\w+)", code):
                if named != module and ((src / f"{named}.rs").exists() or (src / named).is_dir()):
                    edges.setdefault((module, named), []).append(f"{file.relative_to(ROOT)}:{n}")
    return edges


def circle(edges):
    """Modules that reach themselves."""
    reach = {}
    for a, b in edges:
        reach.setdefault(a, set()).add(b)
    grew = True
    while grew:
        grew = False
        for a in list(reach):
            more = set().union(*(reach.get(b, set()) for b in reach[a])) - reach[a]
            grew |= bool(more)
            reach[a] |= more
    return sorted(a for a in reach if a in reach[a])


if "--measure" in sys.argv:
    edges = imports(SRC)
    inside = circle(edges)
    print(f"modules in circles: {len(inside)}: {' '.join(inside)}")
    for (a, b), places in sorted(edges.items()):
        if a in inside and b in inside:
            print(f"  {a} -> {b}: {', '.join(places)}")
    sys.exit()
wrong = []
for src, marker in CRATES:
    order = re.search(rf"<!-- {marker} -->\n`([^`]*)`", (ROOT / "ARCHITECTURE.md").read_text())
    if not order:
        sys.exit(f"ARCHITECTURE.md names no {marker} of modules")
    order = order[1].split()
    for (a, b), places in sorted(imports(src).items()):
        missing = [m for m in (a, b) if m not in order and m not in ("lib", "main")]
        if missing:
            wrong.append(f"{missing[0]} has no place in ARCHITECTURE.md's {marker}")
        elif a not in ("lib", "main") and order.index(b) > order.index(a):
            wrong.append(f"{a} must not know {b}: {', '.join(places)}")
sys.exit("\n".join(dict.fromkeys(wrong)) if wrong else 0)
