"""What the house looks like, in numbers: `measures.py` prints them for the code without its unit tests. Nothing is asserted here."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRODUCT = ["src", "transports/src", "middleware/src", "sql/src", "session/src"]


def sources(folders):
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.rs")):
            # Unit tests stand at the end, in a module of that name; other files of tests are not counted either.
            if file.stem != "tests" and "tests" not in file.relative_to(ROOT).parts:
                product = re.split(r"\n#\[cfg\((?:all\()?test[^\n]*\n(?:#[^\n]*\n)*mod tests", file.read_text())[0]
                yield file.relative_to(ROOT), product.splitlines()


def functions(lines):
    """Name and lines of each function, as rustfmt lays them out: it ends with the brace at its own depth."""
    for at, line in enumerate(lines):
        found = re.match(r"(\s*)(?:pub(?:\([\w: ]+\))? )?(?:const |async |unsafe )*fn (\w+)", line)
        if not found:
            continue
        end = next((n for n in range(at, len(lines)) if re.match(rf"{found[1]}}}", lines[n]) or lines[n].rstrip().endswith("; }")), None)
        if ";" in line and "{" not in line:
            continue
        if end is not None:
            yield found[2], end - at + 1


def comments(lines):
    """Doc comments, each as a whole: how it is wrapped says nothing."""
    block = []
    for line in [*lines, ""]:
        found = re.match(r"\s*//[/!] ?(.*)", line)
        if found:
            block.append(found[1])
        elif block:
            yield " ".join(block)
            block = []


def measure(name, folders):
    files = list(sources(folders))
    everything = [line for _, lines in files for line in lines]
    largest = max(files, key=lambda f: len(f[1]))
    longest = max(((n, name, file) for file, lines in files for name, n in functions(lines)), default=(0, "", ""))
    docs = [len(words.split()) for _, lines in files for words in comments(lines)]
    share = lambda part, whole: f"{100 * part / max(whole, 1):.1f} %"
    print(f"{name}")
    print(f"  files, lines                       {len(files)}, {len(everything)}")
    print(f"  largest file                       {len(largest[1])} ({largest[0]})")
    print(f"  longest function                   {longest[0]} ({longest[1]} in {longest[2]})")
    print(f"  lines of more than 100 characters  {share(sum(len(line) > 100 for line in everything), len(everything))}")
    print(f"  doc comments of up to three words  {share(sum(words <= 3 for words in docs), len(docs))}")


measure("product", PRODUCT)
measure("sandbox", ["sandbox/src"])
root = [line for _, lines in sources(["src"]) for line in lines]
count = lambda pattern: sum(len(re.findall(pattern, line)) for line in root)
print("root crate")
PATTERNS = {
    "look-ups of configuration by text": r'\.(?:text|int|bool|list|duration|choice|shown)\("[a-z_]+\.[a-z_]+"',
    "error codes compared as text": r'code == "|matches!\((?:outcome|code|e\.error), "',
    "`pub` items": r"^\s*pub (?:fn|async fn|struct|enum|const|static|type|trait|mod)",
}
for what, pattern in PATTERNS.items():
    print(f"  {what:<35}{count(pattern)}")
sys.stdout.flush()
subprocess.run([sys.executable, ROOT / "tests/borders.py", "--measure"], check=True)
