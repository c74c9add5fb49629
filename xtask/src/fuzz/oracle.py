"""Evaluates one expression a line with ansible-core: JSON in, JSON out."""
import json
import os
import sys

sys.stdout = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template


def trust(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trust(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trust(item) for item in value]
    return value


def plain(value):
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)


def cause(error):
    while error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "message", error)).strip()


init_plugin_loader()
variables = trust(json.loads(sys.stdin.readline()))
templar = Templar(loader=DataLoader(), variables=variables)
for line in sys.stdin:
    try:
        answer = {"ok": repr(plain(templar.template(trust_as_template("{{ " + json.loads(line) + " }}"))))}
    except Exception as error:
        answer = {"error": cause(error)}
    print(json.dumps(answer), file=sys.stdout, flush=True)
