"""Faults in requests of Binance's WebSocket API."""

import asyncio

from simulator.binance.errors import BinanceError
from simulator.faults.active_faults import ActiveFaults
from simulator.faults.garbage import garble
from simulator.faults.kinds import REFUSALS
from simulator.nanotime import SECOND, to_ms
from simulator.sources import BINANCE

_ERRORS = {
    403: (-1000, "Forbidden."),
    418: (-1003, "Way too much request weight used; IP banned until {until}."),
    429: (-1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."),
    451: (0, "Service unavailable from a restricted location."),
    500: (-1000, "An unknown error occurred while processing the request."),
    502: (-1006, "An unexpected response was received from the message bus."),
    503: (-1008, "Server is currently overloaded with other requests."),
}


class RequestFaults:
    """Refusals in the API's envelope, delayed and malformed answers."""

    def __init__(self, active_faults: ActiveFaults) -> None:
        self._active_faults = active_faults

    def refuse(self, now_ns: int) -> None:
        """Refuse a request, if a fault is active.

        Raises:
            BinanceError: the request is refused; with the retry time if the fault has one.
        """
        fault = self._active_faults.find_any(BINANCE, REFUSALS)
        if fault is None:
            return
        fault.record_hit()
        status = REFUSALS[fault.kind]
        code, message = _ERRORS[status]
        waits = "retry_after_s" in fault.parameters
        until_ms = to_ms(now_ns + int(fault.number("retry_after_s") * SECOND)) if waits else None
        raise BinanceError(code, message.format(until=until_ms), status, until_ms)

    async def alter(self, answer: str) -> str:
        """Return the answer, delayed or malformed if a fault is active."""
        if (slow := self._active_faults.find(BINANCE, "slow")) is not None:
            slow.record_hit()
            await asyncio.sleep(slow.number("delay_s"))
        if (garbage := self._active_faults.find(BINANCE, "garbage")) is not None:
            garbage.record_hit()
            return garble(str(garbage.parameters["form"]), answer)
        return answer
