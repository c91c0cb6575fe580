"""Instructions of one call, before and after a change (`make gate`): counted by callgrind, which knows no clock and no neighbours.

Before is GATE_BASE, or where this branch left main (on main itself: what is pushed; where that is the same, the last commit). After is the working
tree as it is. Both are built with the same loops, those of the working tree. A change beyond LIMIT, for better or worse, ends with status 1.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "gate"
CARGO = shlex.split(os.environ.get("CARGO", "cargo"))
LIMIT = 3.0  # percent
FEW, MANY = 100, 1100
RUNS = 2
# What both sides are built with. Not the release's link-time optimisation, which takes most of the time; symbols for callgrind_annotate.
PROFILE = {"CARGO_PROFILE_BENCH_LTO": "off", "CARGO_PROFILE_BENCH_CODEGEN_UNITS": "1", "CARGO_PROFILE_BENCH_STRIP": "none"}
LOOPS = ["benches/gate.rs", "benches/shared/apart.rs", "benches/shared/endpoint.rs", "benches/shared/message.rs", "benches/shared/response.rs"]
ENTRY = '\n[[bench]]\nname = "gate"\nharness = false\n'


def git(*args):
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def base():
    """The commit that is held against the working tree."""
    if asked := os.environ.get("GATE_BASE"):
        return git("rev-parse", "--verify", f"{asked}^{{commit}}") or sys.exit(f"GATE_BASE={asked} is no commit")
    head = git("rev-parse", "HEAD")
    for ref in ["main", "main@{upstream}"]:
        left = git("merge-base", "HEAD", ref)
        if left and left != head:
            return left
    return head if git("status", "--porcelain") else git("rev-parse", "HEAD~1") or sys.exit("There is no commit before this one: GATE_BASE=…")


def named(commit):
    return git("log", "-1", "--format=%h %<(70,trunc)%s", commit).strip()


def valgrind():
    """From Debian, where it is missing."""
    if shutil.which("valgrind"):
        return
    apt = ([] if os.getuid() == 0 else ["sudo"]) + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "-y", "valgrind"], check=True, stdout=subprocess.DEVNULL)


def cargo(tree, *args):
    """Both sides share what is built of others' crates."""
    return subprocess.run([*CARGO, *args], cwd=tree, env=os.environ | PROFILE | {"CARGO_TARGET_DIR": str(KEPT)}, stdout=subprocess.PIPE, text=True)


def built(tree):
    """The program of these sources; none where it does not compile."""
    done = cargo(tree, "bench", "--no-run", "--locked", "--bench", "gate", "--message-format", "json-render-diagnostics")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return next((m["executable"] for m in found if m.get("executable") and m["target"]["name"] == "gate"), None) if done.returncode == 0 else None


def built_base(commit):
    """Likewise of a commit, in a work tree for just that long; kept until loops, compiler or commit are others."""
    of = [commit, subprocess.run(["rustc", "-vV"], capture_output=True, text=True).stdout, str(PROFILE), os.environ.get("RUSTFLAGS", "")]
    of += [(ROOT / f).read_text() for f in LOOPS]
    kept = KEPT / "base" / hashlib.sha256("\0".join(of).encode()).hexdigest()[:16]
    if kept.exists():
        return kept
    tree = KEPT / "tree"
    git("worktree", "remove", "--force", str(tree))
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), commit], cwd=ROOT, check=True)
    try:
        for file in LOOPS:
            (tree / file).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / file, tree / file)
        manifest = tree / "Cargo.toml"
        if ENTRY.strip() not in manifest.read_text():
            manifest.write_text(manifest.read_text() + ENTRY)
        # To Cargo the crates of both trees are the same, in the same files, and which is the newer says nothing.
        cargo(tree, "clean", "--quiet", "--profile", "bench", "--workspace")
        program = built(tree)
        if program:
            shutil.rmtree(kept.parent, ignore_errors=True)
            kept.parent.mkdir()
            shutil.copy(program, kept)
        return program and kept
    finally:
        cargo(tree, "clean", "--quiet", "--profile", "bench", "--workspace")
        git("worktree", "remove", "--force", str(tree))


def instructions(side, program, path, times, run):
    """Of a whole process. What callgrind found stays, for callgrind_annotate."""
    out = KEPT / "counts" / f"{path.replace('/', '-')}.{side}.{times}.{run}"
    command = ["valgrind", "--tool=callgrind", "--cache-sim=no", "--branch-sim=no", f"--callgrind-out-file={out}", f"--log-file={out}.log"]
    done = subprocess.run([*command, str(program), path, str(times)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    total = re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.M) if out.exists() else []
    if done.returncode != 0 or not total:
        sys.exit(f"{side}: {path} failed:\n{done.stderr[-2000:]}{pathlib.Path(f'{out}.log').read_text()[-2000:]}")
    return int(total[-1])


def counted(programs, paths):
    """(side, path) → instructions of one call, by the least of the runs, because noise adds; and by how many percent the runs differ."""
    shutil.rmtree(KEPT / "counts", ignore_errors=True)
    (KEPT / "counts").mkdir(parents=True)
    runs = [(side, program, path, times, n) for n in range(RUNS) for path in paths for side, program in programs.items() for times in [FEW, MANY]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        totals = dict(zip(((side, path, times, n) for side, _, path, times, n in runs), pool.map(lambda r: instructions(*r), runs)))
    figures = {}
    for side in programs:
        for path in paths:
            few, many = ([totals[side, path, times, n] for n in range(RUNS)] for times in [FEW, MANY])
            each = [(m - f) / (MANY - FEW) for f, m in zip(few, many)]
            figures[side, path] = ((min(many) - min(few)) / (MANY - FEW), (max(each) / min(each) - 1) * 100)
    return figures


def main():
    valgrind()
    commit = base()
    edited = ", and what is not committed" if git("status", "--porcelain") else ""
    print(f"before: {named(commit)}\nafter:  {named('HEAD')}{edited}", flush=True)
    before = built_base(commit)
    after = built(ROOT) or sys.exit("The working tree does not compile.")
    programs = {"before": before, "after": after}
    if not before:
        print("These loops do not compile against the base: there is no before.")
        del programs["before"]
    paths = dict(line.split("\t") for line in subprocess.run([after], capture_output=True, text=True, check=True).stdout.splitlines())
    figures = counted(programs, paths)

    print(f"\n{'instructions a call':<20}{'before':>12}{'after':>12}{'change':>11}{'noise':>9}")
    beyond, unsteady = [], []
    for path, what in paths.items():
        (now, noise), (then, noise_then) = figures["after", path], figures.get(("before", path), (None, 0))
        noise, change = max(noise, noise_then), (now / then - 1) * 100 if then else 0
        line = f"{path:<20}{then:>12,.0f}{now:>12,.0f}{change:>+9.2f} %" if then else f"{path:<20}{'':>12}{now:>12,.0f}{'':>11}"
        print(f"{line}{noise:>7.2f} %  {what}{'  <-- beyond the limit' if abs(change) > LIMIT else ''}")
        beyond += [f"{path} {change:+.1f} %"] if abs(change) > LIMIT else []
        unsteady += [path] if noise > LIMIT / 2 else []
    if unsteady:
        print(f"\nFrom run to run these differ too much for a judgement: {', '.join(unsteady)}. Run it again.")
    if beyond:
        print(f"\nBeyond {LIMIT:g} %: {', '.join(beyond)}. The commit message has to say why. Where it is:")
        print(f"callgrind_annotate {KEPT / 'counts'}/PATH.before.{MANY}.0, and PATH.after.{MANY}.0")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
