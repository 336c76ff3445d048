"""Documents of every shape that this path meets, and of some that it does not cover."""

import json
import re
from collections.abc import Sequence

from hypothesis import strategies as st

from tests.json_types import JsonObject

RATE_FIELDS = [
    "id",
    "symbol",
    "base",
    "quote",
    "source { code }",
    "source { id name kind homepage ttlMs __typename }",
    "instrument { id name status source { code } baseAsset { id code name } suspectSince }",
    "price",
    "bid",
    "ask",
    "bidSize",
    "askSize",
    "mid",
    "spreadBps",
    "quotedAt",
    "lastTradeAt",
    "open24h",
    "quoteVolume24h",
    "mergedUpstreamCount",
    "changePercent24h",
    "high24h",
    "low24h",
    "volume24h",
    "observedAt",
    "observedAtOrigin",
    "receivedAt",
    "ageMs",
    "ttlMs",
    "expiresAt",
    "freshness",
    "simulated",
    "__typename",
]
CONSENSUS_FIELDS = "id symbol base quote method price quality divergenceBps observedAt ageMs freshness minSources maxDeviationBps simulated __typename"
CONTRIBUTION_FIELDS = [
    *["usedPrice", "basis", "included", "weight", "deviationBps", "exclusion", "message", "__typename"],
    "source { code }",
    "source { id ttlMs }",
]
CONVERSION_FIELDS = "id amount from to result rate ageMs observedAt freshness usesPeg simulated __typename"
LEG_FIELDS = "from to operation usedPrice basis peg __typename"
UNAVAILABLE_CONVERSION_FIELDS = ["amount", "from", "to", "code", "message", "__typename"]
EVENT_FIELDS = "kind conflatedCount sentAt __typename"
WRONG_CONSENSUS = [{"symbol": '"NO/SUCH"'}, {"minSources": "0"}, {"sampleIntervalMs": "-1"}]
UNAVAILABLE_FIELDS = ["symbol", "source { code }", "source { id ttlMs }", "reason", "message", "__typename"]
SYMBOLS = ["BTC/USDT", "ETH/USDT", "BTC/USD", "BTC/USDT", "DOGE/EUR", "btc-usdt"]
DIRECTIVES = [
    "",
    "",
    "",
    "",
    "@include(if: $yes)",
    "@skip(if: $no)",
    "@skip(if: $yes)",
    "@include(if: false)",
]
VARIABLES = {
    "yes": "Boolean! = true",
    "no": "Boolean! = false",
    "list": "[Symbol!]",
    "one": 'Symbol! = "BTC/USDT"',
    "age": "Int",
}

directives = st.sampled_from(DIRECTIVES)
conversion_assets = st.sampled_from(['"BTC"', '"ETH"', '"USDT"', '"USD"'])
conversion_entries = st.tuples(st.sampled_from(['"1.50"', "2", '"0"']), conversion_assets, conversion_assets)


@st.composite
def leaves(draw: st.DrawFn, fields: Sequence[str], kind: str) -> str:
    """Selections of leaves and constant objects.

    Aliased, repeated, in inline fragments, left out by directives.
    """
    parts: list[str] = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(fields), min_size=1, max_size=7))):
        alias = draw(st.sampled_from(["", "", f"a{number}: "]))
        leaf, _, inside = name.partition(" ")
        part = f"{alias}{leaf} {draw(directives)} {inside}"
        shape = draw(st.integers(0, 9))
        if shape == 0:
            part = f"... on {kind} {draw(directives)} {{ {part} }}"
        elif shape == 1:
            part = f"... {draw(directives)} {{ {part} __typename }}"
        elif shape == 2:
            part = f"{part} {part}"
        parts.append(part)
    return " ".join(parts)


rate_leaves = leaves(RATE_FIELDS, "Rate") | st.builds("{} ...RateParts".format, leaves(RATE_FIELDS, "Rate"))
unavailable_leaves = leaves(UNAVAILABLE_FIELDS, "UnavailableRate")


