"""What a run says: against what was expected, and as a table for readers."""
import json
import socket
from importlib.metadata import distributions
from pathlib import Path

HERE = Path(__file__).parent
EXPECTED = HERE / "expected.json"
DOCS = HERE.parent.parent.parent / "docs/compatibility.md"
COLUMNS = {
    "list": "list", "call_all": "every tool", "tool_error": "an error's text", "exact": "exact values", "resources": "resources",
    "progress": "progress", "timeout": "its own timeout", "restart": "a restart",
}
# From bad to good; what is not here is as good as "no".
RANK = ["no", "cannot", "yes: after one retry", "yes"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def package_version(where, package):
    """The version of a package, of npm or of Python."""
    at = where / package / "package.json"
    if at.exists():
        return json.loads(at.read_text())["version"]
    for site in where.glob("lib/python*/site-packages"):
        for found in distributions(name=package, path=[str(site)]):
            return found.version
    return "?"


def key(line):
    return f"{line['client']} {line['version']} {line['transport']}"


def short(line):
    """What is compared: the outcome, and its kind where there are several good ones."""
    return f"{line['outcome']}: {line['detail']}" if line["detail"] else line["outcome"]


def rank(word):
    kind = "yes: after one retry" if word.startswith("yes: after one retry") else word.split(":")[0]
    return RANK.index(kind) if kind in RANK else 0


def doubtful(lines):
    """Whether a row that is known is not what it was, and not for the better: then it is asked once more."""
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    worse, _, other = compare(expected, {n: row for n, row in table(lines).items() if n in expected})
    return bool(worse or other)


def show(job, verbose, again=False):
    bad = [line for line in job.lines if line["outcome"] == "no"]
    words = " ".join(f"{line['probe']}={line['outcome']}" for line in job.lines)
    print(f"{'again: ' if again else ''}{job.name()} ({job.lines[0]['protocol'] if job.lines else '?'}) {job.seconds:.0f} s: {words}", flush=True)
    for line in job.lines if verbose else bad:
        print(f"    {line['probe']}: {short(line)}: {line['seen'] if isinstance(line['seen'], str) else json.dumps(line['seen'])}", flush=True)


def table(lines):
    """The lines as what is committed."""
    made = {}
    for line in lines:
        made.setdefault(key(line), {"protocol": line["protocol"]})[line["probe"]] = short(line)
    return made


def compare(expected, made):
    """What is worse, what is better, and what is neither."""
    worse, better, other = [], [], []
    for name, row in made.items():
        if name not in expected:
            other.append(f"{name} is not in expected.json")
            continue
        for what, word in row.items():
            was = expected[name].get(what)
            if was == word:
                continue
            said = f"{name}: {what} was {was!r}, and is {word!r}"
            if what == "protocol" or was is None or rank(was) == rank(word):
                other.append(said)
            else:
                (worse if rank(word) < rank(was) else better).append(said)
    return worse, better, other


def finish(lines, write, whole):
    made = table(lines)
    expected = json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}
    if write:
        # A part of the clients leaves the others as they were; what all clients no longer have, goes.
        kept = {} if whole else expected
        written = kept | made
        EXPECTED.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
        DOCS.write_text(page(written))
        print(f"written: {EXPECTED.name} and {DOCS.name}")
        return 0
    worse, better, other = compare(expected, made)
    for heading, found in (("worse", worse), ("better", better), ("otherwise", other)):
        for said in found:
            print(f"{heading}: {said}")
    if whole:
        for name in expected.keys() - made.keys():
            other.append(name)
            print(f"otherwise: {name} was not asked")
    if not DOCS.exists() or DOCS.read_text() != page(expected):
        other.append("docs")
        print("otherwise: docs/compatibility.md is not what expected.json makes")
    if worse or better or other:
        print("as it should be? Then write it down: run.py BINARY CLIENTS --write (with the same --only)")
        return 1
    print("as expected: ok")
    return 0


INTRO = """# Compatibility

Clients that others wrote, each asked by each of its transports: what works. `tests/clients/matrix/run.py --write` writes this page from a run against the sandbox; `make clients-all`
runs all of it, `make test` the lines of the twelve most used.

- **list**: all tools are there. **every tool**: each was called once. **an error's text**: SQL Server's own words and number reach the caller. **exact values**: NULL, `decimal(38,10)`,
  a `bigint` beyond 2^53 and a text with quotes, a backslash and an emoji arrive as they are.
- **resources**: the list, and one of them read. **progress**: notifications of a call of three seconds reach the caller.
- **its own timeout**: a client that waits two seconds for a query of twelve gives up, and the query stops at the server. “runs on”: the client gives up without a word to the
  server; `limits.query_timeout` ends the query.
- **a restart**: the server is killed and comes back between two calls. “by itself”: the next call works. “after one retry”: the one after it. Over stdio the server is the client's child, and
  what can be expected is that its end is told. “connect anew”: each call fails until the program makes a new connection.

– means that the client has no way to do it.
"""
# The words of a cell, where those of the outcome are too long for one.
WORDS = {
    "no: a new connection is needed": "no: connect anew",
    "no: the query runs on": "no: runs on",
    "yes: the query stops": "yes",
    "yes: the query stops, and the connection is of no more use": "yes, and connect anew",
    "no: the list is empty": "no: empty",
    "no: none came": "no",
    "no: it ended in an error": "no: an error",
    "yes: as an error": "yes",
}


def page(expected):
    rows = []
    for name, row in expected.items():
        parts = name.rsplit(" ", 3) if " → " in name else None
        transport = " ".join(parts[1:]) if parts else name.rsplit(" ", 1)[1]
        client, version = name[: -len(transport) - 1].rsplit(" ", 1)
        cells = [cell(row.get(probe, "no")) for probe in COLUMNS]
        rows.append("| " + " | ".join([client, version, transport, row["protocol"], *cells]) + " |")
    head = ["client", "version", "transport", "protocol", *COLUMNS.values()]
    return "\n".join([INTRO, "| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *rows, ""])


def cell(word):
    if word.startswith("cannot"):
        return "–"
    return WORDS.get(word, word.removeprefix("yes: "))
