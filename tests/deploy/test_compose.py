"""The contents of docker-compose.yml; that it starts is tested by hand with Docker."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # comes without types; the facts below are checked at run time

from pipeline.sources.registry import build_all_adapters
from ratewire.env_file import format_env_file
from tests.json_types import JsonObject

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "gateway": ["gateway"],
    "migrate": ["migrate"],
    "producer": ["producer"],
    "binance_consumer": ["consumer", "binance"],
    "coingeko_consumer": ["consumer", "coingecko"],
    "binance_stream": ["stream", "binance"],
    "recorder": ["recorder"],
    "listings": ["listings"],
    "coinbase_stream": ["stream", "coinbase"],
    "kraken_stream": ["stream", "kraken"],
    "okx_stream": ["stream", "okx"],
    "bybit_stream": ["stream", "bybit"],
}
STREAMS = [name for name in OURS if name.endswith("_stream")]
IMAGES = {
    "nginx": "nginx:stable-alpine",
    "db": "postgres:17",
    "redis": "redis:8",
    "rabbitmq": "rabbitmq:4-management",
} | dict.fromkeys((*OURS, "simulator"), "ratewire:local")
REPLICAS = {"gateway": 2, "binance_consumer": 4, "coingeko_consumer": 1}
ONE_SHOT = {"migrate"}
Service = JsonObject


def read_compose(name: str) -> JsonObject:
    document = yaml.safe_load((ROOT / name).read_text())
    assert isinstance(document, dict)
    return document


COMPOSE = read_compose("docker-compose.yml")
SIMULATED = read_compose("docker-compose.simulated.yml")
SERVICES: dict[str, Service] = {**COMPOSE["services"], "simulator": SIMULATED["services"]["simulator"]}


@pytest.fixture(params=sorted(SERVICES))
def name(request: pytest.FixtureRequest) -> str:
    """Return each service in turn."""
    return str(request.param)


@pytest.fixture
def service(name: str) -> Service:
    """Return the definition of the service."""
    return SERVICES[name]


def test_the_services_are_the_ones_asked_for() -> None:
    """All services are there, with the known images and numbers of replicas."""
    assert {name: service["image"] for name, service in SERVICES.items()} == IMAGES
    assert {name: COMPOSE["services"][name]["command"] for name in OURS} == OURS
    assert {name: COMPOSE["services"][name]["deploy"]["replicas"] for name in REPLICAS} == REPLICAS


def test_a_service_is_watched_and_restarted(name: str, service: Service) -> None:
    """Each has a health check with a timeout and a restart policy, except one that runs once."""
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        return
    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


def test_a_health_check_uses_only_what_the_image_has(name: str, service: Service) -> None:
    """python:slim has neither curl nor wget; alpine's localhost may be ::1."""
    check = " ".join(service.get("healthcheck", {}).get("test", ()))
    assert "localhost" not in check
    if service["image"] == "ratewire:local" and name not in ONE_SHOT:
        assert service["healthcheck"]["test"][:2] == ["CMD", "python"]
        compile(service["healthcheck"]["test"][-1], name, "exec")


def test_a_service_has_no_more_rights_than_it_needs(service: Service) -> None:
    """The root is read-only, there are no capabilities, and the user is never root."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"]
    assert "user" in service or service["image"] == "ratewire:local"


def test_a_service_cannot_take_the_host_down(service: Service) -> None:
    """Processor time, memory, processes and logs are bounded."""
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_only_nginx_is_published_and_on_loopback_unless_asked() -> None:
    """Nothing else has a port on the host."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"nginx"}
    assert SERVICES["nginx"]["ports"] == [
        "${RATEWIRE_HTTP_ADDRESS:-127.0.0.1}:${RATEWIRE_HTTP_PORT:-8080}:8080"
    ]


def test_stores_and_gateways_have_no_way_out() -> None:
    """They are on internal networks only; nginx reaches the gateways and nothing behind them."""
    internal = {name for name, network in COMPOSE["networks"].items() if (network or {}).get("internal")}
    for inner in ("db", "redis", "rabbitmq", "gateway", "producer", "migrate"):
        assert set(SERVICES[inner]["networks"]) <= internal, inner
    shared = {name for name, service in SERVICES.items() if set(service["networks"]) & {"edge", "front"}}
    assert shared == {"nginx", "gateway"}
    assert "back" not in SERVICES["nginx"]["networks"]


