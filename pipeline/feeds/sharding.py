"""Which connection pushes which instruments: as few connections as possible, and nobody is moved without need. Pure."""

from collections.abc import Mapping, Sequence

from instruments.instrument import Instrument

Shards = dict[int, tuple[Instrument, ...]]

# A connection is dissolved only when the others have this share of their room to spare: one instrument that comes and goes
# must not open and close connections.
SPARE = 0.1


def shard_instruments(
    instruments: Sequence[Instrument], held: Mapping[int, Sequence[Instrument]], capacity: int
) -> Shards:
    """The instruments of each connection by its number, given what each one held before; none is empty."""
    homeless = {one.symbol: one for one in instruments}
    shares = {
        number: [homeless.pop(one.symbol) for one in share if one.symbol in homeless]
        for number, share in held.items()
    }
    while len(shares) > 1 and len(instruments) <= (1 - SPARE) * capacity * (len(shares) - 1):
        smallest = min(shares, key=lambda number: len(shares[number]))
        homeless |= {one.symbol: one for one in shares.pop(smallest)}
    waiting = list(homeless.values())
    for share in shares.values():
        room = capacity - len(share)
        share.extend(waiting[:room])
        waiting = waiting[room:]
    number = max((*held, *shares), default=0)
    while waiting:
        number += 1
        shares[number], waiting = waiting[:capacity], waiting[capacity:]
    return {number: tuple(share) for number, share in shares.items() if share}
