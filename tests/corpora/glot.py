"""sqlglot: the texts of its own tests, and its parser as the outside reader of texts that come without a tree.

Runs with the unpacked source distribution on PYTHONPATH.
"""

import importlib
import logging
import re
import unittest

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.tsql import TSQL  # Fabric is a subclass
from sqlglot.tokens import TokenType

import classes
from classes import COMMANDS, KINDS, SQLGLOT, one, widest

# sqlglot takes these for names where T-SQL cannot: what it built on that is not a reading of the text.
NEVER_NAMES = set(
    "ALTER BACKUP BEGIN BREAK BULK COMMIT CONTINUE CREATE DBCC DECLARE DELETE DENY DROP ELSE END EXEC EXECUTE GOTO GRANT IF INSERT"
    " KILL MERGE OPENQUERY OPENROWSET PRINT RAISERROR RECONFIGURE RESTORE RETURN REVERT REVOKE ROLLBACK SAVE SELECT SET SHUTDOWN"
    " THROW TRUNCATE UPDATE USE WAITFOR WHILE".split()
)
FAR = ("OPENROWSET", "OPENQUERY", "OPENDATASOURCE")
STATEMENTS = (exp.Query, exp.DML, exp.DDL, exp.Command, exp.Values) + tuple(
    getattr(exp, name)
    for name in (
        "Alter Analyze Attach Block Commit Copy Declare Describe Detach Drop EndStatement Execute Grant IfBlock Kill Merge Pragma"
        " Revoke Rollback Set Transaction TruncateTable Use WhileBlock"
    ).split()
    if hasattr(exp, name)
)


def record(folder):
    """Runs sqlglot's tests that speak of these dialects; every text that one of them read or wrote, in order, once."""
    seen = {}
    where = [""]
    depth = [0]  # a parse inside of a parse is not a text of a test

    def note(origin, dialect, text):
        name = "fabric" if type(dialect).__name__ == "Fabric" else "tsql"
        seen.setdefault(text, (origin, name, where[0]))

    def wrap(method, origin):
        def recorded(self, subject, *rest, **options):
            depth[0] += 1
            try:
                outcome = method(self, subject, *rest, **options)
            finally:
                depth[0] -= 1
            if depth[0] == 0 and isinstance(self, TSQL):
                note(origin, self, subject if origin == "read" else outcome)
            return outcome

        return recorded

    parse, generate = Dialect.parse, Dialect.generate
    Dialect.parse, Dialect.generate = wrap(parse, "read"), wrap(generate, "produced")

    class Result(unittest.TestResult):
        def startTest(self, test):
            super().startTest(test)
            where[0] = test.id().removeprefix("tests.")

    result = Result()
    skipped = []
    try:
        for file in sorted(folder.glob("tests/**/test_*.py")):
            if not re.search(r"[\"'](tsql|fabric)[\"']", file.read_text(encoding="utf-8")):
                continue
            module = ".".join(file.relative_to(folder).with_suffix("").parts)
            try:
                tests = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(module))
            except ImportError as error:  # pandas, duckdb: not for texts
                skipped.append(f"{module}: {error}")
                continue
            tests.run(result)
    finally:
        Dialect.parse, Dialect.generate = parse, generate
    return seen, result, skipped


