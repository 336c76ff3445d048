"""A recording: one or several files, recognised by content and merged by receive time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec

from rates.errors import InvalidRecording
from simulator.assets import read_assets
from simulator.markets import Coin, Listing
from simulator.replay.coingecko_prices import coins_in, prices_in
from simulator.replay.feeds import RecordedFrame
from simulator.replay.recorded_listings import Assets, assets_in
from simulator.replay.recording_file import RecordedAnswer, read_records
from simulator.replay.symbols import RecordedSymbol, split_code
from simulator.sources import COINGECKO


class _Symbol(msgspec.Struct):
    s: str = ""


_decode_symbols = msgspec.json.Decoder(list[_Symbol]).decode


@dataclass(frozen=True)
class Recording:
    """Frames of push feeds and CoinGecko answers in order of reception."""

    names: tuple[str, ...]
    frames: Sequence[RecordedFrame]
    answers: Sequence[RecordedAnswer]
    listed: Assets = field(default_factory=dict)
    _assets: frozenset[str] = field(
        default_factory=lambda: frozenset(asset.symbol for asset in read_assets())
    )

    @classmethod
    def read(cls, paths: Iterable[Path]) -> "Recording":
        """Read and merge files.

        Raises:
            InvalidRecording: a file cannot be read, or contains nothing that can be replayed.
        """
        paths = tuple(paths)
        frames: list[RecordedFrame] = []
        answers: list[RecordedAnswer] = []
        listed: dict[tuple[str, str], tuple[str, str]] = {}
        for path in paths:
            before = len(frames) + len(answers)
            for record in read_records(path):
                if isinstance(record, RecordedFrame):
                    frames.append(record)
                    continue
                listed.update(assets_in(record))
                if prices_in(record) is not None or coins_in(record):
                    answers.append(record)
            if len(frames) + len(answers) == before:
                raise InvalidRecording(
                    f"{path}: holds no frame of a push feed and no CoinGecko price, nothing to replay"
                )
        # Sorting is stable: records of one file keep their order at equal times.
        frames.sort(key=lambda frame: frame.received_ns)
        answers.sort(key=lambda answer: answer.received_ns)
        return cls(tuple(path.name for path in paths), frames, answers, listed)

    @cached_property
    def sources(self) -> Sequence[str]:
        """The push feeds that have frames."""
        return sorted({frame.source for frame in self.frames})

    @cached_property
    def listings(self) -> Mapping[str, Mapping[str, Listing]]:
        """By source, the instruments that have a frame."""
        codes: dict[str, set[str]] = {source: set() for source in self.sources}
        for frame in self.frames:
            if frame.symbol:
                codes[frame.source].add(frame.symbol)
            elif frame.data.startswith("["):  # Binance's streams of all symbols
                codes[frame.source].update(item.s for item in _decode_symbols(frame.data))
        return {
            source: {code: self._listing(source, code) for code in sorted(found)}
            for source, found in codes.items()
        }

    @cached_property
    def coins(self) -> Mapping[str, Coin]:
        """CoinGecko coins with a price, named by the recording, by the assets, or by their id."""
        known = {
            asset.coingecko_id: Coin(asset.coingecko_id, asset.symbol.lower(), asset.name)
            for asset in read_assets()
        }
        for answer in self.answers:
            known.update(coins_in(answer))
        priced = {coin_id for answer in self.answers for coin_id in prices_in(answer) or {}}
        return {coin_id: known.get(coin_id, Coin(coin_id, coin_id, coin_id)) for coin_id in sorted(priced)}

    def symbols(self) -> list[RecordedSymbol]:
        """All price series.

        Instruments that can be split, and CoinGecko coins in each recorded currency.
        """
        instruments = [
            RecordedSymbol(source, listing.symbol, listing.base, listing.quote)
            for source, listings in self.listings.items()
            for listing in listings.values()
            if listing.base is not None and listing.quote is not None
        ]
        series = {
            (coin_id, key)
            for answer in self.answers
            for coin_id, prices in (prices_in(answer) or {}).items()
            for key in prices
            if "_" not in key
        }
        coins = [
            RecordedSymbol(COINGECKO, coin_id, self.coins[coin_id].symbol.upper(), currency.upper())
            for coin_id, currency in sorted(series)
        ]
        return instruments + coins

    def _listing(self, source: str, code: str) -> Listing:
        found = self.listed.get((source, code)) or split_code(code, self._assets)
        base, quote = found or (None, None)
        return Listing(code, base, quote)
