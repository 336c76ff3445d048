"""CoinGecko v3 as clients see it: REST."""
