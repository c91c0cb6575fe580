"""Writes batches.jsonl: what outside parse trees say of outside T-SQL. Prints a table of what there is.

extract.py FOLDER SQLGLOT: the folder with crates.json and sqlalchemy.json, and the unpacked source of sqlglot.
"""

import collections
import json
import pathlib
import sys

import alchemy
import glot
import rusttext
import sqruff
from classes import ORDER


def package(folder, name):
    packages = json.loads((folder / "crates.json").read_text(encoding="utf-8"))["packages"]
    return next(pathlib.Path(each["manifest_path"]).parent for each in packages if each["name"] == name)


def label(expect):
    if expect is None:
        return "silent"
    return expect[0] if len(expect) == 1 else "choice"


def main(folder, sqlglot):
    lines = [
        *sqruff.batches(package(folder, "sqruff-lib-dialects") / "test/fixtures/dialects/tsql"),
        *glot.batches(sqlglot),
        *rusttext.batches(package(folder, "polyglot-sql") / "tests"),
        *alchemy.batches(folder / "sqlalchemy.json"),
    ]
    part = folder / "batches.part"
    with part.open("w", encoding="utf-8") as out:
        for line in lines:
            print(json.dumps(line, ensure_ascii=False), file=out)
    part.replace(folder / "batches.jsonl")

    columns = [name for name in ORDER if name != "unknown"] + ["choice", "silent"]
    print(f"{'corpus':<12}{'batches':>9}{'statements':>12}" + "".join(f"{name:>9}" for name in columns))
    for corpus in dict.fromkeys(line["corpus"] for line in lines):
        held = [line for line in lines if line["corpus"] == corpus]
        counts = collections.Counter(label(line["expect"]) for line in held)
        statements = sum(len(line["statements"]) for line in held)
        print(f"{corpus:<12}{len(held):>9}{statements:>12}" + "".join(f"{counts[name]:>9}" for name in columns))


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
