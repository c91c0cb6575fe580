"""T-SQL fixtures of sqruff-lib-dialects: each .sql has its parse tree in a .yml beside it."""

import re

import yaml

import classes
from classes import SQRUFF, WORDS, one, widest

Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # base: every scalar stays the text that it is

DEFINITIONS = {"create_procedure_statement", "create_function_statement", "create_trigger_statement", "create_view_statement"}
TABLE_DDL = {"create_table_statement", "alter_table_statement", "drop_table_statement"}
CHANGES = {"insert_statement", "update_statement", "delete_statement", "merge_statement"}
NAMES = {"naked_identifier", "quoted_identifier"}


class Node:
    """A node of the tree with the place of its text in the source, which the tree does not have."""

    def __init__(self, name, children, start, end):
        self.name, self.children, self.start, self.end = name, children, start, end

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def leaves(self):
        return [node for node in self.walk() if not node.children]

    def child(self, *names):
        return next((child for child in self.children if child.name in names), None)


class Source:
    """Lays a tree over its source: leaves in order, blanks and comments between them."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def skip(self):
        text = self.text
        while True:
            self.at = re.compile(r"\s*").match(text, self.at).end()
            if text.startswith("--", self.at):
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif text.startswith("/*", self.at):
                depth = 0  # comments nest
                for mark in re.compile(r"/\*|\*/").finditer(text, self.at):
                    depth += 1 if mark.group() == "/*" else -1
                    if depth == 0:
                        self.at = mark.end()
                        break
                else:
                    raise ValueError("comment without an end")
            else:
                return

    def node(self, name, content):
        if isinstance(content, list):
            children = [self.node(*item) for entry in content for item in entry.items()]
            if not children:
                return Node(name, [], self.at, self.at)
            return Node(name, children, children[0].start, children[-1].end)
        self.skip()
        if not self.text.startswith(content, self.at):
            raise ValueError(f"the tree has {content!r} where the source has {self.text[self.at:self.at + 30]!r}")
        start, self.at = self.at, self.at + len(content)
        return Node(name, [], start, self.at)


class Reader:
    def __init__(self, text):
        self.text = text

    def raw(self, node):
        return "".join(self.text[leaf.start:leaf.end] for leaf in node.leaves())

    def word(self, node):
        return self.text[node.start:node.end].upper()

    def aliases(self, statement):
        """Alias → the table that it stands for; None for a derived one. Names are compared as a server would by default."""
        found = {}
        for node in statement.walk():
            if node.name == "from_expression_element" or node.name in CHANGES:
                tables = []
                for child in node.children:
                    if child.name in ("table_reference", "table_expression", "bracketed"):
                        tables.append(child)
                    elif child.name == "alias_expression" and tables:
                        name = next((leaf for leaf in child.leaves() if leaf.name in NAMES), None)
                        inner = tables[-1] if tables[-1].name == "table_reference" else tables[-1].child("table_reference")
                        if name:
                            parts = [self.bare(leaf, fold=False) for leaf in inner.leaves() if leaf.name != "dot"] if inner else []
                            found[self.bare(name)] = ".".join(parts) or None
            elif node.name == "common_table_expression":
                name = next((leaf for leaf in node.leaves() if leaf.name in NAMES), None)
                if name:
                    found[self.bare(name)] = None
        return found

    def bare(self, leaf, fold=True):
        name = self.text[leaf.start:leaf.end].strip('[]"')
        return name.lower() if fold else name

    def change_target(self, change):
        """(node, name as written, table meant) of a changing statement; a table that the tree does not tell is None."""
        for child in change.children:
            if child.name in ("table_reference", "tsql_variable"):
                written = self.raw(child)
                plain = ".".join(self.bare(leaf, fold=False) for leaf in child.leaves() if leaf.name != "dot")
                return child, written, self.aliases(change).get(plain.lower(), plain)
            if child.name in ("openquery_segment", "openrowset_segment"):
                break
            if child.name == "keyword" and self.word(child) == "OPENDATASOURCE":
                break
        return None, None, None

    def parts(self, node):
        """The parts of the class of a node, its own and those of what it holds."""
        name = node.name
        if name in DEFINITIONS:
            body = [part for child in node.children for part in self.parts(child)]
            yield classes.definition(body)
            yield from self.principal(node)
            return
        if name == "execute_script_statement":
            yield self.execution(node)
        elif name == "set_segment":
            yield classes.setting(self.word(leaf) for leaf in node.leaves())
        elif name == "set_language_statement":
            yield classes.setting([])
        elif name in CHANGES:
            at, _, table = self.change_target(node)
            yield (one("write") if at is None else None) if table is None else classes.target(table)
        elif name in TABLE_DDL and not node.child(name):  # one may hold another of its name and nothing else
            tables = [self.raw(child) for child in node.children if child.name in ("table_reference", "object_reference")]
            tables = tables if name == "drop_table_statement" else tables[:1]
            yield widest(classes.made(table) for table in tables) if tables else None
        elif name in ("into_table_clause", "output_clause"):
            yield from self.into(node)
        elif name == "select_variable_assignment":
            yield one("read", "session")
        elif name == "keyword" and self.word(node) == "OPENDATASOURCE":
            yield one("refused")
        elif name == "table_reference" and sum(leaf.name == "dot" for leaf in node.leaves()) > 2:
            yield one("refused")  # on a linked server
        elif name in SQRUFF:
            yield SQRUFF[name]
        elif name == "statement":
            yield self.bare_statement(node)
        elif name == "ml_table_expression":
            yield None  # PREDICT: no word of ours for it
        for child in node.children:
            yield from self.parts(child)

    def principal(self, node):
        """WITH EXECUTE AS of a definition: it runs as somebody else."""
        leaves = [leaf for leaf in node.leaves() if leaf.name == "keyword"]
        words = [self.word(leaf) for leaf in leaves]
        if any(pair in zip(words, words[1:]) for pair in (("EXECUTE", "AS"), ("EXEC", "AS"))):
            yield one("refused")

    def bare_statement(self, node):
        """Statements without a node of their own: control words, labels; what the tables do not know is silent."""
        first = node.children[0]
        if first.name == "keyword":
            return WORDS.get(self.word(first))
        if first.name == "naked_identifier" and node.child("colon"):
            return one("session")
        known = first.name in SQRUFF or first.name in DEFINITIONS | TABLE_DDL | CHANGES
        own = ("execute_script_statement", "set_segment", "set_language_statement")
        return one("read") if known or first.name in own else None

    def execution(self, node):
        words = {self.word(leaf) for leaf in node.children if leaf.name == "keyword"}
        if node.child("login_user_segment") or "AT" in words:
            return one("refused")
        reference = node.child("object_reference")
        if reference:
            return classes.called([self.text[leaf.start:leaf.end] for leaf in reference.leaves() if leaf.name != "dot"])
        return classes.DYNAMIC if node.child("bracketed") else one("execute")

    def into(self, node):
        """INTO of SELECT or OUTPUT makes or fills a table."""
        children, seen = list(node.children), False
        for child in children:
            if child.name == "keyword" and self.word(child) == "INTO":
                seen = True
            elif seen and child.name in ("table_reference", "object_reference", "tsql_variable"):
                yield classes.target(self.raw(child))
                return

    def statements(self, node):
        """Statements that hold no other: the blocks around them only steer."""
        if node.name == "statement":
            inner = [child for child in node.children if child.name in ("statement", "else_clause")]
            if not inner:
                yield node
                return
        if node.name in DEFINITIONS:
            return
        for child in node.children:
            yield from self.statements(child)

    def describe(self, node):
        head = node.children[0]
        kind = head.name if head.children else self.text[head.start:head.end].lower()
        if head.name == "with_compound_statement":
            kind = head.children[-1].name
        parts = list(self.parts(node))
        may = widest(parts)
        change = next((inner for inner in node.walk() if inner.name in CHANGES), None) if kind in CHANGES else None
        at, written, table = self.change_target(change) if change else (None, None, None)
        base = node.start

        def place(start, end):
            # The reader of this file counts bytes.
            return [len(self.text[base:point].encode()) for point in (start, end)]

        return {
            "kind": kind,
            "class": next(iter(may)) if may and len(may) == 1 else None,
            "expect": classes.listed(may),
            "text": self.text[base:node.end],
            "target": table,
            "written": [*place(at.start, at.end), written] if at else None,
            "aliases": [[*place(leaf.start, leaf.end), self.text[leaf.start:leaf.end]] for leaf in self.uses(node)],
        }

    def uses(self, statement):
        """Every identifier that names an alias or a common table expression, where it is made and where it is used."""
        names = self.aliases(statement)
        made, single, columns, expressions = set(), set(), set(), set()
        for node in statement.walk():
            if node.name in ("alias_expression", "common_table_expression"):
                first = next((leaf for leaf in node.leaves() if leaf.name in NAMES), None)
                if first:
                    made.add(first.start)
                    if node.name == "common_table_expression":
                        expressions.add(self.bare(first))
            elif node.name == "select_clause_element":
                alias = node.child("alias_expression")  # a column's, not a table's
                columns |= {leaf.start for leaf in alias.leaves()} if alias else set()
            elif node.name == "table_reference" and len(node.leaves()) == 1:
                single.add(node.start)
        targets = {at.start for change in statement.walk() if change.name in CHANGES for at in [self.change_target(change)[0]] if at}
        leaves = statement.leaves()
        for before, leaf, after in zip([None, *leaves], leaves, [*leaves[1:], None]):
            if leaf.name not in NAMES or self.bare(leaf) not in names or leaf.start in columns:
                continue
            qualifier = after is not None and after.name == "dot" and not (before is not None and before.name == "dot")
            table = leaf.start in single and (leaf.start in targets or self.bare(leaf) in expressions)
            if leaf.start in made or qualifier or table:
                yield leaf


def batches(folder):
    for tree_file in sorted(folder.rglob("*.yml")):
        text = tree_file.with_suffix(".sql").read_bytes().decode("utf-8")
        source, reader = Source(text), Reader(text)
        tree = source.node("file", yaml.load(tree_file.read_text(encoding="utf-8"), Loader)["file"])
        begin = 0
        for number, batch in enumerate((node for node in tree.children if node.name == "batch"), 1):
            go = batch.child("go_statement")
            end = go.start if go else len(text)
            held = Node("batch", [child for child in batch.children if child.name != "go_statement"], batch.start, end)
            if any(node.name == "statement" for node in held.walk()):
                parts = list(reader.parts(held))
                yield {
                    "corpus": "sqruff",
                    "id": f"{tree_file.stem}:{number}",
                    "origin": "read",
                    "text": text[begin:end].strip("\r\n"),
                    "expect": classes.listed(widest(parts)),
                    "at_least": classes.at_least(parts),
                    "statements": [reader.describe(node) for node in reader.statements(held)],
                }
            begin = go.end if go else end
