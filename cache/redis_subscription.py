"""One pub/sub connection to one Redis server.

Never reconnects by itself: what was published meanwhile would be lost unseen.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ResponseError

from cache.redis_client import translated_errors
from rates.errors import CacheUnavailable

# Processes report every 2 s; after this long without a message the subscription is pinged. Both together are less than the
# shortest TTL: a Redis that is frozen or unreachable is named before the values of a source are stale.
SILENCE_S = 3
PONG_TIMEOUT_S = 3

RawMessage = tuple[bytes, bytes]


@asynccontextmanager
async def open_subscription(
    redis: Redis, channels: Sequence[Sequence[str]], *, is_sharded: bool = False
) -> AsyncIterator[AsyncIterator[RawMessage]]:
    """Subscribe to groups of channels; messages are (channel, data).

    Where `is_sharded`, the channels of a group are in one slot.

    The subscription is active once the context is entered.

    Raises:
        CacheUnavailable: also from the iterator, when the subscription breaks; messages are then lost.
    """
    pubsub = redis.pubsub()
    try:
        with translated_errors():
            if is_sharded:
                await _subscribe_sharded(pubsub, channels)
            else:
                await _subscribe(pubsub, channels)
        yield _messages(pubsub)
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py has not annotated it


async def _subscribe(pubsub: PubSub, channels: Sequence[Sequence[str]]) -> None:
    names = [name for group in channels for name in group]
    await pubsub.subscribe(*names)
    await _confirm(pubsub, len(names))


async def _subscribe_sharded(pubsub: PubSub, channels: Sequence[Sequence[str]]) -> None:
    """Use sharded channels, or ordinary ones on servers before Redis 7.0."""
    try:
        for group in channels:
            await pubsub.ssubscribe(*group)
            await _confirm(pubsub, len(group))
    except ResponseError as exc:
        if "unknown command" not in str(exc).lower():
            raise
        await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py has not annotated it
        await _subscribe(pubsub, channels)


async def _confirm(pubsub: PubSub, count: int) -> None:
    # Redis delivers all later messages only once it has confirmed the subscription.
    confirmed = 0
    while confirmed < count:
        message = await pubsub.get_message(timeout=PONG_TIMEOUT_S)
        match message:
            case {"type": "subscribe" | "ssubscribe"}:
                confirmed += 1
            case {"type": "message" | "smessage"}:
                # Of a channel that was confirmed before; the snapshot that follows contains it.
                continue
            case _:
                raise CacheUnavailable(f"Redis: expected a subscription to be confirmed, saw {message}")


async def _messages(pubsub: PubSub) -> AsyncIterator[RawMessage]:
    while True:
        try:
            with translated_errors():
                message = await pubsub.get_message(timeout=SILENCE_S)
                if message is None:
                    await pubsub.ping()
                    message = await pubsub.get_message(timeout=PONG_TIMEOUT_S)
        except CacheUnavailable as exc:
            if _is_answer(exc):
                continue
            raise
        match message:
            case {"type": "message" | "smessage", "channel": bytes(channel), "data": bytes(data)}:
                yield channel, data
            case {"type": "pong"}:
                continue
            case None:
                raise CacheUnavailable(
                    f"Redis: no message and no pong on the subscription for {SILENCE_S + PONG_TIMEOUT_S} s"
                )
            case _:
                # The library has reconnected and subscribed again, or the server has moved the slot (`sunsubscribe`).
                raise CacheUnavailable(f"Redis: the subscription was interrupted ({message['type']})")


def _is_answer(error: CacheUnavailable) -> bool:
    """Tell whether the error answers a ping: a Redis whose disk fails refuses even that."""
    return isinstance(error.__cause__, ResponseError) and str(error.__cause__).startswith("MISCONF")
