"""The modules of the root crate know only those to their left in ARCHITECTURE.md's order; their tests may know any.

`borders.py` fails with each import that goes the other way; `borders.py --measure` prints how many modules form circles.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"


def imports():
    """(module, imported module) to the places where it is named."""
    edges = {}
    for file in sorted(SRC.rglob("*.rs")):
        module = file.relative_to(SRC).parts[0].removesuffix(".rs")
        text = file.read_text().split("#[cfg(test)]")[0]
        for n, line in enumerate(text.splitlines(), 1):
            code = line.split("//")[0]
            for named in re.findall(r"\bcrate::\{?(\w+)", code):
                if named != module and ((SRC / f"{named}.rs").exists() or (SRC / named).is_dir()):
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


edges = imports()
if "--measure" in sys.argv:
    inside = circle(edges)
    print(f"modules in circles: {len(inside)}: {' '.join(inside)}")
    for (a, b), places in sorted(edges.items()):
        if a in inside and b in inside:
            print(f"  {a} -> {b}: {', '.join(places)}")
    sys.exit()
order = re.search(r"<!-- order -->\n`([^`]*)`", (ROOT / "ARCHITECTURE.md").read_text())
if not order:
    sys.exit("ARCHITECTURE.md names no order of modules")
order = order[1].split()
wrong = []
for (a, b), places in sorted(edges.items()):
    missing = [m for m in (a, b) if m not in order and m not in ("lib", "main")]
    if missing:
        wrong.append(f"{missing[0]} has no place in ARCHITECTURE.md's order")
    elif a not in ("lib", "main") and order.index(b) > order.index(a):
        wrong.append(f"{a} must not know {b}: {', '.join(places)}")
sys.exit("\n".join(dict.fromkeys(wrong)) if wrong else 0)
