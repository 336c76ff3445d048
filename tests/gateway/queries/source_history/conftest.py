"""Fixtures: a gateway over a recorded history."""

from tests.gateway.queries.candles.conftest import clock, database, gateway, recorded_file

__all__ = ["clock", "database", "gateway", "recorded_file"]
