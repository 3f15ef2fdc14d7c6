"""What schemathesis makes of the OpenAPI document, looking inside included: requests that fit it, and that break it."""

from __future__ import annotations

import base64
import importlib.util
import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from attacks.answers import REASONS, fault_of_answer, fault_of_service
from attacks.attack import Budget, Counts, Example
from attacks.commands import environment
from attacks.product import Product
from attacks.service import Service, serving

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


class Schema:
    """Whatever schemathesis makes of the OpenAPI document, looking inside included."""

    name = "schema"
    promise = "every answer is as the OpenAPI document says, and no request it allows or forbids makes the server fail"
    share = 2.0

    def run(self, product: Product, budget: Budget, rng: random.Random, only: int | None = None) -> Counts:
        if importlib.util.find_spec("schemathesis") is None:
            return Counts(left_out="schemathesis is not installed")
        seed = rng.getrandbits(31) if only is None else only
        with serving(product) as service, product.passing_folder() as folder:
            counts = self._counted(service, folder, seed, max(10.0, budget.left))
            if fault := fault_of_answer(service, service.ask("GET", "/health")) or fault_of_service(service):
                counts.examples.append(Example("all of them", fault.what, seed))
                counts.failed += 1
            return counts

    def _counted(self, service: Service, folder: Path, seed: int, seconds: float) -> Counts:
        tool = str(Path(sys.executable).with_name("schemathesis"))
        events = folder / "events.ndjson"
        command = [
            tool, "run", f"{service.url}/openapi.json", "--checks", CHECKS, "--seed", str(seed), "--warnings", "off",
            "--generation-database", "none", "-n", "1000", "--phases", "coverage,fuzzing", "--request-timeout", "45",
            "--report", "ndjson", "--report-ndjson-path", str(events), "--no-color",
        ]  # fmt: skip
        with subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(folder),
        ) as process:
            try:
                out, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)  # it then says what it has found so far
                try:
                    out, _ = process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    out, _ = process.communicate()
        return counted(events.read_text(encoding="utf-8") if events.exists() else "", out, seed)


def counted(events: str, out: str, seed: int) -> Counts:
    """Requests and failed checks in the events that schemathesis writes, one JSON object a line."""
    counts = Counts()
    for line in filter(None, events.splitlines()):
        event = json.loads(line)
        recorder = event.get("ScenarioFinished", {}).get("recorder", {})
        for name, interaction in recorder.get("interactions", {}).items():
            counts.tried += 1
            failed = [
                one for one in recorder.get("checks", {}).get(name, []) if one.get("status") == "failure"
            ]
            if (interaction.get("response") or {}).get("status_code") in REASONS:
                failed = [one for one in failed if one.get("name") != "not_a_server_error"]
            if failed:
                counts.failed += 1
                if len(counts.examples) < 3:
                    counts.examples.append(_example(interaction, failed[0], seed))
    if not counts.tried:
        counts.tried = counts.failed = 1
        counts.examples.append(Example("schemathesis", f"tried nothing: {out[-500:]}", seed))
    return counts


def _example(interaction: dict[str, Any], check: dict[str, Any], seed: int) -> Example:
    request = interaction.get("request", {})
    body = request.get("body") or request.get("encoded_body") or ""
    if isinstance(body, dict):
        body = base64.b64decode(str(body.get("$base64", ""))).decode(errors="replace")
    status = interaction.get("response", {}) or {}
    what = f"{check.get('name')}: {json.dumps(check.get('failure_info', check))[:300]}"
    return Example(
        f"{request.get('method')} {request.get('uri', '')} {str(body)[:300]}",
        f"{status.get('status_code')} {what}",
        seed,
    )


SCHEMA = Schema()