@st.composite
def lists(draw: st.DrawFn, others: str, kind: str) -> str:
    """Selections of an object with rates."""
    parts = []
    for number in range(draw(st.integers(1, 4))):
        alias = draw(st.sampled_from(["", f"b{number}: "]))
        match draw(st.integers(0, 5)):
            case 0 | 1 | 2:
                part = f"{alias or f'c{number}: '}items {draw(directives)} {{ {draw(rate_leaves)} }}"
            case 3:
                part = f"{alias or f'd{number}: '}unavailable {{ {draw(unavailable_leaves)} }}"
            case _:
                part = f"{alias}{draw(st.sampled_from(others.split()))} {draw(directives)}"
        parts.append(f"... on {kind} {{ {part} }}" if draw(st.integers(0, 5)) == 0 else part)
    return " ".join(parts)


@st.composite
def demands(draw: st.DrawFn) -> list[str]:
    found = [
        draw(st.sampled_from(["", "", "maxAgeMs: 5000", "maxAgeMs: $age", "maxAgeMs: null", "maxAgeMs: -1"])),
        draw(st.sampled_from(["", "", "", "onStale: RETURN", "onStale: OMIT", "onStale: ERROR"])),
    ]
    return [each for each in found if each]


@st.composite
def roots(draw: st.DrawFn, number: int) -> str:
    """One field of the operation."""
    kind = draw(st.sampled_from(["rates", "rates", "rates", "rate", "rate", "typename", "sources"]))
    if kind == "typename":
        return f"t{number}: __typename {draw(directives)}"
    if kind == "sources":
        other: str = draw(
            st.sampled_from([f"s{number}: sources {{ source {{ code }} trackedCount }}", "__typename"])
        )
        return other
    arguments = draw(demands())
    if kind == "rate":
        symbol = draw(st.sampled_from([*map(json.dumps, SYMBOLS), '"BTC/USDT"', "$one"]))
        arguments += [
            f"symbol: {symbol}",
            draw(st.sampled_from(["", "source: BINANCE", "source: COINGECKO"])),
        ]
        return f"r{number}: rate({' '.join(arguments)}) {draw(directives)} {{ {draw(rate_leaves)} }}"
    names = draw(st.lists(st.sampled_from([*SYMBOLS[:4], *SYMBOLS]), max_size=3))
    arguments += [
        draw(st.sampled_from(["", "symbols: $list", f"symbols: {json.dumps(names)}", 'symbols: "BTC/USDT"'])),
        draw(
            st.sampled_from(["", "", "sources: [BINANCE]", "sources: [COINGECKO, BINANCE]", "sources: null"])
        ),
    ]
    given = f"({' '.join(arguments)})" if any(arguments) else ""
    return f"q{number}: rates{given} {draw(directives)} {{ {draw(lists('cursor sentAt __typename', 'RateList'))} }}"


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """A document and its variables."""
    fields = [draw(roots(number)) for number in range(draw(st.integers(1, 3)))]
    fragment = f"fragment RateParts on Rate {{ {draw(leaves(RATE_FIELDS, 'Rate'))} }}"
    variables = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "yes": st.booleans(),
                "no": st.booleans(),
                "list": st.none() | st.lists(st.sampled_from(SYMBOLS[:5]), max_size=3),
                "one": st.sampled_from(SYMBOLS[:5]),
                "age": st.none() | st.sampled_from([0, 2_000, 10_000]),
            },
        )
    )
    text = " ".join(fields)
    # What is not used must not be declared.
    text += f" }} {fragment}" if "...RateParts" in text else " }"
    used = [f"${name}: {kind}" for name, kind in VARIABLES.items() if re.search(rf"\${name}\b", text)]
    return f"query Made{'(' + ', '.join(used) + ')' if used else ''} {{ {text}", variables