def part_of(node, text):
    """The part that a node is by itself, or an empty tuple where it is nothing of its own."""
    name = type(node).__name__
    if isinstance(node, exp.Identifier):
        return (None,) if not node.args.get("quoted") and node.name.upper() in NEVER_NAMES else ()
    if isinstance(node, exp.Table) and len(node.parts) > 3:
        return (one("refused"),)  # on a linked server
    if isinstance(node, exp.Into):
        return (classes.target(table_name(node.this)),)
    if isinstance(node.parent, (exp.When, exp.Alter)):
        return ()  # what a MERGE does when, what an ALTER drops: the statement around it has said it
    if isinstance(node, (exp.Insert, exp.Update, exp.Delete, exp.Merge)):
        table = changed(node)[1]
        return (classes.target(table) if table else None,)
    if isinstance(node, exp.TruncateTable):
        return tuple(classes.target(table_name(table)) for table in node.expressions)
    if isinstance(node, (exp.Drop, exp.Alter, exp.Create)):
        return made(node)
    if isinstance(node, exp.Execute):
        return (executed(node),)
    if isinstance(node, exp.SetItem):
        if node.find(exp.Parameter) and isinstance(node.this, exp.EQ) and isinstance(node.this.this, exp.Parameter):
            return (one("session"),)
        return (classes.setting(node.sql("tsql").split()),)
    if isinstance(node, exp.Anonymous) and str(node.this).upper() in FAR:
        return (one("refused"),)
    if isinstance(node, (exp.Command, exp.EndStatement)):
        word = str(node.this or "END").upper()
        if word == "END" and node.parent and not node.args.get("expression"):
            return (one("session"),)  # of a block
        return (None, COMMANDS[word]) if word in COMMANDS else (None,)
    if name in SQLGLOT:
        return (SQLGLOT[name],)
    if isinstance(node, (exp.DML, exp.DDL)) and not isinstance(node, exp.Query):
        return (None,)
    return ()


def table_name(table):
    if table is None:
        return ""
    inner = table.find(exp.Table) or table
    mark = ""
    last = inner.this
    if isinstance(last, exp.Parameter):
        mark = "@" + last.name
    elif isinstance(last, exp.Identifier):
        mark = ("##" if last.args.get("global_") else "#" if last.args.get("temporary") else "") + last.name
    before = inner.parts[:-1] if isinstance(inner, exp.Table) else []
    return ".".join([*(part.name for part in before), mark])


def changed(node):
    """(table expression as written, name of the table meant or None) of a change; aliases and table expressions are followed."""
    written = node.args["tables"][0] if node.args.get("tables") else node.this
    if isinstance(written, exp.Schema):
        written = written.this
    if not isinstance(written, exp.Table) or not isinstance(written.this, (exp.Identifier, exp.Parameter)):
        return written, None
    name = table_name(written)
    if "." in name:
        return written, name
    with_ = node.args.get("with_") or node.args.get("with")
    for table_expression in with_.expressions if with_ else ():
        if table_expression.alias.lower() == name.lower():
            return written, None
    for source in node.find_all(exp.Table, exp.Subquery):
        if source is not written and source.alias.lower() == name.lower():
            if isinstance(source, exp.Subquery):
                return written, None
            if isinstance(source.this, (exp.Identifier, exp.Parameter)):
                return written, table_name(source)
    return written, name


def kind(node):
    """The kind of thing that is created, altered or dropped: a UNIQUE CLUSTERED INDEX is an INDEX."""
    word = (str(node.args.get("kind") or "").upper().split() or [""])[-1]
    return "PROCEDURE" if word == "PROC" else word


def made(node):
    if kind(node) == "TABLE":
        return (widest(classes.made(table_name(table)) for table in node.args.get("tables") or [node.this]),)
    return (KINDS.get(kind(node)),)


def executed(node):
    if isinstance(node.this, exp.Table) and isinstance(node.this.this, exp.Identifier):
        return classes.called([part.name for part in node.this.parts])
    return classes.DYNAMIC


def parts_of(node, text):
    if isinstance(node, exp.Create) and kind(node) in ("PROCEDURE", "FUNCTION", "TRIGGER", "VIEW"):
        body = node.args.get("expression")
        yield classes.definition(list(parts_of(body, text)) if body else [])
        if node.find(exp.ExecuteAsProperty):
            yield one("refused")
        return
    yield from part_of(node, text)
    for child in node.iter_expressions():
        yield from parts_of(child, text)


def parsed(text, dialect):
    try:
        return [root for root in sqlglot.parse(text, read=dialect) if root is not None]
    except sqlglot.errors.SqlglotError:
        return None


def chunks(text, dialect):
    """Where the text is cut at its semicolons: (start, end) in characters of each piece that holds a token."""
    found, begin, end = [], None, None
    for token in Dialect.get_or_raise(dialect).tokenize(text):
        if token.token_type == TokenType.SEMICOLON:
            if begin is not None:
                found.append((begin, end))
            begin = None
        else:
            begin = token.start if begin is None else begin
            end = token.end + 1
    if begin is not None:
        found.append((begin, end))
    return found


