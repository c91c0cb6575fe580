import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from . import given, handshake

# Compressed, as a registry counts it.
MOST_BYTES = 40_000_000
DOCKERFILE = (given.project.ROOT / "deploy/Dockerfile").read_text()


def buildah(store, *arguments, **options):
    return given.run("buildah", "--storage-driver", "vfs", "--root", f"{store}/root", "--runroot", f"{store}/run", *arguments, **options)


def libraries():
    """Path in the image → file of this machine: what ldd says that the binary takes."""
    said = given.run("ldd", given.BINARY)
    return {m[1]: pathlib.Path(m[1]).resolve() for m in re.finditer(r"(?:=> |^\s*)(/\S+) \(0x", said, re.M)}


def labels(**arguments):
    """Those of the Dockerfile, with its arguments in their places."""
    block = re.search(r"^LABEL (.*?[^\\])\n(?=[A-Z])", DOCKERFILE, re.S | re.M)[1]
    values = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.M)) | arguments
    found = dict(re.findall(r'([a-z.]+)="([^"]*)"', block))
    return {name: re.sub(r"\$\{(\w+)\}", lambda m: values[m[1]], text) for name, text in found.items()}


def lay(root):
    """The file system of the image: the binary, its libraries, certificates, a folder for the state."""
    for path, file in {**libraries(), "/usr/local/bin/mssql-mcp": given.BINARY, "/etc/ssl/certs/ca-certificates.crt": pathlib.Path("/etc/ssl/certs/ca-certificates.crt")}.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
        place.chmod(0o755 if path.count("bin") or ".so" in path else 0o644)
    (root / "var/lib/mssql-mcp").mkdir(parents=True)


def users(name, session):
    """Who runs the programs of a name in a session."""
    found = set()
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "comm").read_text().strip() == name and os.getsid(int(entry.name)) == session:
                found.add(int(re.search(r"^Uid:\s+(\d+)", (entry / "status").read_text(), re.M)[1]))
        except OSError:
            pass
    return found


class Image(unittest.TestCase):
    """The Dockerfile's image without its base, which is not to be had everywhere: from scratch, by buildah."""

    def test_the_dockerfile_runs_without_root_and_without_a_shell(self):
        last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
        self.assertIn("\nUSER 65532:65532\n", last)
        self.assertIn('\nENTRYPOINT ["mssql-mcp"]\nCMD ["serve"]\n', last)
        self.assertNotIn("\nRUN ", last)

    def test_the_labels_are_complete_and_name_the_server_as_the_registry_does(self):
        entry = json.loads((given.OUT / "server.json").read_text())
        found = labels(OWNER="OWNER", VERSION=given.project.VERSION)
        self.assertEqual(found["io.modelcontextprotocol.server.name"], entry["name"])
        self.assertEqual(found["org.opencontainers.image.version"], entry["version"])
        wanted = {"title", "description", "url", "source", "documentation", "vendor", "licenses", "version", "revision", "created"}
        self.assertEqual({n.removeprefix("org.opencontainers.image.") for n in found} - {"io.modelcontextprotocol.server.name"}, wanted)

    @unittest.skipUnless(shutil.which("buildah") and os.geteuid() == 0, "needs buildah, and root for a user of its own inside")
    def test_the_image_serves_the_demo_as_nobody_and_keeps_its_labels_and_its_size(self):
        with given.empty() as folder:
            root = pathlib.Path(folder, "files")
            lay(root)
            store = f"{folder}/store"
            container = buildah(store, "from", "scratch").strip()
            buildah(store, "copy", "--quiet", container, root, "/")
            wanted = labels(OWNER="OWNER", VERSION=given.project.VERSION)
            settings = ["--user", "65532:65532", "--entrypoint", '["mssql-mcp"]', "--cmd", "serve", "--env", "PATH=/usr/local/bin"]
            for name, value in wanted.items():
                settings += ["--label", f"{name}={value}"]
            buildah(store, "config", *settings, container)
            buildah(store, "commit", "--quiet", "--disable-compression=false", container, f"oci-archive:{folder}/image.tar:mssql-mcp")
            size = pathlib.Path(folder, "image.tar").stat().st_size
            print(f"{size / 1e6:.1f} MB compressed")
            self.assertLess(size, MOST_BYTES)
            inspected = json.loads(buildah(store, "inspect", container))
            self.assertLessEqual(wanted.items(), inspected["OCIv1"]["config"]["Labels"].items())

            command = ["buildah", "--storage-driver", "vfs", "--root", f"{store}/root", "--runroot", f"{store}/run", "run", "--isolation", "chroot", container, "--", "mssql-mcp"]
            handshake.demo(command, given.environment(folder))
            with handshake.Client([*command, "demo", "--stdio"], given.environment(folder)) as client:
                client.begin()
                self.assertEqual(users("mssql-mcp", client.process.pid), {65532})
                client.finish()

    @unittest.skipUnless(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "needs namespaces of one's own")
    def test_the_demo_needs_nothing_that_it_could_write_to(self):
        with given.empty() as folder:
            root = pathlib.Path(folder, "files")
            lay(root)
            script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec chroot "$@"'
            command = ["unshare", "-rm", "sh", "-c", script, "sh", root, "/usr/local/bin/mssql-mcp"]
            handshake.demo(command, {"PATH": os.environ["PATH"]})
