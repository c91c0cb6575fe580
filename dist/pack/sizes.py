"""Sizes of a build against those that are committed in dist/sizes.toml for its profile: 5 % more fails, so that weight is a decision."""

import tomllib

from . import project

FILE = project.ROOT / "dist" / "sizes.toml"
# Percent over the committed figure.
ROOM = 5


def kinds(paths):
    """What each file is called in sizes.toml: names without version and platform."""
    found = {}
    for path in paths:
        name = path.name
        for kind, fits in {
            "archive": name.endswith((".tar.gz", ".zip")),
            "npm": name.endswith(".tgz") and name != f"{project.PACKAGE}-{project.VERSION}.tgz",
            "npm-launcher": name == f"{project.PACKAGE}-{project.VERSION}.tgz",
            "wheel": name.endswith(".whl"),
            "mcpb": name.endswith(".mcpb"),
            "deb": name.endswith(".deb"),
            "rpm": name.endswith(".rpm"),
            "binary": name == project.NAME,
        }.items():
            if fits:
                found[kind] = path.stat().st_size
    return found


def judge(found, committed):
    """A line for each kind that is too large, or that nobody committed a figure of."""
    wrong = []
    for kind, size in sorted(found.items()):
        before = committed.get(kind)
        if before is None:
            wrong.append(f"{kind} has no size in dist/sizes.toml; it is {size}")
        elif size > before * (100 + ROOM) / 100:
            wrong.append(f"{kind} grew from {before:,} to {size:,} bytes, by more than {ROOM} %: make it smaller, or commit the new size in dist/sizes.toml and say why")
    return wrong


def committed(profile):
    return tomllib.loads(FILE.read_text())[profile]


def table(found, before):
    lines = [f"{'what':<14}{'bytes':>12}{'committed':>12}"]
    lines += [f"{kind:<14}{size:>12,}{before.get(kind, 0):>12,}" for kind, size in sorted(found.items())]
    return "\n".join(lines)