def describe(root, text, begin, end):
    parts = list(parts_of(root, text))
    may = widest(parts)

    def span(first, last=None):
        """Bytes over the text of the statement, from positions over the whole text."""
        last = last or first
        if "start" not in first.meta or "end" not in last.meta:
            return None
        start, stop = first.meta["start"], last.meta["end"] + 1
        if start < begin or stop > end or not text[start:stop].strip('[]"').endswith(last.name):
            return None
        while start > begin and text[start - 1] == "#":  # sqlglot keeps the mark of a temporary table apart
            start -= 1
        return [len(text[begin:start].encode()), len(text[begin:stop].encode()), text[start:stop]]

    table, written = None, None
    if isinstance(root, (exp.Insert, exp.Update, exp.Delete, exp.Merge)):
        at, table = changed(root)
        if isinstance(at, exp.Table):
            pieces = [piece for piece in at.parts if isinstance(piece, exp.Identifier)]
            written = span(pieces[0], pieces[-1]) if pieces else None
    return {
        "kind": type(root).__name__,
        "class": next(iter(may)) if may and len(may) == 1 else None,
        "expect": classes.listed(may),
        "text": text[begin:end],
        "target": table,
        "written": written,
        "aliases": [place for place in map(span, uses(root)) if place],
    }


def uses(root):
    """Identifiers that name an alias of a table or a table expression, where it is made and where it is used."""
    names, expressions, found = set(), set(), []
    for alias in root.find_all(exp.TableAlias):
        if isinstance(alias.this, exp.Identifier):
            names.add(alias.name.lower())
            found.append(alias.this)
            if isinstance(alias.parent, exp.CTE):
                expressions.add(alias.name.lower())
    for column in root.find_all(exp.Column):
        qualifier = column.args.get("table")
        if isinstance(qualifier, exp.Identifier) and not column.args.get("db") and qualifier.name.lower() in names:
            found.append(qualifier)
    targets = {id(changed(node)[0]) for node in root.find_all(exp.Insert, exp.Update, exp.Delete, exp.Merge)}
    for table in root.find_all(exp.Table):
        if len(table.parts) == 1 and isinstance(table.this, exp.Identifier):
            name = table.name.lower()
            if name in expressions or id(table) in targets and name in names:
                found.append(table.this)
    return sorted({id(leaf): leaf for leaf in found}.values(), key=lambda leaf: leaf.meta.get("start", -1))


def read(corpus, identity, origin, text, dialect):
    """A line of the corpus, as sqlglot reads the text. A bare expression becomes a SELECT of it."""
    roots = parsed(text, dialect)
    if roots and not any(isinstance(root, STATEMENTS) for root in roots):
        text = "SELECT " + text
        roots = parsed(text, dialect)
    line = {"corpus": corpus, "id": identity, "origin": origin, "text": text, "roots": None, "expect": None, "at_least": "read", "statements": []}
    if not roots:
        return line
    pieces = chunks(text, dialect)
    if len(pieces) != len(roots):  # blocks hold semicolons of their own
        pieces = [(pieces[0][0], pieces[-1][1])] if len(roots) == 1 else []
    parts = [part for root in roots for part in parts_of(root, text)]
    line["roots"] = [type(root).__name__ for root in roots]
    line["expect"] = classes.listed(widest(parts))
    line["at_least"] = classes.at_least(parts)
    line["statements"] = [describe(root, text, *piece) for root, piece in zip(roots, pieces)]
    return line


def batches(folder):
    logging.lastResort = None  # the tests look at what is logged; nobody else does
    seen, result, skipped = record(folder)
    logging.disable(logging.CRITICAL)
    for text, (origin, dialect, where) in seen.items():
        if text.strip():
            yield read("sqlglot", where, origin, text, dialect)
    failed = [test.id() for test, _ in result.failures + result.errors]
    print(f"sqlglot: {result.testsRun} tests run; failed: {', '.join(failed) or 'none'}; left out: {'; '.join(skipped) or 'none'}")
