"""Fixtures that every test may ask for."""

import os

import structlog
from hypothesis import HealthCheck, settings

from tests.backends import (
    amqp_url,
    postgres_server,
    postgres_url,
    rabbitmq_server,
    redis_server,
    redis_url,
)
from tests.lengths import at_length
from tests.redis_deployments import redis_cluster, redis_sentinel

pytest_plugins = ["tests.kinds"]
__all__ = [
    "amqp_url",
    "postgres_server",
    "postgres_url",
    "rabbitmq_server",
    "redis_cluster",
    "redis_sentinel",
    "redis_server",
    "redis_url",
]

# The default renders a traceback with all local variables, which takes longer than most tests.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
# No deadline per example and no complaint of slow generation: both measure the machine, not the code.
settings.register_profile(
    "developer", max_examples=at_length(60), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# CI judges a change by the same examples each time; developers look for new ones with every run.
settings.register_profile("ci", settings.get_profile("developer"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")
