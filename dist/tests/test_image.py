import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
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


def made(folder):
    """The image as a container of buildah's, in a store of its own below the folder: the words that begin a command of buildah, and the container."""
    root = pathlib.Path(folder, "files")
    lay(root)
    # As the Dockerfile copies it: a named volume takes its owner from there.
    state = (root / "var/lib/mssql-mcp").rename(f"{folder}/state")
    store = f"{folder}/store"
    container = buildah(store, "from", "scratch").strip()
    buildah(store, "copy", "--quiet", container, root, "/")
    buildah(store, "copy", "--quiet", "--chown", "65532:65532", container, state, "/var/lib/mssql-mcp")
    settings = ["--user", "65532:65532", "--entrypoint", '["mssql-mcp"]', "--cmd", "serve", "--env", "PATH=/usr/local/bin"]
    for name, value in labels(OWNER="OWNER", VERSION=given.project.VERSION).items():
        settings += ["--label", f"{name}={value}"]
    buildah(store, "config", *settings, container)
    return store, container


def within(store, container, *command):
    """What runs a command in the container, without Docker and its network."""
    return ["buildah", "--storage-driver", "vfs", "--root", f"{store}/root", "--runroot", f"{store}/run", "run", "--isolation", "chroot", container, "--", *command]


def service():
    """The server of deploy/compose.yaml, with what .env must say in its places."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (given.project.ROOT / "deploy/compose.yaml").read_text())
    text = re.sub(r"\$\{DOMAIN:\?[^}]*\}", "mcp.example.com", text)
    read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"
    done = subprocess.run([given.TOOLS / "venv/bin/python", "-c", read], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["services"]["mcp-server"]


def free():
    """A port of loopback that nobody has."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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
            store, container = made(folder)
            buildah(store, "commit", "--quiet", "--disable-compression=false", container, f"oci-archive:{folder}/image.tar:mssql-mcp")
            size = pathlib.Path(folder, "image.tar").stat().st_size
            print(f"{size / 1e6:.1f} MB compressed")
            self.assertLess(size, MOST_BYTES)
            inspected = json.loads(buildah(store, "inspect", container))
            wanted = labels(OWNER="OWNER", VERSION=given.project.VERSION)
            self.assertLessEqual(wanted.items(), inspected["OCIv1"]["config"]["Labels"].items())

            command = within(store, container, "mssql-mcp")
            handshake.demo(command, given.environment(folder))
            with handshake.Client([*command, "demo", "--stdio"], given.environment(folder)) as client:
                client.begin()
                self.assertEqual(users("mssql-mcp", client.process.pid), {65532})
                client.finish()

    @unittest.skipUnless(shutil.which("buildah") and os.geteuid() == 0, "needs buildah, and root for a user of its own inside")
    def test_the_service_of_compose_is_healthy_by_its_own_check_until_it_ends(self):
        service_of_compose, port, database = service(), free(), free()
        with given.empty() as folder:
            sandbox = subprocess.Popen([given.BINARY, "sandbox", "--listen", f"127.0.0.1:{database}"], env=given.environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                user, password, name = re.search(r"user (\S+), password (\S+), database (\S+)\.$", sandbox.stdout.readline()).groups()
                said = {"MSSQL_HOST": f"127.0.0.1,{database}", "MSSQL_USER": user, "MSSQL_PASSWORD": password, "MSSQL_DATABASE": name}
                store, container = made(folder)
                # But for the address: nothing of a test listens beyond loopback.
                settings = service_of_compose["environment"] | said | {"MSSQL_MCP_HTTP_LISTEN": f"127.0.0.1:{port}", "TrustServerCertificate": "yes"}
                buildah(store, "config", *[word for name, value in settings.items() for word in ("--env", f"{name}={value}")], container)
                server = subprocess.Popen(within(store, container, "mssql-mcp", "serve"), env=given.environment(folder))
                try:
                    kind, *check = service_of_compose["healthcheck"]["test"]
                    self.assertEqual(kind, "CMD")
                    healthy = lambda: subprocess.run(within(store, container, *check), env=given.environment(folder), capture_output=True).returncode == 0  # noqa: E731
                    until = time.monotonic() + 60
                    while not healthy():
                        self.assertLess(time.monotonic(), until, "it is never healthy")
                        self.assertIsNone(server.poll(), "it ended")
                finally:
                    server.terminate()
                    server.wait(30)
                self.assertFalse(healthy())
            finally:
                sandbox.terminate()
                sandbox.communicate(timeout=30)

    @unittest.skipUnless(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "needs namespaces of one's own")
    def test_the_demo_needs_nothing_that_it_could_write_to(self):
        with given.empty() as folder:
            root = pathlib.Path(folder, "files")
            lay(root)
            script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec chroot "$@"'
            command = ["unshare", "-rm", "sh", "-c", script, "sh", root, "/usr/local/bin/mssql-mcp"]
            handshake.demo(command, {"PATH": os.environ["PATH"]})