@st.composite
def subscriptions(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """A document with a subscription, and its variables."""
    arguments = [
        draw(st.sampled_from(["", "", "sampleIntervalMs: 500", "sampleIntervalMs: -1"])),
        draw(st.sampled_from(["", "", "minChangeBps: 50"])),
    ]
    if draw(st.integers(0, 2)) == 0:
        symbol = draw(st.sampled_from(['"BTC/USDT"', "$one", '"NO/SUCH"']))
        arguments += [f"symbol: {symbol}", draw(st.sampled_from(["", "source: COINGECKO"]))]
        field = f"rate({' '.join(arguments)}) {draw(directives)} {{ {draw(rate_leaves)} }}"
    else:
        arguments += [
            draw(
                st.sampled_from(["", "symbols: $list", 'symbols: "BTC/USDT"', 'symbols: ["ETH/USDT", "A/B"]'])
            ),
            draw(st.sampled_from(["", "", "sources: [BINANCE]"])),
            draw(st.sampled_from(["", "maxSilenceMs: 1500"])),
            draw(st.sampled_from(["", "after: $after"])),
        ]
        given = f"({' '.join(arguments)})" if any(arguments) else ""
        others = "kind cursor conflatedCount recovered sentAt __typename"
        field = f"told: rates{given} {{ {draw(lists(others, 'RatesEvent'))} }}"
    fragment = f"fragment RateParts on Rate {{ {draw(leaves(RATE_FIELDS, 'Rate'))} }}"
    text = f"{field} }} {fragment}" if "...RateParts" in field else f"{field} }}"
    kinds = {**VARIABLES, "after": "String"}
    used = [f"${name}: {kind}" for name, kind in kinds.items() if re.search(rf"\${name}\b", text)]
    variables = {"list": draw(st.sampled_from([None, [], ["BTC/USDT"], ["BTC/USDT", "BTC/USD"]]))}
    return f"subscription Made{'(' + ', '.join(used) + ')' if used else ''} {{ {text}", variables


consensus_arguments = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["", "VWAP"]),
        "minSources": st.sampled_from(["", "1"]),
        "maxAgeMs": st.sampled_from(["", "2000", "50000"]),
        "maxDeviationBps": st.sampled_from(["", "0.5", "3000"]),
        "sources": st.sampled_from(["", "[COINGECKO, BINANCE]", "[BINANCE]"]),
        "sampleIntervalMs": st.sampled_from(["", "0", "700"]),
    }
)
conversion_arguments = st.fixed_dictionaries(
    {
        "maxAgeMs": st.sampled_from(["", "2000", "50000"]),
        "maxLegs": st.sampled_from(["", "1", "2"]),
        "stablecoinsAsUsd": st.sampled_from(["", "true", "$yes"]),
        "onStale": st.sampled_from(["", "OMIT"]),
        "sources": st.sampled_from(["", "[COINGECKO, BINANCE]", "[BINANCE]"]),
        "sampleIntervalMs": st.sampled_from(["", "0", "700"]),
    }
)


@st.composite
def consensus_leaves(draw: st.DrawFn) -> str:
    """Selections of a consensus, mostly with its contributions."""
    fields = draw(leaves(CONSENSUS_FIELDS.split(), "ConsensusRate"))
    if draw(st.booleans()):
        inside = draw(leaves(CONTRIBUTION_FIELDS, "ConsensusContribution"))
        fields += f" contributions {{ {inside} rate {{ {draw(leaves(RATE_FIELDS, 'Rate'))} }} }}"
    return fields


@st.composite
def conversion_leaves(draw: st.DrawFn) -> str:
    """Selections of a conversion, mostly with its legs."""
    fields = draw(leaves(CONVERSION_FIELDS.split(), "Conversion"))
    if draw(st.booleans()):
        inside = draw(leaves(LEG_FIELDS.split(), "ConversionLeg"))
        fields += f" legs {{ {inside} rate {{ {draw(leaves(RATE_FIELDS, 'Rate'))} }} }}"
    return fields


