"""The modules of the root crate and of the sandbox know only those to their left in ARCHITECTURE.md's orders; their tests may know any.
And a type that more than one file may use has its name for itself.

`borders.py` fails with each import that goes the other way, and with each name that two types have; `borders.py --measure` prints how many modules form circles.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
CRATES = [(SRC, "order"), (ROOT / "sandbox" / "src", "order of the sandbox")]


# Every tool has Args, and every transport Options, which is written with its module.
COMMON = {"Args", "Options", "ResponseFuture"}


def product(file):
    """A file without its tests."""
    return re.split(r"\n#\[cfg\((?:all\()?test[^\n]*\n(?:#[^\n]*\n)*mod tests", file.read_text())[0]


def shared_names(src):
    """The names of types that may be used outside of their file, each with the files that define one."""
    names = {}
    for file in sorted(src.rglob("*.rs")):
        for name in re.findall(r"^\s*pub(?:\([^)]*\))? (?:struct|enum|trait|type) (\w+)", product(file), re.M):
            names.setdefault(name, set()).add(str(file.relative_to(ROOT)))
    return {name: files for name, files in names.items() if len(files) > 1 and name not in COMMON}


def imports(src):
    """(module, imported module) to the places where it is named."""
    edges = {}
    for file in sorted(src.rglob("*.rs")):
        module = file.relative_to(src).parts[0].removesuffix(".rs")
        text = product(file)
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
for src in [SRC, *ROOT.glob("*/src")]:
    wrong += [f"{name} is defined in {' and in '.join(sorted(files))}" for name, files in shared_names(src).items()]
sys.exit("\n".join(dict.fromkeys(wrong)) if wrong else 0)
