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
from simulator.replay.files import RecordedAnswer, RecordedFrame, read_records
from simulator.replay.symbols import RecordedSymbol, split_symbol


class _Symbol(msgspec.Struct):
    s: str = ""


_decode_symbols = msgspec.json.Decoder(list[_Symbol]).decode


@dataclass(frozen=True)
class Recording:
    """Binance frames and CoinGecko answers in order of reception."""

    names: tuple[str, ...]
    frames: Sequence[RecordedFrame]
    answers: Sequence[RecordedAnswer]
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
        for path in paths:
            before = len(frames) + len(answers)
            for record in read_records(path):
                if isinstance(record, RecordedFrame):
                    frames.append(record)
                elif prices_in(record) is not None or coins_in(record):
                    answers.append(record)
            if len(frames) + len(answers) == before:
                raise InvalidRecording(
                    f"{path}: holds no Binance stream frame and no CoinGecko price, nothing to replay"
                )
        # Sorting is stable: records of one file keep their order at equal times.
        frames.sort(key=lambda frame: frame.received_ns)
        answers.sort(key=lambda answer: answer.received_ns)
        return cls(tuple(path.name for path in paths), frames, answers)

    @cached_property
    def listings(self) -> Mapping[str, Listing]:
        """Binance symbols with a frame, as exchangeInfo lists them."""
        symbols = {symbol for stream in self._streams for symbol in self._symbols_of(stream)}
        return {symbol: self._listing(symbol) for symbol in sorted(symbols)}

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
        """All price series: Binance symbols that can be split, CoinGecko coins in each recorded currency."""
        binance = [
            RecordedSymbol("binance", listing.symbol, listing.base, listing.quote)
            for listing in self.listings.values()
            if listing.base is not None and listing.quote is not None
        ]
        series = {
            (coin_id, key)
            for answer in self.answers
            for coin_id, prices in (prices_in(answer) or {}).items()
            for key in prices
            if "_" not in key
        }
        coingecko = [
            RecordedSymbol("coingecko", coin_id, self.coins[coin_id].symbol.upper(), currency.upper())
            for coin_id, currency in sorted(series)
        ]
        return binance + coingecko

    @cached_property
    def _streams(self) -> dict[str, None]:
        return dict.fromkeys(frame.stream for frame in self.frames)

    def _symbols_of(self, stream: str) -> set[str]:
        if not stream.startswith("!"):
            return {stream.partition("@")[0].upper()}
        payloads = (frame.data for frame in self.frames if frame.stream == stream)
        return {item.s for data in payloads if data.startswith("[") for item in _decode_symbols(data)}

    def _listing(self, symbol: str) -> Listing:
        base, quote = split_symbol(symbol, self._assets) or (None, None)
        return Listing(symbol, base, quote)
