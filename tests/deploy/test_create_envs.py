"""`sh create_envs.sh` writes the env files of the distributed form."""

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("DB_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD")
# The secrets that each service needs.
KNOWS = {
    "db": {"DB_PASSWORD"},
    "redis": {"REDIS_PASSWORD"},
    "rabbitmq": {"RABBITMQ_PASSWORD"},
    "migrate": {"DB_PASSWORD"},
    "gateway": {"DB_PASSWORD", "REDIS_PASSWORD"},
    "producer": {"DB_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD"},
    "binance_consumer": {"REDIS_PASSWORD", "RABBITMQ_PASSWORD"},
    "coingeko_consumer": {"REDIS_PASSWORD", "RABBITMQ_PASSWORD"},
    "recorder": {"DB_PASSWORD", "REDIS_PASSWORD"},
    "listings": {"DB_PASSWORD", "REDIS_PASSWORD"},
    **{
        key: {"DB_PASSWORD", "REDIS_PASSWORD"}
        for key in [f"{source}_stream" for source in ("binance", "coinbase", "kraken", "okx", "bybit")]
    },
    "nginx": set(),
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with a copy of the script and nothing else."""
    shutil.copy(ROOT / "create_envs.sh", tmp_path)
    return tmp_path


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    # The working directory and a permissive umask must not matter.
    return subprocess.run(
        ["sh", "-c", 'umask 000; exec sh "$1"', "sh", str(checkout / "create_envs.sh")],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def read_env(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def contents(checkout: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (checkout / "env").iterdir()}


def test_every_service_gets_a_file_that_only_its_owner_reads(checkout: Path) -> None:
    """One file per service and one for the secrets, mode 600, and no other file."""
    result = run(checkout)
    assert result.returncode == 0, result.stderr
    assert set(contents(checkout)) == {f"{name}.env" for name in (*KNOWS, "secrets")}
    for path in (checkout / "env").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        assert re.search(rf"^written +env/{path.name}$", result.stdout, re.MULTILINE)


def test_each_service_knows_just_the_secrets_it_needs(checkout: Path) -> None:
    """Services that share a secret get the same one; no other service gets it."""
    run(checkout)
    secrets = read_env(checkout / "env/secrets.env")
    files = contents(checkout)
    assert set(secrets) == set(SECRETS)
    for service, known in KNOWS.items():
        assert {name for name in SECRETS if secrets[name] in files[f"{service}.env"]} == known, service


def test_secrets_are_long_different_and_new_each_time(checkout: Path) -> None:
    """Each has 192 random bits, in characters that need no escaping in a URL."""
    run(checkout)
    first = read_env(checkout / "env/secrets.env")
    shutil.rmtree(checkout / "env")
    run(checkout)
    second = read_env(checkout / "env/secrets.env")
    values = [*first.values(), *second.values()]
    assert len(set(values)) == 2 * len(SECRETS)
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in values)


def test_urls_point_at_the_services_with_their_secrets(checkout: Path) -> None:
    """A client's URL contains the password that its server starts with."""
    run(checkout)
    env = {name: read_env(checkout / f"env/{name}.env") for name in KNOWS}
    database = "postgresql+asyncpg://{POSTGRES_USER}:{POSTGRES_PASSWORD}@db:5432/{POSTGRES_DB}".format_map(
        env["db"]
    )
    queue = (
        f"amqp://{env['rabbitmq']['RABBITMQ_DEFAULT_USER']}:{env['rabbitmq']['RABBITMQ_DEFAULT_PASS']}"
        "@rabbitmq:5672/"
    )
    assert env["producer"] == {
        "RATEWIRE_DATABASE_URL": database,
        "RATEWIRE_REDIS_URL": f"redis://:{env['redis']['REDISCLI_AUTH']}@redis:6379/0",
        "RATEWIRE_AMQP_URL": queue,
    }


def test_a_second_run_changes_nothing(checkout: Path) -> None:
    """Files are kept byte for byte, edited ones too, and the script reports that."""
    run(checkout)
    (checkout / "env/gateway.env").write_text("RATEWIRE_LOG_LEVEL=debug\n")
    before = contents(checkout)
    result = run(checkout)
    assert result.returncode == 0
    assert contents(checkout) == before
    assert "written" not in result.stdout
    assert result.stdout.count("kept") == len(before)


def test_a_missing_file_is_written_again_with_the_same_secrets(checkout: Path) -> None:
    """The script restores a deleted file with the same secrets."""
    run(checkout)
    before = contents(checkout)
    for name in ("db", "producer"):
        (checkout / f"env/{name}.env").unlink()
    assert run(checkout).returncode == 0
    assert contents(checkout) == before


def test_lost_secrets_are_not_replaced_by_others(checkout: Path) -> None:
    """Without secrets.env a new secret would not match the existing files: nothing is written."""
    run(checkout)
    (checkout / "env/secrets.env").unlink()
    (checkout / "env/redis.env").unlink()
    before = contents(checkout)
    result = run(checkout)
    assert result.returncode == 1
    assert "env/secrets.env is missing" in result.stderr
    assert contents(checkout) == before


def test_a_secret_missing_from_the_secrets_is_named(checkout: Path) -> None:
    """A secrets.env that lacks one is reported, and no file gets an empty password."""
    (checkout / "env").mkdir()
    (checkout / "env/secrets.env").write_text("DB_PASSWORD=one\nRABBITMQ_PASSWORD=two\n")
    result = run(checkout)
    assert result.returncode == 1
    assert "REDIS_PASSWORD" in result.stderr
    assert set(contents(checkout)) == {"secrets.env"}


def test_git_and_the_image_never_see_the_secrets() -> None:
    """Git ignores the folder, and the image contains listed files only."""
    ignored = subprocess.run(
        ["git", "check-ignore", "--quiet", "env/secrets.env"], cwd=ROOT, timeout=30, check=False
    )
    assert ignored.returncode == 0
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    assert not [rule for rule in rules if rule.startswith("!env")]
