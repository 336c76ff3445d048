"""HTTP refusals of each source [exchanges.md 1.5, 2.5], the same for handshakes and calls."""

import json
import math
from dataclasses import dataclass

from simulator.faults.active_faults import ActiveFaults
from simulator.faults.fault import Fault
from simulator.faults.garbage import HTML
from simulator.faults.kinds import REFUSALS
from simulator.nanotime import SECOND
from simulator.sources import BINANCE, COINGECKO

_HTML_STATUSES = (403, 502, 503)
_BINANCE = {
    418: (-1003, "Way too much request weight used; IP banned."),
    429: (-1003, "Too much request weight used; please use WebSocket Streams for live updates."),
    451: (0, "Service unavailable from a restricted location according to 'b. Eligibility'."),
    500: (-1000, "An unknown error occurred while processing the request."),
}


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """An HTTP error response.

    `retry_after_s` and, if set, `second_retry_after_s` are also sent as headers.
    """

    status: int
    content_type: str
    body: str
    retry_after_s: float | None
    second_retry_after_s: float | None = None

    def retry_at_ns(self, now_ns: int) -> int | None:
        """The time before which a new request violates the refusal."""
        times = self._retry_after_s()
        return now_ns + int(max(times) * SECOND) if times else None

    def headers(self) -> list[tuple[str, str]]:
        """Content-Type, and Retry-After in whole seconds."""
        retries = [("Retry-After", str(math.ceil(seconds))) for seconds in self._retry_after_s()]
        return [("Content-Type", self.content_type), *retries]

    def _retry_after_s(self) -> list[float]:
        both = (self.retry_after_s, self.second_retry_after_s)
        return [seconds for seconds in both if seconds is not None]


def refusal_of(active_faults: ActiveFaults, source: str) -> HttpRefusal | None:
    """The refusal of a source under its active faults; None if it refuses nothing."""
    fault = active_faults.find_any(source, REFUSALS)
    if fault is None:
        return None
    fault.record_hit()
    return make_refusal(fault)


def make_refusal(fault: Fault) -> HttpRefusal:
    """Create the refusal that a fault asks for, in its source's wording."""
    status = REFUSALS[fault.kind]
    retry_after_s = fault.number("retry_after_s") if "retry_after_s" in fault.parameters else None
    second = fault.number("second_retry_after_s") if "second_retry_after_s" in fault.parameters else 0.0
    if status in _HTML_STATUSES:
        return HttpRefusal(status, "text/html", HTML, retry_after_s)
    if fault.source == BINANCE:
        code, message = _BINANCE[status]
        body: object = {"code": code, "msg": message}
    elif fault.source == COINGECKO:
        body = _coingecko(status)
    else:
        body = {"message": f"HTTP {status}"}
    return HttpRefusal(status, "application/json", json.dumps(body), retry_after_s, second or None)


def _coingecko(status: int) -> object:
    if status == 500:
        return {"status": 500, "error": "Internal Server Error"}
    return {"status": {"error_code": status, "error_message": "You've exceeded the Rate Limit."}}
