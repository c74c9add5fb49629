#!/usr/bin/env python3
"""Runs the playbooks here with Ansible and writes what it printed as `.expected` files.

Usage: expect.py ANSIBLE_PLAYBOOK [NAME …]
"""
import os
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).parent
HEAD = re.compile(r"^(PLAY|TASK|RUNNING HANDLER) \[(.*)\] \*+$")
HOST = re.compile(r"^(ok|changed|skipping|fatal|failed): \[([^\]]+?)(?: -> [^\]]*)?\](?:: (FAILED|UNREACHABLE)!)?(?: => )?(.*)$", re.S)
RECAP = re.compile(r"^(\S+)\s+: (ok=\d+\s.*)$")


def blocks(text):
    """Joins results that are printed over several lines."""
    joined, depth = [], False
    for line in text.splitlines():
        if depth:
            joined[-1] += "\n" + line
            depth = line != "}"
        else:
            joined.append(line)
            depth = line.endswith("{")
    return joined


def message(rest):
    found = re.search(r'"msg": ("(?:[^"\\]|\\.)*"|\d+|true|false|null)', rest)
    return " " + found.group(1) if found else ""


def main():
    ansible, names = sys.argv[1], sys.argv[2:]
    for playbook in sorted(here.glob("*.yml")):
        if names and playbook.stem not in names:
            continue
        env = dict(os.environ, ANSIBLE_NOCOLOR="1", ANSIBLE_NOCOWS="1", ANSIBLE_PYTHON_INTERPRETER=sys.executable,
                   ANSIBLE_DEPRECATION_WARNINGS="0", ANSIBLE_RETRY_FILES_ENABLED="0", LC_ALL="C.UTF-8")
        run = subprocess.run([ansible, "-i", "hosts", "-c", "local", playbook.name], cwd=here, env=env,
                             capture_output=True, text=True)
        out, pending, action = [], [], ""
        verbose = {"debug", "fail", "assert"}

        def flush():
            out.extend(sorted(pending))
            pending.clear()

        for block in blocks(run.stdout):
            head, host, recap = HEAD.match(block), HOST.match(block), RECAP.match(block)
            if head:
                flush()
                kind = {"RUNNING HANDLER": "HANDLER"}.get(head.group(1), head.group(1))
                out.append(f"{kind} {head.group(2)}")
            elif block.startswith("included: "):
                pending.extend(f"included {name.strip()}" for name in block.rsplit(" for ", 1)[1].split(" => ")[0].split(","))
            elif block.startswith("...ignoring"):
                if " item=" not in pending[-1]:
                    pending[-1] = re.sub("^fatal", "ignored", pending[-1])
            elif block.startswith("skipping: no hosts matched"):
                flush()
                out.append("no hosts matched")
            elif host:
                status, name, kind, rest = host.groups()
                status = "unreachable" if kind == "UNREACHABLE" else status
                rest = rest.strip()
                item = re.match(r"\(item=(.*?)\)(?: => (.*))?$", rest, re.S)
                if item:
                    status = "fatal" if status == "failed" else status
                    pending.append(f"{status} {name} item={item.group(1)}{message(item.group(2) or '')}")
                else:
                    pending.append(f"{status} {name}{message(rest)}")
            elif recap:
                flush()
                out.append(f"{recap.group(1)} {re.sub(' +', ' ', recap.group(2)).strip()}")
        flush()
        playbook.with_suffix(".expected").write_text("\n".join(out) + "\n")
        print(f"{playbook.name}: exit code {run.returncode}")


main()
