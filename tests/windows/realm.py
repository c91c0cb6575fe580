#!/usr/bin/env python3
"""A realm to throw away: CORP.EXAMPLE in a temporary folder, with a KDC on loopback.

Prints what tests need as KEY=VALUE lines and an empty line, and stays until its stdin closes.
Nothing of the system is read or changed. Variables: KDC_PORT and SQL_PORT, otherwise free ports.
"""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

REALM = "CORP.EXAMPLE"
PASSWORD = "s3cret-of-ada"
KRB5 = """
[libdefaults]
  default_realm = {realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  rdns = false
  # One way to the KDC, so that what it says is not asked for twice.
  udp_preference_limit = 1
[realms]
  {realm} = {{
    kdc = 127.0.0.1:{port}
  }}
"""
KDC = """
[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {realm} = {{
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    max_life = 10h
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }}
[logging]
  kdc = FILE:{folder}/kdc.log
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Realm:
    def __init__(self, folder):
        self.folder = folder
        self.port = int(os.environ.get("KDC_PORT") or free_port())
        self.sql = int(os.environ.get("SQL_PORT") or free_port())
        self.kdc = None
        self.write("krb5.conf", KRB5.format(realm=REALM, port=self.port))
        # The realm where its KDC is nowhere, and where it takes connections and says nothing.
        self.write("dead.conf", KRB5.format(realm=REALM, port=free_port()))
        self.silent = socket.create_server(("127.0.0.1", 0))
        self.write("silent.conf", KRB5.format(realm=REALM, port=self.silent.getsockname()[1]))
        self.write("kdc.conf", KDC.format(realm=REALM, port=self.port, folder=folder))
        self.write("ntlm", f"CORP:ada:{PASSWORD}\n")
        self.env = {
            "PATH": "/usr/sbin:/sbin:" + os.environ.get("PATH", "/usr/bin:/bin"),
            "KRB5_CONFIG": str(folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "LC_ALL": "C",
        }

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run(self, *command, cache="unused", text=None):
        env = {**self.env, "KRB5CCNAME": f"FILE:{self.folder}/{cache}"}
        done = subprocess.run(command, env=env, input=text, text=True, capture_output=True)
        if done.returncode:
            sys.exit(f"{command[0]}: {done.stdout}{done.stderr}")

    def make(self):
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "of-the-database")
        names = [f"MSSQLSvc/localhost:{self.sql}", "MSSQLSvc/sql.corp.example:1433"]
        asked = [f"addprinc -pw {PASSWORD} ada", "addprinc -randkey svc-mcp"]
        asked += [f"ktadd -k {self.folder}/svc-mcp.keytab svc-mcp"]
        for n in names:
            asked += [f"addprinc -randkey {n}", f"ktadd -k {self.folder}/server.keytab {n}"]
        # Another server's, whose key nobody here has.
        asked += ["addprinc -randkey MSSQLSvc/other.corp.example:1433"]
        for query in asked:
            self.run("kadmin.local", "-r", REALM, "-q", query)

    def start(self):
        self.kdc = subprocess.Popen(
            ["krb5kdc", "-n", "-r", REALM, "-P", str(self.folder / "kdc.pid")],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.kdc.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"krb5kdc did not start: {(self.folder / 'kdc.log').read_text()}")

    def tickets(self):
        text = PASSWORD + "\n"
        self.run("kinit", "ada", cache="ada", text=text)
        self.run("kinit", "-l", "1s", "ada", cache="expired", text=text)
        time.sleep(2)

    def stop(self):
        if self.kdc:
            self.kdc.terminate()
            self.kdc.wait()

    def told(self):
        f = self.folder
        return {
            "KRB5_CONFIG": f / "krb5.conf",
            "KRB5_CONFIG_DEAD": f / "dead.conf",
            "KRB5_CONFIG_SILENT": f / "silent.conf",
            "KRB5CCNAME_ADA": f"FILE:{f}/ada",
            "KRB5CCNAME_EXPIRED": f"FILE:{f}/expired",
            "KRB5CCNAME_NONE": f"FILE:{f}/none",
            "KRB5_CLIENT_KTNAME": f"FILE:{f}/svc-mcp.keytab",
            "KRB5_KTNAME": f"FILE:{f}/server.keytab",
            "NTLM_USER_FILE": f / "ntlm",
            "ADA_PASSWORD": PASSWORD,
            "SQL_PORT": self.sql,
        }


def main():
    # A test that is stopped takes the realm along, whichever way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for tool in ["krb5kdc", "kdb5_util", "kadmin.local", "kinit"]:
        if not shutil.which(tool, path="/usr/sbin:/sbin:" + os.environ["PATH"]):
            sys.exit(f"{tool} is missing: run tests/windows/install.sh")
    with tempfile.TemporaryDirectory(prefix="realm-") as folder:
        realm = Realm(pathlib.Path(folder))
        try:
            realm.make()
            realm.start()
            realm.tickets()
            for key, value in realm.told().items():
                print(f"{key}={value}")
            print(flush=True)
            sys.stdin.read()
        finally:
            realm.stop()


main()
