"""What deploy/ holds can be read by what reads it, and keeps what it promises: no root and no disk to write to."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from dragoman.cli import commands
from dragoman.cli.serve import STATE_VARIABLE
from dragoman.server import run
from dragoman.server.gate.metrics import COUNTERS
from dragoman.server.settings import Network, Settings, check_state

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"

kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="kubernetes-validate is not installed: it holds the schemas of Kubernetes"
)
yaml = pytest.importorskip("yaml", reason="PyYAML is not here; schemathesis would bring it")

MANIFESTS: list[dict[str, Any]] = list(
    chain.from_iterable(
        yaml.safe_load_all(path.read_text(encoding="utf-8"))
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    )
)
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Service": "v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
}
WORKLOADS = [manifest for manifest in MANIFESTS if manifest["kind"] in ("Deployment", "StatefulSet")]


def of_kind(kind: str, name: str = "dragoman") -> dict[str, Any]:
    (found,) = (one for one in MANIFESTS if one["kind"] == kind and one["metadata"]["name"] == name)
    return found


def test_every_manifest_is_of_a_kind_and_version_that_there_is() -> None:
    assert {one["kind"] for one in MANIFESTS} == set(VERSIONS)
    for one in MANIFESTS:
        assert one["apiVersion"] == VERSIONS[one["kind"]]
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", one["metadata"]["name"])
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
@pytest.mark.parametrize("version", ["1.27", "1.37"])
def test_kubernetes_own_schema_knows_every_field(manifest: dict[str, Any], version: str) -> None:
    """Strictly: a field that is misspelled is none, and Kubernetes would not heed it."""
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelled_field_would_be_seen() -> None:
    manifest = of_kind("Deployment")
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(
            {**manifest, "spec": {**manifest["spec"], "replica": 3}}, "1.37", strict=True
        )


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: one["metadata"]["name"])
def test_pods_are_nobody_s_root_and_write_to_no_disk_of_theirs(workload: dict[str, Any]) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert workload["spec"]["selector"]["matchLabels"].items() <= (
        workload["spec"]["template"]["metadata"]["labels"].items()
    )
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    volumes = {one["name"] for one in pod.get("volumes", [])}
    volumes |= {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True and context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"readinessProbe", "livenessProbe"} <= set(container)
        assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
        assert {one["name"] for one in container["volumeMounts"]} <= volumes
        assert all(isinstance(word, str) for word in container["args"])


def test_services_budgets_and_the_autoscaler_mean_pods_that_there_are() -> None:
    labels = {one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in WORKLOADS}
    ports = {
        one["metadata"]["name"]: {port["name"] for port in one["spec"]["template"]["spec"]["containers"][0]["ports"]}
        for one in WORKLOADS
    }  # fmt: skip
    for name in labels:
        spec = of_kind("Service", name)["spec"]
        assert spec["selector"].items() <= labels[name].items()
        assert {port["targetPort"] for port in spec["ports"]} <= ports[name]
    budget = of_kind("PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"] == labels["dragoman"] and budget["maxUnavailable"] == 1
    scaled = of_kind("HorizontalPodAutoscaler")["spec"]
    deployment = of_kind("Deployment")
    assert scaled["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "dragoman"}
    assert "replicas" not in deployment["spec"]
    assert 1 < scaled["minReplicas"] < scaled["maxReplicas"]
    (metric,) = scaled["metrics"]
    assert metric["pods"]["metric"]["name"] == "dragoman_queue_sentences"
    source = (ROOT / "src" / "dragoman" / "server" / "service.py").read_text(encoding="utf-8")
    assert metric["pods"]["metric"]["name"] in [*COUNTERS, *re.findall(r'gauge\(\s*"(\w+)"', source)]


def test_a_pod_has_time_to_finish_what_it_accepted() -> None:
    pod, grace = of_kind("Deployment")["spec"]["template"]["spec"], Settings().limits.file_deadline + 5
    assert pod["terminationGracePeriodSeconds"] > grace
    replicas = [one for name, one in COMPOSE["services"].items() if name.startswith("replica-")]
    assert all(int(one["stop_grace_period"].removesuffix("s")) > grace for one in replicas)


def test_compose_runs_three_replicas_alike() -> None:
    services, replicas = COMPOSE["services"], ["replica-1", "replica-2", "replica-3"]
    assert set(services) == {*replicas, "redis", "nginx"}
    assert [services[name] | {"networks": 0} for name in replicas[1:]] == [
        services[replicas[0]] | {"networks": 0}
    ] * 2
    for service in services.values():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert not service["user"].startswith("0")
    for place in chain.from_iterable(one.get("volumes", []) for one in services.values()):
        name = place.split(":")[0]
        assert name in COMPOSE["volumes"] or (DEPLOY / name).is_file()


def test_the_proxy_that_replicas_believe_is_nginx() -> None:
    services = COMPOSE["services"]
    words = services["replica-1"]["command"]
    believed = words[words.index("--proxies") + 1]
    assert believed == services["nginx"]["networks"]["inside"]["ipv4_address"]
    Network(proxies=(believed,))


def test_nginx_knows_every_replica_and_hears_where_it_is_published() -> None:
    conf = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    replicas = [(f"replica-{n}", str(Network.port)) for n in (1, 2, 3)]
    assert re.findall(r"server (\S+):(\d+) fail_timeout", conf) == replicas
    assert re.findall(r"server (\S+):(\d+) backup max_fails=0", conf) == replicas
    (port,) = COMPOSE["services"]["nginx"]["ports"]
    assert f"listen {port.split(':')[-1]};" in conf


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed: apt-get install nginx")
def test_nginx_can_read_its_file(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(re.sub(r"replica-\d:", "127.0.0.1:", text), encoding="utf-8")
    command = ["nginx", "-t", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
ENTRYPOINT: list[str] = json.loads(re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)[0])


def told(name: str) -> list[list[str]]:
    """The commands in the comments of a file: what stands after the image is given to its entry point."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    lines = "\n".join(line[2:] for line in text.splitlines() if line.startswith("# ")).replace("\\\n", " ")
    found = []
    for line in lines.splitlines():
        words = shlex.split(line) if line.startswith("    ") and "$(" not in line else []
        if words[:2] == ["docker", "run"]:
            found.append([*ENTRYPOINT, *words[words.index("dragoman") + 1 :]])
        elif words[:2] == ["docker", "compose"] and "exec" in words:
            found.append(words[words.index("exec") + 2 :])
    return found


