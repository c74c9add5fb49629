#!/usr/bin/env python3
"""Writes the results that ansible-core gives into the case files beside it.

Run with ansible's own interpreter: `python oracle.py [file.yml …]`. `plugins.yml` and `filters.yml` need the
collections ansible.utils and community.general (`ANSIBLE_COLLECTIONS_PATH`). Each case has one of `template` (as in a playbook),
`file` (as in a template file) and `when` (a condition). The result is Python's `repr`; what fails has `fails` instead.
"""
import os
import pathlib
import sys

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

HERE = pathlib.Path(__file__).parent


def trust(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {trust(key) if isinstance(key, str) else key: trust(item) for key, item in value.items()}
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


def evaluate(case, variables):
    loader = DataLoader()
    loader.set_basedir(str(HERE))
    variables = dict(variables, ansible_search_path=[str(HERE)])
    templar = Templar(loader=loader, variables=variables)
    if "when" in case:
        return templar.evaluate_conditional(trust_as_template(case["when"]))
    if "file" in case:
        text = templar.template(trust_as_template(case["file"]), escape_backslashes=False)
        return "" if text is None else str(text)
    return templar.template(trust_as_template(case["template"]))


def fill(path):
    document = yaml.safe_load(path.read_text())
    variables = trust(document.get("variables") or {})
    for case in document["cases"]:
        if case.get("differs"):
            continue
        case.pop("result", None)
        case.pop("fails", None)
        try:
            case["result"] = repr(plain(evaluate(case, variables)))
        except Exception as error:
            case["fails"] = cause(error)
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=100000, allow_unicode=True))


if __name__ == "__main__":
    # As the tests have it.
    os.environ["HOSTLER_CASE"] = "env-value"
    init_plugin_loader()
    for path in [pathlib.Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.yml")):
        fill(path)
