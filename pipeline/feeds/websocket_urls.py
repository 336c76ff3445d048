"""A failover list as a setting: WebSocket URLs separated by commas, the preferred one first."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check(urls: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [url for url in urls if not url.startswith(("ws://", "wss://"))]
    if wrong or not urls or len(set(urls)) < len(urls):
        raise ValueError("expected different ws:// or wss:// addresses separated by commas")
    return tuple(url.rstrip("/") for url in urls)


WebSocketUrls = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check)]