def command_lines() -> dict[str, list[str]]:
    """Every command of Dragoman that stands in deploy/, and where."""
    unit = (DEPLOY / "dragoman.service").read_text(encoding="utf-8")
    pod = of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]
    lines = {
        "image": ENTRYPOINT,
        "health": json.loads(re.findall(r"^HEALTHCHECK .*CMD (.*)$", DOCKERFILE, re.MULTILINE)[0]),
        "compose": [*ENTRYPOINT, *COMPOSE["services"]["replica-1"]["command"]],
        "pod": [*ENTRYPOINT, *pod["args"]],
        "unit": shlex.split(re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)[0]),
    }
    for name in ("Dockerfile", "compose.yaml"):
        lines |= {f"{name} {number}": words for number, words in enumerate(told(name))}
    return lines


def test_comments_are_read() -> None:
    lines = command_lines()
    assert len([name for name in lines if name.startswith("Dockerfile")]) == 3
    assert lines["compose.yaml 0"][:4] == ["dragoman", "serve", "keys", "add"]


@pytest.mark.parametrize("name", command_lines())
def test_every_command_line_is_one_that_dragoman_understands(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own parser, with the values too: nothing is started."""
    words = command_lines()[name]
    assert Path(words[0]).name == "dragoman"
    ran: list[Settings] = []
    monkeypatch.setattr(run, "run", lambda settings, tell: ran.append(settings))
    if words[1] == "serve" and words[2:3] != ["keys"]:
        assert commands.run(words[1:]) == 0
        (settings,) = ran
        assert settings.network.port == Network.port
        assert settings.network.host == ("127.0.0.1" if name == "unit" else "0.0.0.0")
    else:
        commands.app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_ports_addresses_and_variables_are_those_of_the_server() -> None:
    port = str(Network.port)
    assert re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE) == [port]
    template = of_kind("Deployment")["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == port
    (container,) = template["spec"]["containers"]
    assert [one["containerPort"] for one in container["ports"]] == [Network.port]
    assert [one["name"] for one in container["env"]] == list(COMPOSE["services"]["replica-1"]["environment"])
    assert STATE_VARIABLE in COMPOSE["services"]["replica-1"]["environment"]
    check_state(COMPOSE["services"]["replica-1"]["environment"][STATE_VARIABLE])
    source = (ROOT / "src" / "dragoman" / "server" / "app.py").read_text(encoding="utf-8")
    routes = re.findall(r'Route\("([^"]+)"', source)
    asked = {
        container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert {*asked, template["metadata"]["annotations"]["prometheus.io/path"]} <= set(routes)
    (redis,) = of_kind("StatefulSet", "dragoman-redis")["spec"]["template"]["spec"]["containers"]
    manifest = (DEPLOY / "kubernetes" / "dragoman.yaml").read_text(encoding="utf-8")
    (address,) = re.findall(r"--from-literal=address=(\S+)", manifest)
    check_state(address)
    host, found = re.findall(r"//([^:]+):(\d+)", address)[0]
    assert host == of_kind("Service", "dragoman-redis")["metadata"]["name"]
    assert int(found) == redis["ports"][0]["containerPort"]


def test_the_image_is_built_of_what_there_is() -> None:
    """`COPY . .` sent a checkout with its environments, runs and corpora to the builder: gigabytes."""
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        copied |= set(sources)
    assert "." not in copied and all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    build = project["tool"]["hatch"]
    needed |= {Path(one).parts[0] for one in build["build"]["targets"]["wheel"]["packages"]}
    needed |= {Path(build["version"]["path"]).parts[0], *re.findall(r" -c (\S+)", DOCKERFILE)}
    assert copied == needed


def test_the_image_has_a_python_that_will_do() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = re.findall(r"\d+", project["requires-python"])
    for version in re.findall(r"^FROM python:([\d.]+)", DOCKERFILE, re.MULTILINE):
        assert list(map(int, version.split("."))) >= list(map(int, least))


def test_the_image_holds_what_replicas_need() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    (taken,) = re.findall(r'"\.\[([\w,]+)\]"', (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert {"redis", "serve"} <= set(taken.split(",")) <= set(extras)