@st.composite
def events(
    draw: st.DrawFn, kind: str, items: st.SearchStrategy[str], unavailable: st.SearchStrategy[str]
) -> str:
    """Selections of an event of a live list."""
    parts = [
        f"i{number}: items {draw(directives)} {{ {draw(items)} }}"
        for number in range(draw(st.integers(0, 2)))
    ]
    if draw(st.booleans()):
        parts.append(f"unavailable {{ {draw(unavailable)} }}")
    return " ".join([draw(leaves(EVENT_FIELDS.split(), kind)), *parts])


def subscription(field: str, arguments: dict[str, str], selection: str) -> tuple[str, JsonObject]:
    """A document with that field."""
    given = " ".join(f"{name}: {value}" for name, value in arguments.items() if value)
    text = f"told: {field}({given}) {{ {selection} }}"
    kinds = {"yes": "Boolean! = true", "no": "Boolean! = false", "one": 'Symbol! = "BTC/USD"'}
    used = [f"${name}: {kind}" for name, kind in kinds.items() if re.search(rf"\${name}\b", text)]
    return f"subscription{'(' + ', '.join(used) + ')' if used else ''} {{ {text} }}", {}


@st.composite
def consensus_subscriptions(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """The same of a consensus."""
    arguments = {
        "symbol": draw(st.sampled_from(['"BTC/USDT"', '"BTC/USDT"', "$one"])),
        **draw(consensus_arguments),
    }
    # What is refused is told once: few of those will do.
    if draw(st.integers(0, 7)) == 0:
        arguments |= draw(st.sampled_from(WRONG_CONSENSUS))
    return subscription("consensusRate", arguments, draw(consensus_leaves()))


@st.composite
def consensus_list_subscriptions(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """The same of several consensuses."""
    names = draw(st.lists(st.sampled_from(SYMBOLS[:5]), min_size=1, max_size=4))
    arguments = {
        "symbols": draw(st.sampled_from([json.dumps(names), json.dumps(names), "[$one]", '"BTC/USDT"'])),
        "maxSilenceMs": draw(st.sampled_from(["", "1500"])),
        **draw(consensus_arguments),
    }
    if draw(st.integers(0, 7)) == 0:
        arguments |= draw(st.sampled_from([{"symbols": "[]"}, {"minSources": "0"}]))
    selection = draw(
        events("ConsensusRatesEvent", consensus_leaves(), leaves(UNAVAILABLE_FIELDS, "UnavailableRate"))
    )
    return subscription("consensusRates", arguments, selection)


@st.composite
def conversion_subscriptions(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """The same of one conversion."""
    amount, start, end = draw(conversion_entries)
    arguments = {"amount": amount, "from": start, "to": end, **draw(conversion_arguments)}
    if draw(st.integers(0, 7)) == 0:
        arguments |= draw(st.sampled_from([{"onStale": "ERROR"}, {"amount": '"-1"'}, {"from": '"NOSUCH"'}]))
    return subscription("conversion", arguments, draw(conversion_leaves()))


@st.composite
def conversion_list_subscriptions(draw: st.DrawFn) -> tuple[str, JsonObject]:
    """The same of several conversions."""
    entries = draw(st.lists(conversion_entries, min_size=1, max_size=4))
    inputs = ", ".join(f"{{ amount: {amount}, from: {start}, to: {end} }}" for amount, start, end in entries)
    arguments = {
        "input": f"[{inputs}]",
        "maxSilenceMs": draw(st.sampled_from(["", "1500"])),
        **draw(conversion_arguments),
    }
    if draw(st.integers(0, 7)) == 0:
        arguments |= draw(st.sampled_from([{"onStale": "ERROR"}, {"input": "[]"}, {"maxLegs": "4"}]))
    unavailable = leaves(UNAVAILABLE_CONVERSION_FIELDS, "UnavailableConversion")
    return subscription(
        "conversions", arguments, draw(events("ConversionsEvent", conversion_leaves(), unavailable))
    )
