"""Listings while instruments are halted, in each source's own word."""

from collections.abc import Mapping
from dataclasses import replace

from simulator.faults.board import FaultBoard
from simulator.markets import Listing

HALTED = {
    "binance": "BREAK",
    "coinbase": "delisted",
    "kraken": "cancel_only",
    "okx": "suspend",
    "bybit": "Closed",
}


def halted(source: str, listings: Mapping[str, Listing], board: FaultBoard) -> Mapping[str, Listing]:
    """The listings, with those that are `delisted` as halted."""
    faults = [fault for fault in board.of(source) if fault.kind == "delisted"]
    if not faults:
        return listings
    return {
        symbol: replace(listing, status=HALTED[source])
        if any(fault.concerns(symbol) for fault in faults)
        else listing
        for symbol, listing in listings.items()
    }
