"""The wheel (PyPA binary distribution format): the binary as a script, and a module that starts it under the package's own name."""

import base64
import hashlib

from . import archive, elf, fixed, project


def tag(build):
    """py3-none-PLATFORM; on Linux with glibc by the symbols that the binary asks for (PEP 600)."""
    if not build.target.wheel.endswith("_"):
        return f"py3-none-{build.target.wheel}"
    binary = elf.Elf(build.binary.read_bytes())
    major, minor = binary.glibc()
    return f"py3-none-manylinux_{major}_{minor}_{binary.machine}"


def metadata(build):
    readme = (
        f"# {project.TITLE} over MCP\n\n{project.DESCRIPTION}.\n\n```sh\nuvx {project.PACKAGE} demo --stdio\n```\n\n"
        "The same with `stdio` is what a client starts; settings are environment variables such as `MSSQL_HOST`.\n\n"
        # The registry of MCP looks for this line.
        f"mcp-name: {build.registry_name}\n"
    )
    fields = [
        "Metadata-Version: 2.4",
        f"Name: {project.PACKAGE}",
        f"Version: {project.VERSION}",
        f"Summary: {project.DESCRIPTION}",
        f"Keywords: {','.join(project.KEYWORDS)}",
        f"License-Expression: {project.LICENCE}",
        "License-File: LICENSE-APACHE",
        "License-File: LICENSE-MIT",
        f"Project-URL: Source, {build.repository}",
        "Requires-Python: >=3.8",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(fields) + "\n\n" + readme


def write(build):
    stem = f"{project.MODULE}-{project.VERSION}"
    info = f"{stem}.dist-info"
    wheel_tag = tag(build)
    files = {
        f"{project.MODULE}/__init__.py": ((project.TEMPLATES / "wheel_init.py").read_bytes(), 0o644),
        f"{project.MODULE}/__main__.py": (b"from . import main\n\nmain()\n", 0o644),
        f"{stem}.data/scripts/{build.target.binary}": (build.binary.read_bytes(), 0o755),
        f"{info}/METADATA": (metadata(build).encode(), 0o644),
        f"{info}/WHEEL": (f"Wheel-Version: 1.0\nGenerator: dist/build.py\nRoot-Is-Purelib: false\nTag: {wheel_tag}\n".encode(), 0o644),
        f"{info}/entry_points.txt": (f"[console_scripts]\n{project.PACKAGE} = {project.MODULE}:main\n".encode(), 0o644),
    }
    for name, file in archive.licences().items():
        files[f"{info}/licenses/{name}"] = file
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={digest(data)},{len(data)}" for name, (data, _) in files.items()]
    # RECORD cannot have its own hash, and stands last.
    files[record] = ("\n".join([*lines, f"{record},,"]).encode() + b"\n", 0o644)
    path = build.out / f"{stem}-{wheel_tag}.whl"
    fixed.zip_file(path, files, build.epoch, build.level)
    return path


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
