"""Streams of the values of subscriptions."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

ValueT = TypeVar("ValueT")
TypeT = TypeVar("TypeT")


async def convert_each(
    convert: Callable[[ValueT], TypeT], values: AsyncGenerator[ValueT, None]
) -> AsyncGenerator[TypeT, None]:
    """Convert every value, and close the source with the subscriber."""
    async with aclosing(values):
        async for value in values:
            yield convert(value)
