"""Query rates with a maximum age.

pip install "gql[httpx]"
python query.py BTC/USDT ETH/USDT
"""

import os
import sys
from decimal import Decimal

from gql import Client, gql
from gql.transport.httpx import HTTPXTransport

URL = os.environ.get("RATEWIRE_URL", "http://localhost:8000/graphql")
DOCUMENT = gql(
    """
    query ($symbols: [Symbol!]!) {
      rates(symbols: $symbols, maxAgeMs: 10000, onStale: OMIT) {
        items { symbol source { code } price ageMs freshness }
        unavailable { symbol message }
      }
    }
    """
)

DOCUMENT.variable_values = {"symbols": sys.argv[1:] or ["BTC/USDT", "ETH/USDT"]}
with Client(transport=HTTPXTransport(URL)) as session:
    rates = session.execute(DOCUMENT)["rates"]
for rate in rates["items"]:
    # A price is a string with all digits that the source published. Decimal keeps them; float would not.
    print(rate["symbol"], rate["source"]["code"], Decimal(rate["price"]), f"{rate['ageMs']} ms old")
for missing in rates["unavailable"]:
    print(missing["symbol"], "is unavailable:", missing["message"])
