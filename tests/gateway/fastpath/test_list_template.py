"""A list that is laid out once says, at any moment, what its fragments say one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fastpath.encoded_rate import EARLIEST, LATEST, EncodedRate
from gateway.fastpath.encoders import join_list
from gateway.fastpath.list_template import ListTemplate
from tests.gateway.fakes import build_ticker
from tests.lengths import at_length

START_US = 1_700_000_000_000_000
TICKER = build_ticker()

# Few moments, so that several fragments share one; some at whole milliseconds, some in the future, some long ago.
moments = st.sampled_from([0, 1_000, 1_001, 1_999, 5_000, 7_123_456, 31_000_000, 40_000_000])
laters = st.lists(
    st.sampled_from(
        [
            0,
            1,
            999,
            1_000,
            5_500,
            8_000_000,
            8_000_001,
            8_000_999,
            32_767_000,
            32_768_000,
            32_769_000,
            60_000_001,
        ]
    ),
    max_size=4,
)


def make(gaps: int, name: int, observed_us: int) -> EncodedRate:
    parts = (*(b"{%d:%d=" % (name, part) for part in range(gaps)), b"}%d" % name)
    return EncodedRate(TICKER, parts, START_US + observed_us, EARLIEST, LATEST, b"," + parts[0])


@pytest.mark.slow
@settings(max_examples=at_length(300))
@given(
    gaps=st.integers(0, 2),
    observed=st.lists(moments, max_size=12)
    | st.lists(moments.map(lambda each: each // 1_000 * 1_000), max_size=12),
    changes=st.lists(st.dictionaries(st.integers(0, 11), moments, max_size=4), max_size=3),
    laters=laters,
)
def test_the_whole_says_what_its_parts_say(
    gaps: int, observed: list[int], changes: list[dict[int, int]], laters: list[int]
) -> None:
    """For any observation times, replacements and repeated reads."""
    encoded_rates = [make(gaps, name, each) for name, each in enumerate(observed)]
    template = ListTemplate(encoded_rates)
    for number, change in enumerate([{}, *changes]):
        replaced = {
            place: make(gaps, 100 * (number + 1) + place, each)
            for place, each in change.items()
            if place < len(encoded_rates)
        }
        for place, encoded_rate in replaced.items():
            encoded_rates[place] = encoded_rate
        template.replace(replaced)
        for later in [0, *laters, 0]:
            now_us = START_US + later
            assert template.encode(now_us) == join_list([each.encode(now_us) for each in encoded_rates])
