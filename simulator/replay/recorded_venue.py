"""A push feed's market as far as the replayed frames tell it."""

import json
import re
from collections.abc import Callable, Mapping

from simulator.bybit.channels import BOOK, TRADES
from simulator.coinbase.channels import HEARTBEAT, MATCHES
from simulator.kraken.channels import TICKER_BBO, TICKER_TRADES, TRADE
from simulator.markets import Frame, Listing, PublishedKline
from simulator.replay.feeds import RecordedFrame

_UPDATE = re.compile(r'("type":\s*)"update"')
_MATCH = re.compile(r'("type":\s*)"match"')
_WITHOUT_INITIAL = (HEARTBEAT, TRADES)


class RecordedVenue:
    """The state after the frames applied so far; times are shifted when read."""

    def __init__(self, listings: Mapping[str, Listing], moved: Callable[[RecordedFrame], str]) -> None:
        self._listings = listings
        self._moved = moved
        self._last: dict[str, RecordedFrame] = {}
        self._books: dict[str, dict[str, object]] = {}

    def listings(self) -> Mapping[str, Listing]:
        """All instruments with a frame in the recording."""
        return self._listings

    def initial_frame(self, stream: str) -> Frame | None:
        """The last frame of a stream, in the form of a first one; None before the first."""
        frame = self._last.get(stream)
        if frame is None or stream.startswith(_WITHOUT_INITIAL):
            return None
        return Frame.plain(stream, self._as_first(stream, self._moved(frame)))

    def klines(self, _code: str, _start_ns: int, _end_ns: int) -> tuple[PublishedKline, ...]:
        """Nothing: a recording need not have all trades."""
        return ()

    def apply(self, frame: RecordedFrame) -> None:
        """Apply a frame."""
        for stream in frame.streams:
            self._last[stream] = frame
            if stream.startswith(BOOK):
                sides = self._books.setdefault(stream, {})
                sides.update({side: levels for side, levels in _sides(frame.data).items() if levels})

    def _as_first(self, stream: str, text: str) -> str:
        if stream.startswith((TICKER_TRADES, TICKER_BBO, TRADE)):
            return _UPDATE.sub(r'\1"snapshot"', text, count=1)
        if stream.startswith(MATCHES):
            return _MATCH.sub(r'\1"last_match"', text, count=1)
        if stream.startswith(BOOK):
            message = json.loads(text)
            message["type"] = "snapshot"
            message["data"].update(self._books[stream])
            return json.dumps(message, separators=(",", ":"))
        return text


def _sides(text: str) -> dict[str, object]:
    data = json.loads(text).get("data", {})
    return {side: data.get(side) for side in ("b", "a")}
