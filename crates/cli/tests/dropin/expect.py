#!/usr/bin/env python3
"""Runs the commands of `cases/commands` and writes what they print as `.expected` files.

Usage: expect.py DIRECTORY_OF_ANSIBLES_COMMANDS [NAME …]

The directory is that of the package `ansible`, which has the collections too.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).parent
cases = here / "cases"
rules = [line.split(" -> ", 1) for line in (here / "settled").read_text().splitlines() if not line.startswith("#")]


def settled(text, out):
    """Without what differs from run to run."""
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.replace(str(cases.resolve()), "DIR").replace(out, "OUT")


def main():
    bin, names = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    into = pathlib.Path(os.environ.get("INTO", cases))
    for line in (cases / "commands").read_text().splitlines():
        name, _, command = line.partition(": ")
        if line.startswith("#") or (names and name not in names):
            continue
        with tempfile.TemporaryDirectory() as out:
            (into / f"{name}.expected").write_text(run(command, bin, out), newline="")


def run(command, bin, out):
    words = shlex.split(command.replace("{out}", out))
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PAGER": "cat",
           "ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
           "ANSIBLE_LOCAL_TEMP": "/tmp/hostler-dropin", "ANSIBLE_REMOTE_TMP": "/tmp/hostler-dropin", "ANSIBLE_HOME": "/tmp/hostler-dropin"}
    while "=" in words[0]:
        key, _, value = words.pop(0).partition("=")
        env[key] = value
    typed = env.pop("STDIN", "").replace("\\n", "\n").encode()
    run = subprocess.run([str(bin / words[0]), *words[1:]], cwd=cases, env=env, input=typed, capture_output=True)
    text = settled(run.stdout.decode(), out) + "---- stderr\n" + settled(run.stderr.decode(), out)
    text += f"---- exit {run.returncode}\n"
    for file in sorted(pathlib.Path(out).rglob("*")):
        if file.is_file():
            text += settled(f"---- file {file.relative_to(out)}\n{file.read_text()}\n", out)
    return text


main()
