"""CoinGecko: global averages per coin over REST, within a request budget. Has no bid or ask."""
