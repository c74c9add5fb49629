"""Tells how each task of a run of ansible-core ended, as Hostler's event stream tells it."""

import json

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: conformance_rows
type: notification
short_description: How each task line ended
description: Appends one JSON object a task and host to a file.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "conformance_rows"

    def _tell(self, result, status):
        event = {
            "event": "host",
            "place": result.task.get_path(),
            "action": result.task.action,
            "status": status,
            "result": {"msg": str(result.result.get("msg", ""))},
        }
        with open("/results/events.jsonl", "a", encoding="utf-8", errors="replace") as file:
            file.write(json.dumps(event) + "\n")

    def v2_runner_on_ok(self, result):
        self._tell(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._tell(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_skipped(self, result):
        self._tell(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._tell(result, "unreachable")
