"""Septem's spelling of an instrument is `btc_usd`. Pure."""

from collections.abc import Iterable


def followed(source_symbols: Iterable[str]) -> dict[str, list[str]]:
    """The message that follows these."""
    return {"follow": list(source_symbols)}
