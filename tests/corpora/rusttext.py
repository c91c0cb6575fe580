"""T-SQL in the regression tests of polyglot-sql: string literals of Rust source that are T-SQL by where they stand."""

import re

import glot

TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<raw>b?r(?P<marks>\#*)".*?"(?P=marks))
    |(?P<text>b?"(?:\\.|[^"\\])*")
    |(?P<char>b?'(?:\\(?:u\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|.)|[^'\\])')
    |(?P<word>'?\w+)
    |(?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)
SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
BEGINS = re.compile(
    r"\s*\(*\s*(ALTER|BEGIN|CREATE|DECLARE|DELETE|DROP|EXEC|EXECUTE|IF|INSERT|MERGE|PRINT|SELECT|SET|TRUNCATE|UPDATE|WHILE|WITH)\b",
    re.IGNORECASE,
)
OURS = {"TSQL", "Fabric"}
HELPERS = {"round_trip_tsql", "round_trip_fabric", "tsql_to_fabric"}  # of the tests, all of them from T-SQL


def tokens(source):
    for match in TOKEN.finditer(source):
        if match.lastgroup == "raw" or match["raw"]:
            yield "text", re.sub(r'^b?r#*"|"#*$', "", match["raw"])
        elif match["text"]:
            body = re.sub(r"\\\n\s*", "", match["text"].removeprefix("b")[1:-1])
            body = re.sub(r"\\u\{([0-9a-fA-F_]+)\}", lambda code: chr(int(code[1], 16)), body)
            yield "text", re.sub(r"\\(.)", lambda escape: SIMPLE.get(escape[1], escape[1]), body)
        elif match["word"]:
            yield "word", match["word"]
        elif match["mark"]:
            yield "mark", match["mark"]


def functions(source):
    """(name, tokens) of each function, cut where the next one begins."""
    name, held = None, []
    before = None
    for token in tokens(source):
        if before == ("word", "fn"):
            if name:
                yield name, held
            name, held = token[1], []
        held.append(token)
        before = token
    if name:
        yield name, held


def literals(held):
    """(text, name of the call that it stands in, its place among the arguments, the tokens behind it)."""
    open_, before = [], []
    for at, (sort, value) in enumerate(held):
        if sort == "mark" and value in "([{":
            words = [word for word in before[-2:] if word != "!"]
            call = words[-1] if value == "(" and words and re.fullmatch(r"\w+", words[-1]) else value
            open_.append([call, 0])
        elif sort == "mark" and value in ")]}" and open_:
            open_.pop()
        elif sort == "mark" and value == "," and open_:
            open_[-1][1] += 1
        elif sort == "text" and open_:
            yield value, [call for call, _ in open_], open_[-1][1], [word for _, word in held[at + 1:at + 6]]
        before.append(value)


def is_ours(calls, place, behind, foreign):
    if calls[-1] in ("panic", "expect", "expect_err", "unwrap_or_else", "format", "assert", "contains", "starts_with", "ends_with"):
        return False
    if not foreign or calls[-1] in HELPERS:
        return True
    if calls[-1] in ("parse", "validate", "transpile") and behind[:4] == [",", "DialectType", ":", ":"]:
        return behind[4] in OURS
    # Tests that come from other dialects: (input, expected), assert_eq!(got, expected), assert_eq!(got, [expected]).
    if calls[-1] in ("(", "assert_eq"):
        return place > 0
    return len(calls) > 1 and calls[-1] == "[" and calls[-2] == "assert_eq"


def batches(folder):
    seen = set()
    for file in ("tsql_regression.rs", "fabric_regression.rs"):
        dialect = file.split("_")[0]
        for name, held in functions((folder / file).read_text(encoding="utf-8")):
            words = [value for sort, value in held if sort == "word"]
            dialects = {after for word, after in zip(words, words[1:]) if word == "DialectType"}
            foreign = bool(dialects - OURS) or any(word.startswith("pg_to_") for word in words)
            number = 0
            for text, calls, place, behind in literals(held):
                if BEGINS.match(text) and " " in text.strip() and not re.search(r"\{\w*(:\?)?\}", text) and text not in seen:
                    if is_ours(calls, place, behind, foreign):
                        seen.add(text)
                        number += 1
                        yield glot.read("polyglot", f"{file}.{name}:{number}", "unknown" if not foreign else "produced", text, dialect)
