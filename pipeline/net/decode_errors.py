"""Errors of decoding bytes of a source that cannot be read. Pure."""

import msgspec

# msgspec has errors of its own for most. A string that is no UTF-8 and nesting deeper than Python's stack raise Python's.
DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
