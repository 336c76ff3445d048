"""Static facts about assets.

The usual quote assets, and the stablecoins that promise one dollar.
"""

DOLLAR = "USD"

# Stablecoins that promise one dollar each. They trade near it, and some have lost it for days: they count as dollars only
# on request. Coins without a fixed redemption (USDE) and those of other currencies are left out.
STABLECOINS = frozenset(
    {"USDT", "USDC", "DAI", "FDUSD", "GUSD", "PYUSD", "RLUSD", "TUSD", "USD1", "USDP", "USDS"}
)

# The usual quote assets, best first: of several routes, the one over the first of these is taken.
HUBS = ("USDT", "USD", "USDC", "EUR", "BTC", "ETH")
