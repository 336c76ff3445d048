"""Private Redis, RabbitMQ and Postgres for tests, started once a session.

Fixtures: `redis_url`, `amqp_url`, `postgres_url`, and `redis_server`, `rabbitmq_server`, `postgres_server` for outages.
"""

from collections.abc import Iterator

import pytest

from drill.distributed.backends import start_postgres, start_rabbitmq, start_redis
from drill.distributed.server_process import (
    POLL_S,
    START_TIMEOUT_S,
    ServerProcess,
    answers,
    family_of,
    find_binary,
    find_library,
    running,
    temporary_folder,
)
from runtime.free_port import free_port

__all__ = [
    "POLL_S",
    "START_TIMEOUT_S",
    "ServerProcess",
    "answers",
    "family_of",
    "find_binary",
    "find_library",
    "free_port",
    "running",
    "start_postgres",
    "start_rabbitmq",
    "start_redis",
    "temporary_folder",
]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[ServerProcess]:
    with start_redis() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[ServerProcess]:
    with start_rabbitmq() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[ServerProcess]:
    with start_postgres() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: ServerProcess) -> str:
    redis_server.start()
    return redis_server.url


@pytest.fixture
def amqp_url(rabbitmq_server: ServerProcess) -> str:
    rabbitmq_server.start()
    return rabbitmq_server.url


@pytest.fixture
def postgres_url(postgres_server: ServerProcess) -> str:
    postgres_server.start()
    return postgres_server.url
