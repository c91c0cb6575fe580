"""SQLAlchemy: what its own tests compile for SQL Server, with the construct that each text was compiled from.

As a pytest plugin it records (CORPORA_RECORD names the file); imported, it turns the record into lines.
"""

import json
import os
import re

import classes
from classes import one, widest

# Constructs by the name that SQLAlchemy's own visitors know them by. INSERT, UPDATE and DELETE ask their table;
# others, fragments and constraints among them, are silent or no statement at all.
CONSTRUCTS = {
    "select": one("read"),
    "compound_select": one("read"),
    "create_table": one("schema"),
    "drop_table": one("schema"),
    "create_index": one("schema"),
    "drop_index": one("schema"),
    "create_sequence": one("schema"),
    "drop_sequence": one("schema"),
    "create_schema": one("schema"),
    "drop_schema": one("schema"),
    "create_view": one("schema"),
    "drop_view": one("schema"),
    "add_constraint": one("schema"),
    "drop_constraint": one("schema"),
    "create_table_as": None,  # SELECT … INTO, or a table: the name does not tell
    "insert": one("write"),
    "update": one("write"),
    "delete": one("write"),
}
POSITIONS = r"\?|__\[POSTCOMPILE_[^\]]*\]"
CHANGES = ("insert", "update", "delete")


def pytest_configure(config):
    """Called once the tests' own plugin has set SQLAlchemy up to be tested."""
    from sqlalchemy.dialects.mssql.base import MSDDLCompiler, MSSQLCompiler

    seen = {}

    def watch(compiler):
        start = compiler.__init__

        def init(self, dialect, statement, *rest, **options):
            start(self, dialect, statement, *rest, **options)
            held = getattr(statement, "test_statement", statement)
            text = getattr(self, "string", None)
            if held is None or not text:
                return
            # Parameters as SQL Server has them; their names are the compiler's, so nothing else is touched.
            places = getattr(self, "positiontup", None) or []
            if places and len(re.findall(POSITIONS, text)) == len(places):
                named = iter(places)
                text = re.sub(POSITIONS, lambda _: parameter(next(named)), text)
            for name in sorted(getattr(self, "bind_names", {}).values(), key=len, reverse=True):
                known = re.escape(name)
                text = re.sub(rf"__\[POSTCOMPILE_{known}[^\]]*\]|(?<![:\w]):{known}\b|%\({known}\)s", parameter(name), text)
            table = getattr(held, "table", None) if held.__visit_name__ in CHANGES else None
            table = getattr(table, "element", table)  # an alias stands for its table
            sequence = any(node.__visit_name__ == "next_value_func" for node in walk(held))
            test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0].removeprefix("test/dialect/mssql/")
            seen.setdefault(text, [test, held.__visit_name__, getattr(table, "fullname", getattr(table, "name", None)), sequence])

        compiler.__init__ = init

    watch(MSSQLCompiler)
    watch(MSDDLCompiler)
    config.add_cleanup(lambda: open(os.environ["CORPORA_RECORD"], "w", encoding="utf-8").write(json.dumps(seen)))


def parameter(name):
    return "@" + re.sub(r"\W", "_", name)


def walk(statement):
    from sqlalchemy.sql import visitors

    try:
        return list(visitors.iterate(statement))
    except Exception:  # DDL has nothing to walk
        return []


def batches(record):
    for number, (text, (test, construct, table, sequence)) in enumerate(json.loads(record.read_text(encoding="utf-8")).items(), 1):
        if construct not in CONSTRUCTS:
            continue
        text = text.strip()
        part = CONSTRUCTS[construct]
        if construct in CHANGES:
            # A name with dots in it may be one name or several.
            part = None if not table or table.count(".") > 1 else classes.target(table)
        parts = [part, one("write")] if sequence else [part]
        may = widest(parts)
        yield {
            "corpus": "sqlalchemy",
            "id": f"{test}:{number}",
            "origin": "produced",
            "text": text,
            "expect": classes.listed(may),
            "at_least": classes.at_least(parts),
            "statements": [
                {
                    "kind": construct,
                    "class": next(iter(may)) if may and len(may) == 1 else None,
                    "expect": classes.listed(may),
                    "text": text,
                    "target": table,
                    "written": None,
                    "aliases": [],
                }
            ],
        }
