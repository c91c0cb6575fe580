import json
import pathlib
import re
import unittest
import zipfile

from . import given, handshake


def unpack(folder):
    """As a host does: every file with its mode."""
    with zipfile.ZipFile(given.one("*.mcpb")) as bundle:
        for entry in bundle.infolist():
            bundle.extract(entry, folder)
            pathlib.Path(folder, entry.filename).chmod(entry.external_attr >> 16 & 0o777)
    return json.loads(pathlib.Path(folder, "manifest.json").read_text())


def expand(text, folder, config):
    """As hosts do: what is not set stays as it is written."""
    known = {"__dirname": str(folder), "/": "/", "pathSeparator": "/", **{f"user_config.{k}": v for k, v in config.items()}}
    return re.sub(r"\$\{([^}]+)\}", lambda m: known.get(m[1], m[0]), text)


def started(manifest, folder, config):
    """(command, args, env) of a host; a default stands for what the person left empty."""
    given_or_default = {k: field["default"] for k, field in manifest["user_config"].items() if "default" in field} | config
    start = manifest["server"]["mcp_config"]
    env = {name: expand(text, folder, given_or_default) for name, text in start["env"].items()}
    return expand(start["command"], folder, given_or_default), start["args"], env


class Bundle(unittest.TestCase):
    def test_mcpb_validates_the_manifest(self):
        with given.empty() as folder:
            unpack(folder)
            given.run(given.TOOLS / "node_modules/.bin/mcpb", "validate", f"{folder}/manifest.json")

    def test_the_bundle_that_a_host_unpacks_serves_the_demo(self):
        with given.empty() as folder:
            command, _, env = started(unpack(folder), folder, {"host": "h", "user": "u", "password": "p"})
            # The demo has a database of its own, and takes none from the environment.
            server = handshake.demo([command], given.environment(folder))
            self.assertEqual(server["version"], given.project.VERSION)
            self.assertNotIn("${", " ".join(env.values()))

    def test_as_a_host_starts_it_the_bundle_lists_its_tools_before_any_database_is_reached(self):
        # Port 9 of this machine answers nobody; tools are listed all the same.
        with given.empty() as folder:
            command, args, env = started(unpack(folder), folder, {"host": "127.0.0.1,9", "user": "u", "password": "p"})
            with handshake.Client([command, *args], given.environment(folder, **env)) as client:
                client.begin()
                self.assertTrue(client.call(2, "tools/list")["tools"])
                client.finish()

    def test_every_setting_that_may_stay_empty_has_a_default_and_every_one_is_handed_over(self):
        with given.empty() as folder:
            manifest = unpack(folder)
        for key, field in manifest["user_config"].items():
            self.assertTrue(field["required"] or "default" in field, key)
        used = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(manifest["server"])))
        self.assertEqual(used, set(manifest["user_config"]))
        self.assertEqual([k for k, field in manifest["user_config"].items() if field.get("sensitive")], ["password"])
