"""Points of what root fields do, besides those of their selections.

A point is about a microsecond of the processor.
"""

from math import ceil

from gateway.queries.conversion.past import MAX_PAST_KEYS
from rates.source import Source

# Of suggestions for a symbol that may be unknown, of a consensus, of a conversion, and of the states of all sources.
FIND_NEAR = 250
CONSENSUS = 100
CONVERT = 400
SOURCES = 400
# Gaps of a page that are priced. Most have none; 500, which is the bound, take a millisecond more.
GAPS = 20
# Of reading the history: the statements, and each candle that is decoded: 11 to 16 µs were measured. Postgres folds those that are not
# stored; SQLite, which serves the system in one process, leaves it to us, in turns.
HISTORY, CANDLE = 2_000, 12
# Of reading one of several sources, of each of its candles, and of combining those of a time.
ONE_OF_SOURCES, SOURCE_CANDLE, COMBINED_CANDLE = 500, 10, 12
# Of each point of the record of a source, whose delays are counted; and the periods that are priced: most have a few.
SOURCE_POINT, PERIODS = 50, 50
# Of reading the tape, and each trade of it.
TAPE, TRADE = 300, 6
# Of the last trade of an instrument before a time, and the most instruments that are looked up with `at`.
PAST_RATE = 60
PAST_KEYS = {"consensusRate": len(Source), "conversion": MAX_PAST_KEYS, "convert": MAX_PAST_KEYS}
# Of a summary, and of each of its closes with its time: encoded by the fast path, and by the executor.
SUMMARY, CLOSE, EXECUTED_CLOSE = 10, 1, 4
# Of a series that is kept up to date: it is read once for all, and others have their turn between its statements.
LIVE_SERIES = 500
# Points of a representation of federation: by the executor, and of the fast path.
ENTITY, PLANNED_ENTITY = 60, 12
# Of a subscription that begins and ends, besides its first event: 300 to 400 µs were measured, from its message to the end of its cohort.
SUBSCRIBE = 400
# Of a document that is parsed and compared with the schema, of each character of it, and of the longest that parses: four times what that
# takes, because all others wait for it, which is one piece of work. Measured: 0.3 ms for 23 characters, 1.1 ms for 121, 1.6 ms for 146,
# 4.1 ms for 492, 11 ms for 1,952.
DOCUMENT, PRICED_CHARACTER, MAX_PRICED = 800, 40, 80_000
# Of the document in an argument of `cost`: any may be asked for, within the most that an operation may cost.
MAX_PRICED_ARGUMENT = 20_000
# Points for each requested symbol, which may be unknown.
SYMBOL = 8
# Points for each tracked instrument of a conversion, and of a conversion over sources of its own.
CONNECTED, CONNECTED_ANEW = 1, 3


def price_document(text: str) -> int:
    """Return the points of parsing a document and comparing it with the schema."""
    return min(DOCUMENT + ceil(PRICED_CHARACTER * len(text)), MAX_PRICED)
