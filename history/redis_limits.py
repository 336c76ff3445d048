"""Bounds of the log of batches."""

from datetime import timedelta

# A process that says nothing for this long has lost its lease. Longer than a pause of its event loop, shorter than what a standby
# can tell again.
LEASE = timedelta(seconds=5)
# Batches: an hour at ten a second. Of 400 busy instruments this takes about 250 MB; of the usual ones a tenth.
LOG_LENGTH = 36_000
# Of the log in process, which waits for a file only. Its batches are objects, so that two minutes take about as much memory.
MEMORY_LOG_LENGTH = 1_200
# Batches that a gateway reads to begin with: 100 s, more than a recorder is late. At once, because each read blocks others for a moment.
TAIL_LENGTH, TAIL_AT_ONCE = 1_000, 100
