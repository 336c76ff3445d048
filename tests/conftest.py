"""Fixtures that every test may ask for."""

from tests.backends import (
    amqp_url,
    postgres_server,
    postgres_url,
    rabbitmq_server,
    redis_server,
    redis_url,
)

__all__ = [
    "amqp_url",
    "postgres_server",
    "postgres_url",
    "rabbitmq_server",
    "redis_server",
    "redis_url",
]
