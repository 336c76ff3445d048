"""Liveness and readiness of the process."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from cache.source_rules import SourceStatus
from gateway.gateway import Gateway
from gateway.schema.scalars import format_time
from rates.clock import format_span_ms
from runtime.clock.clock_state import ClockState


def health_routes(gateway: Gateway) -> APIRouter:
    """Create the routes `/health/live` and `/health/ready`."""
    router = APIRouter()

    @router.api_route("/health/live", methods=["GET", "HEAD"])
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.api_route("/health/ready", methods=["GET", "HEAD"])
    async def ready() -> JSONResponse:
        is_ready = gateway.is_ready()
        return JSONResponse(
            {"ready": is_ready, "simulated": gateway.simulated, **read_facts(gateway)},
            status_code=200 if is_ready else 503,
            headers={"cache-control": "no-store"},
        )

    return router


def read_facts(gateway: Gateway) -> dict[str, Any]:
    """Return the state that decides readiness, with details for operators."""
    mirror, catalog = gateway.mirror, gateway.catalog
    since = mirror.disconnected_at
    last_known = gateway.last_known
    last_known_from = None if last_known is None else last_known.read_at
    return {
        "stopping": gateway.is_stopping,
        "leaving": gateway.is_leaving,
        "cache": {
            "connected": since is None,
            "loaded": mirror.loaded,
            "disconnectedAt": None if since is None else format_time(since),
            "reloads": mirror.reloads,
            "error": mirror.last_error,
        },
        "catalog": {
            "loaded": catalog.loaded,
            "instruments": len(catalog.tracked),
            "error": gateway.instruments_error,
            "lastKnownFrom": None if last_known_from is None else format_time(last_known_from),
            "heldBack": {}
            if last_known is None
            else {source.name: text for source, text in last_known.held_back.items()},
        },
        "keys": {
            "confirmed": not gateway.authority.is_cut_off,
            "anonymous": gateway.authority.anonymous is not None,
            "errors": {} if gateway.key_watch is None else dict(gateway.key_watch.errors),
        },
        "clock": _clock(gateway.clock_state),
        "subscribers": len(gateway.registry),
        "sources": {status.source.name: _source(status) for status in gateway.rates.sources()},
    }


def _clock(state: ClockState) -> dict[str, Any]:
    server_skew = state.server_skew
    return {
        "skewMs": format_span_ms(state.skew),
        "redisSkewMs": None if server_skew is None else format_span_ms(server_skew),
        "maxSkewMs": format_span_ms(state.max_skew),
        "corrected": state.is_fit,
        "problem": state.problem,
    }


def _source(status: SourceStatus) -> dict[str, Any]:
    last = status.last_ticker_at
    return {
        "state": status.state,
        "reason": status.reason,
        "lastTickerAt": None if last is None else format_time(last),
        "lagMs": status.lag_ms,
        "skewMs": status.skew_ms,
        "tickersPerMinute": status.tickers_per_minute,
        "tracked": status.tracked,
        "seen": status.seen,
        "fresh": status.fresh,
    }
