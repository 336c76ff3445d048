"""CoinGecko: a global average per coin, over REST, within a call budget. It is no exchange and has no bid or ask."""