def test_services_start_after_what_they_need() -> None:
    """They wait for health or completion, never for a mere start."""
    conditions = {
        name: {other: wait["condition"] for other, wait in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    healthy, completed = "service_healthy", "service_completed_successfully"
    assert conditions["migrate"] == {"db": healthy}
    assert conditions["producer"] == {"migrate": completed, "redis": healthy, "rabbitmq": healthy}
    assert conditions["binance_consumer"] == {"redis": healthy, "rabbitmq": healthy}
    assert conditions["coingeko_consumer"] == {"redis": healthy, "rabbitmq": healthy}
    assert conditions["listings"] == {"migrate": completed, "redis": healthy}
    for name in STREAMS:
        assert conditions[name] == {"migrate": completed, "redis": healthy}
    assert conditions["gateway"] == {"migrate": completed, "redis": healthy}
    assert conditions["nginx"] == {"gateway": healthy}


def test_data_outlives_its_container() -> None:
    """Each store writes to a named volume."""
    for store in ("db", "redis", "rabbitmq"):
        volume = SERVICES[store]["volumes"][0].split(":")[0]
        assert volume in COMPOSE["volumes"]


def test_a_full_redis_refuses_rather_than_forgets() -> None:
    """Evicted keys would look like rates never seen; an append-only file survives a crash."""
    command = SERVICES["redis"]["command"][-1]
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command
    assert "--requirepass" not in command, "a password there shows in every process list"


def test_every_source_has_a_service_for_each_way_it_is_heard() -> None:
    """A polled source has consumers, a pushing one has a stream."""
    for source, adapter in build_all_adapters().items():
        commands = {
            ("consumer", source.value): adapter.open_fetcher,
            ("stream", source.value): adapter.build_feed,
        }
        for command, way in commands.items():
            assert (list(command) in OURS.values()) is (way is not None), command


def test_every_service_of_ours_reads_an_env_file_that_the_script_writes() -> None:
    """The compose file and create_envs.sh agree on the names; the compose file has no secret."""
    written = set(re.findall(r"^write (env/\w+\.env)", (ROOT / "create_envs.sh").read_text(), re.MULTILINE))
    read = {service["env_file"] for name, service in SERVICES.items() if name != "simulator"}
    assert read == written
    assert read == {f"env/{name}.env" for name in COMPOSE["services"]}
    assert not re.search(r"pass(word)?\s*[:=]\s*\w", (ROOT / "docker-compose.yml").read_text(), re.IGNORECASE)


def test_the_simulated_form_labels_and_redirects_every_service() -> None:
    """The data is labelled as simulated, each source has an address, and there is no way out."""
    told = {
        name
        for name, service in SIMULATED["services"].items()
        if service.get("environment", {}).get("RATEWIRE_SIMULATED") == "true"
    }
    assert told == set(OURS) - {"migrate"}
    for name in ("binance_consumer", "coingeko_consumer", "listings", "recorder", *STREAMS):
        extra = SIMULATED["services"][name]
        assert extra["depends_on"] == {"simulator": {"condition": "service_healthy"}}
        assert any("//simulator:" in value for value in extra["environment"].values())
    assert SIMULATED["networks"]["outside"]["internal"] is True


def test_the_image_is_built_from_the_lock_and_runs_without_root() -> None:
    """Hashes are required, nothing is resolved, and no Dockerfile frontend is downloaded."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in dockerfile
    assert "--no-deps" in dockerfile
    assert re.search(r"^USER 10001", dockerfile, re.MULTILINE)
    assert not re.search(r"^#\s*syntax\s*=", dockerfile, re.MULTILINE)
    copied = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "tools", "bench"}
    assert packages <= copied


def test_every_variable_that_is_set_is_one_that_something_reads() -> None:
    """A misspelt variable would have no effect."""
    known = set(re.findall(r"^#(RATEWIRE_\w+)=", format_env_file(), re.MULTILINE))
    template = (ROOT / "nginx/templates/ratewire.conf.template").read_text()
    known |= set(re.findall(r"\$\{(RATEWIRE_NGINX_\w+)\}", template))
    hook = (ROOT / "nginx/entrypoint/30-gateways.sh").read_text()
    known |= set(re.findall(r"\$(RATEWIRE_NGINX_\w+)", hook))
    written = set(re.findall(r"\b(RATEWIRE_\w+)=", (ROOT / "create_envs.sh").read_text()))
    environments = [
        service.get("environment", {})
        for compose in (COMPOSE, SIMULATED)
        for service in compose["services"].values()
    ]
    given = {name for environment in environments for name in environment if name.startswith("RATEWIRE_")}
    assert written | given <= known


def test_the_documented_digests_are_those_of_the_images_in_use() -> None:
    """The documented override names every image that is not built here, without its tag."""
    page = (ROOT / "docs/operating.md").read_text()
    example = yaml.safe_load(page.partition("# docker-compose.pinned.yml\n")[2].partition("```")[0])
    assert {name: each["image"] for name, each in example["services"].items()} == {
        name: f"{image.partition(':')[0]}@sha256:…"
        for name, image in IMAGES.items()
        if image != "ratewire:local"
    }
    base = "FROM python:3.13-slim"
    assert f"{base}@sha256:… AS build" in page
    assert (ROOT / "Dockerfile").read_text().count(f"\n{base}") == 2
