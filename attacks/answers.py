"""Answers of the server judged, whatever was asked: it did not fail, says why it refuses, and carries its policy.

Knows no attack, and asks nothing but whether a plain sentence is still translated.
"""

from __future__ import annotations

import json
import re
import time

from attacks.attack import Fault
from attacks.commands import TRACEBACK
from attacks.service import Answer, Service

POLICY = {"default-src": "'none'", "script-src": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'"}
REASONS = (501, 503, 504)  # statuses from 500 on that are an answer, if they say why
LATE = 1.0  # seconds after its answer in which the log of a failure may come


def fault_of_answer(service: Service, answer: Answer) -> Fault | None:
    """What is wrong with an answer, or with what the server wrote to its log meanwhile."""
    if answer.status == 0:
        return Fault("the server hung up without an answer")
    failed = answer.status >= 500 and answer.status not in REASONS
    if error := _logged_error(service, LATE if failed else 0.0):
        return Fault(f"status {answer.status}, and a traceback in the log: {error}")
    if failed:
        return Fault(f"status {answer.status}: {_start_of(answer)}")
    if answer.status >= 400 and answer.body and not _reason(answer):
        return Fault(f"status {answer.status} without a reason: {_start_of(answer)!r}")
    return fault_of_policy(answer)


def fault_of_service(service: Service) -> Fault | None:
    """What is wrong with how others are served: a plain sentence is not translated as it was at first."""
    try:
        found = service.translation()
    except TimeoutError:
        return Fault("after it, a plain sentence gets no answer")
    if found != service.expected:
        return Fault(f"after it, a plain sentence is translated to {found!r} instead of {service.expected!r}")
    return None


def fault_of_policy(answer: Answer) -> Fault | None:
    """A page may run nothing but what came with it: every answer says so, a refusal too."""
    policy = answer.headers.get("content-security-policy", "")
    told = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    for name, value in POLICY.items():
        if told.get(name) != value:
            return Fault(f"status {answer.status}: {name} of its policy is {told.get(name)!r}, not {value!r}")
    if "unsafe" in policy or answer.headers.get("x-content-type-options") != "nosniff":
        return Fault(f"status {answer.status}: {policy}; x-content-type-options must be nosniff")
    return None


def _start_of(answer: Answer) -> str:
    return answer.body[:200].decode(errors="replace")


def _reason(answer: Answer) -> str:
    """Of a refusal. What is wrong with HTTP itself is told in plain text."""
    try:
        found = json.loads(answer.body)
        return str(found.get("error") or found.get("message") or "")
    except (ValueError, AttributeError):
        return _start_of(answer) if answer.status == 400 else ""


def _logged_error(service: Service, patience: float) -> str:
    """The last line of a traceback in the log; "" if there is none."""
    until = time.monotonic() + patience
    while True:
        log = service.new_in_log()
        if TRACEBACK in log:
            found = re.findall(r"(?:\\n|\n)([\w.]*(?:[eE]rror|Exception)\b[^\\\n\"]{0,150})", log)
            return found[-1] if found else log[-300:]
        if time.monotonic() >= until:
            return ""
        time.sleep(0.02)
