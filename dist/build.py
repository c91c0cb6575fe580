"""Makes the packages of a binary that is already built: python3 dist/build.py BINARY OUT

    --owner OWNER      whose repository it is; OWNER means that nothing of it may be published
    --target TRIPLE    Rust's name for the platform; read from the binary where it is one of Linux
    --epoch N          the time of everything, in seconds since 1970 (SOURCE_DATE_EPOCH, else the commit's)
    --sbom FILE        what the binary is made of (make sbom), shipped beside it
    --level N          compression from 1 (quick) to 9
    --portable         no deb and no rpm, for where their tools are not
    --collect          no packages: what is said of all targets together, over the files that OUT has
    --check-sizes PROFILE
                       fail where something is 5 % larger than dist/sizes.toml says of a release or debug build

The same binary and the same epoch give the same bytes.
"""

import argparse
import pathlib
import sys

from pack import archive, deb, elf, formula, mcpb, npm, project, registry, rpm, scoop, scripts, sizes, sums, wheel, winget

# What is downloaded by name, and so has its checksum in SHA256SUMS.
CHECKED = (".tar.gz", ".zip", ".exe", ".tgz", ".whl", ".mcpb", ".deb", ".rpm", ".cdx.json", "install.sh", "install.ps1")


def main():
    options = arguments()
    build = project.Build(options.binary.resolve(), options.out, options.target, options.owner, options.epoch, options.level)
    build.out.mkdir(parents=True, exist_ok=True)
    if not options.collect:
        packages(build, options)
    collect(build)
    print(f"{build.out}: {len(list(build.out.iterdir()))} files of {project.NAME} {project.VERSION} for {build.target.triple}")
    if options.check_sizes:
        found = sizes.kinds([*build.out.iterdir(), build.binary])
        committed = sizes.committed(options.check_sizes)
        print(sizes.table(found, committed))
        wrong = sizes.judge(found, committed)
        sys.exit("\n".join(wrong) or 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--owner", default="OWNER")
    parser.add_argument("--target", type=project.target)
    parser.add_argument("--epoch", type=int)
    parser.add_argument("--sbom", type=pathlib.Path)
    parser.add_argument("--level", type=int, default=9, choices=range(1, 10))
    parser.add_argument("--check-sizes", choices=("release", "debug"))
    for name in ("--portable", "--collect"):
        parser.add_argument(name, action="store_true")
    options = parser.parse_args()
    if options.epoch is None:
        options.epoch = project.commit_time()
    if options.target is None:
        options.target = project.target(elf.Elf(options.binary.read_bytes()).triple())
    return options


def packages(build, options):
    if build.target.libc == "glibc":
        needed = elf.Elf(build.binary.read_bytes()).glibc()
        print(f"needs glibc {needed[0]}.{needed[1]}")
        if needed > project.GLIBC_AT_MOST:
            sys.exit(f"the binary needs glibc {needed[0]}.{needed[1]}, and a release may need {'.'.join(map(str, project.GLIBC_AT_MOST))} at most: build it on an older distribution")
    completed = archive.completions(build)
    archive.write(build, completed)
    for write in (npm.platform, wheel.write, mcpb.write):
        write(build)
    if build.target.libc == "glibc" and not options.portable:
        deb.write(build, completed)
        rpm.write(build, completed)
    if build.target.windows:
        # As winget wants it.
        bare = build.out / f"{project.NAME}-{build.target.triple}.exe"
        bare.write_bytes(build.binary.read_bytes())
    if options.sbom:
        (build.out / f"{project.NAME}-{build.target.triple}.cdx.json").write_bytes(options.sbom.read_bytes())


def collect(build):
    """What speaks of several targets, over all that OUT has."""
    npm.root(build)
    scripts.write(build)
    there = sorted(p for p in build.out.iterdir() if p.name.endswith(CHECKED))
    digests = {p.name: sums.sha256(p) for p in there}
    registry.write(build, {name: digest for name, digest in digests.items() if name.endswith(".mcpb")})
    formula.write(build, digests)
    scoop.write(build, digests)
    winget.write(build, digests)
    sums.write(build, there)


main()
