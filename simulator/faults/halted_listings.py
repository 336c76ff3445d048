"""Listings with halted instruments, in each source's own status."""

from collections.abc import Mapping
from dataclasses import replace

from simulator.faults.active_faults import ActiveFaults
from simulator.markets import Listing

HALTED = {
    "binance": "BREAK",
    "coinbase": "delisted",
    "kraken": "cancel_only",
    "okx": "suspend",
    "bybit": "Closed",
}


def with_halted(
    source: str, listings: Mapping[str, Listing], active_faults: ActiveFaults
) -> Mapping[str, Listing]:
    """Return the listings with the `delisted` ones marked as halted."""
    faults = [fault for fault in active_faults.for_source(source) if fault.kind == "delisted"]
    if not faults:
        return listings
    return {
        symbol: replace(listing, status=HALTED[source])
        if any(fault.applies_to(symbol) for fault in faults)
        else listing
        for symbol, listing in listings.items()
    }
