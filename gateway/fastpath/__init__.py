"""The fast path: results joined from encoded rates, byte-equal to those of the executor."""
