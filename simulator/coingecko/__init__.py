"""CoinGecko v3: REST."""
