#!/usr/bin/env python3
"""Runs the commands of `cases/commands` and writes what they print as `.expected` files.

Usage: expect.py DIRECTORY_OF_ANSIBLES_COMMANDS [NAME …]
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

cases = pathlib.Path(__file__).parent / "cases"


def settled(text):
    """Without what differs from run to run."""
    text = re.sub(r'"(delta|start|end)": "[^"]*"', r'"\1": "TIME"', text)
    text = re.sub(r"(delta|start|end): '[^']*'", r"\1: 'TIME'", text)
    return text.replace(str(cases.resolve()), "DIR")


def main():
    bin, names = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    into = pathlib.Path(os.environ.get("INTO", cases))
    for line in (cases / "commands").read_text().splitlines():
        name, _, command = line.partition(": ")
        if line.startswith("#") or (names and name not in names):
            continue
        words = shlex.split(command)
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PAGER": "cat",
               "ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
               "ANSIBLE_LOCAL_TEMP": "/tmp/hostler-dropin", "ANSIBLE_REMOTE_TMP": "/tmp/hostler-dropin", "ANSIBLE_HOME": "/tmp/hostler-dropin"}
        while "=" in words[0]:
            key, _, value = words.pop(0).partition("=")
            env[key] = value
        run = subprocess.run([str(bin / words[0]), *words[1:]], cwd=cases, env=env, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True)
        text = settled(run.stdout) + "---- stderr\n" + settled(run.stderr) + f"---- exit {run.returncode}\n"
        (into / f"{name}.expected").write_text(text)


main()
