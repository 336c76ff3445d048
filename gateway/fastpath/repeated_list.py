"""The query of one list of rates that comes again, with the list encoded last."""

from weakref import ReferenceType, ref

from gateway.fastpath.encoded_list import EncodedRateList
from gateway.fastpath.response_encoder import ResponseEncoder
from gateway.queries.rate_reader import RateReader


class RepeatedListQuery:
    """Finds the encoded list of a query in one step, while the cache of encoded lists holds it.

    The cache keeps the lists that were used last, and counts a use whenever a rate has changed since the last one.
    """

    __slots__ = ("_around", "_list")

    def __init__(self) -> None:
        self._list: ReferenceType[EncodedRateList] | None = None
        # The bytes before and after the list, if nothing but the list is selected.
        self._around: tuple[bytes, bytes] | None = None

    def keep(self, encoded_list: EncodedRateList, chunks: list[bytes], *, is_alone: bool) -> None:
        """Remember the list of a result.

        `is_alone`: the `chunks` of the result are what precedes the list, the list, and what follows it.
        """
        if self._find() is not encoded_list:
            self._list = ref(encoded_list)
            self._around = (chunks[0], chunks[2]) if is_alone else None

    def is_kept(self, revision: int) -> bool:
        """Whether the list is encoded, but for what has changed, at this revision of the catalog."""
        encoded_list = self._find()
        return encoded_list is not None and encoded_list.revision == revision

    def chunks(self, rates: RateReader, encoder: ResponseEncoder) -> tuple[bytes, ...] | None:
        """Return the result, or `None` if it must be encoded.

        Raises:
            CacheUnavailable, DatabaseUnavailable: the state is not loaded yet.
        """
        encoded_list = self._find()
        if self._around is None or encoded_list is None or encoded_list.revision != encoder.catalog.revision:
            return None
        rates.check_loaded()
        encoded = encoded_list.encoded_at(rates.version, rates.now())
        if encoded is None:
            return None
        before, after = self._around
        return before, encoded, after

    def _find(self) -> EncodedRateList | None:
        return None if self._list is None else self._list()
