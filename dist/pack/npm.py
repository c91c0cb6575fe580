"""npm: a launcher without dependencies and without install scripts, and a package for each platform that npm chooses by os, cpu and libc."""

import json

from . import archive, fixed, project


def common(build):
    return {
        "version": project.VERSION,
        "license": project.LICENCE,
        "repository": {"type": "git", "url": f"git+{build.repository}.git"},
        "homepage": build.repository,
    }


def package(build, name, manifest, files):
    """NAME-VERSION.tgz as `npm pack` would name it."""
    text = json.dumps(manifest, indent=2) + "\n"
    files = {"package.json": (text.encode(), 0o644), **files, **archive.licences()}
    path = build.out / f"{name}-{project.VERSION}.tgz"
    fixed.tar_gz(path, {f"package/{n}": f for n, f in files.items()}, build.epoch, build.level)
    return path


def readme(build, more=""):
    return f"# {project.TITLE} over MCP\n\n{project.DESCRIPTION}.{more}\n\n[{build.repository}]({build.repository})\n"


def root(build):
    """The launcher. Versions are exact, so that a launcher never meets a binary of another release."""
    manifest = {
        "name": project.PACKAGE,
        **common(build),
        "description": project.DESCRIPTION,
        "keywords": project.KEYWORDS,
        "mcpName": build.registry_name,
        # `npx NAME` starts the entry that is called as the package is.
        "bin": {project.PACKAGE: "bin/launch.js", project.NAME: "bin/launch.js"},
        "files": ["bin"],
        "engines": {"node": ">=18"},
        "optionalDependencies": {f"{project.PACKAGE}-{t.npm}": project.VERSION for t in project.TARGETS},
    }
    text = readme(build, f"\n\n```sh\nnpx -y {project.PACKAGE} demo --stdio\n```\n\nThe same with `stdio` is what a client starts; settings are environment variables such as `MSSQL_HOST`")
    launcher = (project.TEMPLATES / "launch.js").read_bytes()
    return package(build, project.PACKAGE, manifest, {"bin/launch.js": (launcher, 0o755), "README.md": (text.encode(), 0o644)})


def platform(build):
    os, cpu = build.target.npm.split("-")[:2]
    name = f"{project.PACKAGE}-{build.target.npm}"
    manifest = {
        "name": name,
        **common(build),
        "description": f"{project.NAME} for {build.target.triple}; install {project.PACKAGE}, which chooses",
        "os": [os],
        "cpu": [cpu],
        **({"libc": [build.target.libc]} if build.target.libc else {}),
        "files": [build.target.binary],
        "preferUnplugged": True,
    }
    files = {build.target.binary: (build.binary.read_bytes(), 0o755), "README.md": (readme(build).encode(), 0o644)}
    return package(build, name, manifest, files)
