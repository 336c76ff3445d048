"""Prices too far apart to be of one asset. Pure: prices in, verdicts out.

See docs/symbols.md.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import TypeVar

KeyT = TypeVar("KeyT")

_RATIO = Context(prec=34)


def is_apart(one: Decimal, other: Decimal, max_distance: Decimal) -> bool:
    """Tell whether two prices differ by more than this share of the lower one."""
    low, high = sorted((one, other))
    return high - low > max_distance * low


def find_apart(prices: Mapping[KeyT, Decimal], max_distance: Decimal) -> frozenset[KeyT]:
    """Return the keys whose prices are suspect.

    Where more than half of the prices lie within the distance of one of them, the others are suspect; without such a
    majority all are that differ from any other.
    """
    near = {key: _within_distance(prices, price, max_distance) for key, price in prices.items()}
    largest = max(near.values(), key=len, default=frozenset())
    if 2 * len(largest) > len(prices):
        return frozenset(prices) - largest
    return frozenset(key for key, keys in near.items() if len(keys) < len(prices))


def find_suspects(
    reviewed: Mapping[KeyT, Decimal],
    unreviewed: Mapping[KeyT, Decimal],
    max_distance: Decimal,
) -> frozenset[KeyT]:
    """Return the keys whose prices are suspect.

    A price of unreviewed identity never makes a reviewed one suspect.
    """
    if not reviewed:
        return find_apart(unreviewed, max_distance)
    far = (
        key
        for key, price in unreviewed.items()
        if any(is_apart(price, other, max_distance) for other in reviewed.values())
    )
    return find_apart(reviewed, max_distance) | frozenset(far)


def format_distance(price: Decimal, others: Iterable[Decimal]) -> str:
    """Describe how far a price is from the farthest of the others, for people."""
    far = max(others, key=lambda other: abs(other - price))
    low, high = sorted((price, far))
    return f"{price:f} here, {far:f} at another source: {_RATIO.divide(high, low):.3g} times as much"


def _within_distance(
    prices: Mapping[KeyT, Decimal], price: Decimal, max_distance: Decimal
) -> frozenset[KeyT]:
    return frozenset(key for key, other in prices.items() if not is_apart(price, other, max_distance))
