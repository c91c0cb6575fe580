"""Starts the program that this wheel installs beside it."""

import os
import subprocess
import sys
import sysconfig


def binary():
    """Beside the script that was started, else where this Python has its scripts."""
    name = "mssql-mcp.exe" if os.name == "nt" else "mssql-mcp"
    for folder in (os.path.dirname(os.path.abspath(sys.argv[0])), sysconfig.get_path("scripts")):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    sys.exit("mssql-mcp-rs: the program is not where its wheel put it; install mssql-mcp-rs again")


def main():
    command = [binary(), *sys.argv[1:]]
    if os.name == "nt":
        # Windows has no exec: the child is waited for.
        sys.exit(subprocess.call(command))
    # The program takes this process's place, so that signals and the exit code are its own.
    os.execv(command[0], command)
