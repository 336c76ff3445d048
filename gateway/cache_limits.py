"""Bounds of the caches of the request path, in the order in which a request meets them.

Each cache drops what was used least recently. Bytes are those in memory, measured with `tracemalloc` on CPython 3.11. The number of
documents is a setting, `document_cache_size`. Requests and documents are cached when they come for the second time.
"""

from gateway.units import KIB, MIB

MAX_CACHED_DOCUMENT = 16 * KIB
"""Characters of a document, bytes of a body or query string. Longer ones are handled, but not cached."""

SEEN_KEYS = 2_048
"""Keys remembered by their hashes, about 70 bytes each, until they come again: so many, and up to twice as many.

No more than the caches hold: what comes back later than that would be dropped before it is used, and others with it.
"""

# Requests by all their bytes (`RequestCache`). Heads differ between browsers and proxies, so these are longer than their contents.
MAX_RAW_REQUESTS = 4_096
MAX_RAW_REQUESTS_BYTES = 16 * MIB
MAX_RAW_REQUEST = 2 * MAX_CACHED_DOCUMENT

# Heads of requests by all their bytes (`http/head_cache`): clients without a trace id send the same one each time.
MAX_KNOWN_HEADS = 1_024
MAX_KNOWN_HEADS_BYTES = 4 * MIB
MAX_KNOWN_HEAD = 2 * KIB
# A head takes about this, and twice its bytes.
KNOWN_HEAD_BYTES = 1 * KIB

# Bodies without their variables (`fastpath/body_reader`).
MAX_BODY_FRAMES = 1_024
MAX_BODY_FRAMES_BYTES = 8 * MIB
MAX_BODY_FRAME = MAX_CACHED_DOCUMENT
# A frame takes about this, and three times its bytes: the key, and the document.
BODY_FRAME_BYTES = 1 * KIB

# Prepared operations by body or query string, without their documents.
MAX_PREPARED_REQUESTS = 4_096
MAX_PREPARED_REQUESTS_BYTES = 16 * MIB
# An operation takes about this, and four times the bytes of its request: the key, the text, and the variables before and after coercion.
PREPARED_REQUEST_BYTES = 3 * KIB

# Prepared subscriptions by document, name and variables (`gateway/prepared_subscriptions`); they take as much as operations.
MAX_PREPARED_SUBSCRIPTIONS = 2_048
MAX_PREPARED_SUBSCRIPTIONS_BYTES = 8 * MIB

# Parsed documents, with their plans and costs.
MAX_DOCUMENTS_BYTES = 16 * MIB
DOCUMENT_BYTES = 4 * KIB
DOCUMENT_BYTES_PER_TOKEN = 800
# Operation names and sets of Boolean variables for which the root fields and the cost of a document are kept with it.
MAX_PLANS_PER_DOCUMENT = 8

# Documents that clients register, by identifier: those that were asked for, and as many again that were not yet.
MAX_REGISTERED_DOCUMENTS = 4_096
MAX_REGISTERED_DOCUMENTS_BYTES = 8 * MIB

# Descriptions of the schema, by document, operation name and variables. The largest has some 150 KB.
MAX_INTROSPECTIONS = 64
MAX_INTROSPECTIONS_BYTES = 4 * MIB

# Parsed headers. All clients of one make send the same ones; the longest `Accept` of a browser has about 150 characters.
MAX_ACCEPT_HEADERS = 256
MAX_ACCEPT_LENGTH = 2_000
MAX_CONTENT_TYPES = 64
MAX_CONTENT_TYPE_LENGTH = 200
# The header fields with a key, by their bytes. Beyond them, a request costs a hash more.
MAX_CREDENTIALS = 4_096
MAX_CREDENTIALS_BYTES = 2 * MIB
CREDENTIALS_BYTES = 300
# The headers of a request on which its response depends, up to so many bytes of memory.
MAX_HEADS = 512
MAX_HEAD_KEY = 1 * KIB

# Encoders by selection, far more than applications have. Beyond them, a request costs what the executor would have cost.
MAX_SELECTIONS = 256

# Queries of lists, so that equal ones are compared in one step; and what each of their symbols takes, in other caches too.
MAX_QUERIES_BYTES = 16 * MIB
QUERY_BYTES, QUERY_BYTES_PER_SYMBOL = 300, 200

# Encoded rates, and as much again for the lists joined from them (`ResponseEncoder`).
MAX_ENCODED_BYTES = 64 * MIB
MAX_ENCODED_LISTS = 4_096

# Encoded symbols, for all selections: as many as are parsed without repetition (`rates.symbol`).
MAX_ENCODED_SYMBOLS = 16_384

# Encoded enum values: 128 for each enum of a selection (`functools.lru_cache`'s own bound).

# Candles by query, and their encoded lists by query and selection.
MAX_CANDLE_LISTS = 1_024
MAX_CANDLE_BYTES = 32 * MIB
# A candle with its numbers and times.
CANDLE_BYTES = 2 * KIB
# Candles of live queries in each of up to 256 selections that have subscribers: encoded once for all of them.
MAX_LIVE_CANDLES = 4_096
MAX_LIVE_CANDLE_BYTES = 4 * MIB
# Trades of live queries, likewise.
MAX_LIVE_TRADES = 4_096
MAX_LIVE_TRADE_BYTES = 2 * MIB
# Statistics by query, about 2 KB each.
MAX_WINDOW_STATS = 2_048
# Records of sources by query, up to 300 KB each.
MAX_SOURCE_HISTORIES = 64

# Rates of the past by query, about 1 KB each.
MAX_RATES_AT = 4_096
# Summaries by query. Each close and time takes about 80 bytes, of which times and unchanged closes are shared.
MAX_SUMMARY_LISTS = 64
MAX_SUMMARY_BYTES = 32 * MIB
SUMMARY_BYTES = 80

# Asset graphs of conversions, one per set of sources: each takes some milliseconds to build and about 1 MB for 2,000 symbols.
MAX_ASSET_GRAPHS = 16
# Routes by start, end and length, in each graph: up to 13 KB each.
MAX_CACHED_ROUTES = 64

# Cursors by their texts of up to 1,000 characters: subscribers that were cut off at the same moment come back with the same one.
MAX_PARSED_CURSORS = 256
