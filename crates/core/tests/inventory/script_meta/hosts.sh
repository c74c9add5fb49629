#!/bin/sh
[ "$1" = --list ] || { echo "only --list is expected" >&2; exit 1; }
cat <<'JSON'
{"web": {"hosts": ["a", "b"], "vars": {"port": 80, "t": "{{ port }}"}, "children": ["inner"]},
 "inner": ["c"], "bare": {"hosts": []},
 "_meta": {"hostvars": {"a": {"x": 1, "u": {"__ansible_unsafe": "{{ raw }}"}}, "c": {"y": [true, null]}}}}
JSON
