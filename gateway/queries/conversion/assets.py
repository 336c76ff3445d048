"""What is known of assets beside their rates: which are the usual ways to others, and which are meant to be worth a dollar."""

DOLLAR = "USD"

# Stablecoins that promise one dollar each. They trade near it, not at it, and some have lost it for days: they count as dollars
# only for who asks for that. Left out are those that promise no fixed redemption (USDE) and those of other currencies.
STABLECOINS = frozenset(
    {"USDT", "USDC", "DAI", "FDUSD", "GUSD", "PYUSD", "RLUSD", "TUSD", "USD1", "USDP", "USDS"}
)

# What most assets are quoted in, best first: a path that could lead over several leads over the first of them.
HUBS = ("USDT", "USD", "USDC", "EUR", "BTC", "ETH")
