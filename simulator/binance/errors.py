"""Binance's error answers, with the codes and texts of its error list [exchanges.md 1.7]."""

SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"


class BinanceError(Exception):
    """An error answer.

    `status` is the HTTP status (also in WebSocket API envelopes); `retry_at_ms` is epoch ms.
    """

    def __init__(self, code: int, message: str, status: int = 400, retry_at_ms: int | None = None) -> None:
        self.code, self.message, self.status, self.retry_at_ms = code, message, status, retry_at_ms
        super().__init__(f"{code}: {message}")


def too_much_weight(limit: int, retry_at_ms: int) -> BinanceError:
    """429: over the request weight of this minute."""
    return BinanceError(
        -1003,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE."
        " Please use WebSocket Streams for live updates to avoid polling the API.",
        429,
        retry_at_ms,
    )


def banned(until_ms: int) -> BinanceError:
    """418: banned for sending requests after 429."""
    return BinanceError(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}."
        " Please use WebSocket Streams for live updates to avoid bans.",
        418,
        until_ms,
    )


def too_many_connections(retry_at_ms: int) -> BinanceError:
    """429 at the handshake: too many connection attempts."""
    return BinanceError(-1034, "Too many new connections; please try again later.", 429, retry_at_ms)


def illegal_characters(parameter: str, legal: str = SYMBOL_RANGE) -> BinanceError:
    """A parameter with characters outside the legal range."""
    return BinanceError(
        -1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{legal}'."
    )


def malformed(parameter: str) -> BinanceError:
    """A parameter of the wrong type."""
    return BinanceError(
        -1102, f"Mandatory parameter '{parameter}' was not sent, was empty/null, or malformed."
    )


def unread(read: int, sent: int) -> BinanceError:
    """A parameter that the method does not have."""
    return BinanceError(
        -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
    )


def empty(parameter: str) -> BinanceError:
    """A parameter without content."""
    return BinanceError(-1105, f"Parameter '{parameter}' was empty.")


def bad_request(what: str) -> BinanceError:
    """A request of the wrong form [pattern: binance-us-api-docs issue 126]."""
    return BinanceError(-1135, what)


def bad_symbol() -> BinanceError:
    """A symbol that is not listed."""
    return BinanceError(-1121, "Invalid symbol.")


def bad_interval() -> BinanceError:
    """A kline interval that does not exist."""
    return BinanceError(-1120, "Invalid interval.")


def bad_symbol_status() -> BinanceError:
    """A symbolStatus that does not exist."""
    return BinanceError(-1122, "Invalid symbolStatus.")


def bad_combination() -> BinanceError:
    """Parameters that exclude each other."""
    return BinanceError(-1128, "Combination of optional parameters invalid.")


def bad_ticker_type() -> BinanceError:
    """A ticker type other than FULL and MINI."""
    return BinanceError(-1139, "Invalid ticker type.")


def repeated_symbol() -> BinanceError:
    """A symbol twice in one list."""
    return BinanceError(-1151, "Symbol is present multiple times in the list.")


def status_mismatch() -> BinanceError:
    """A single symbol with another status than requested."""
    return BinanceError(-1220, "The symbol's status does not match the requested symbolStatus.")
