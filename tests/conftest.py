"""Fixtures that every test may ask for."""

import os

from hypothesis import settings

from tests.backends import (
    amqp_url,
    postgres_server,
    postgres_url,
    rabbitmq_server,
    redis_server,
    redis_url,
)

pytest_plugins = ["tests.kinds"]
__all__ = [
    "amqp_url",
    "postgres_server",
    "postgres_url",
    "rabbitmq_server",
    "redis_server",
    "redis_url",
]

# CI judges a change by the same examples each time; developers look for new ones with every run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
