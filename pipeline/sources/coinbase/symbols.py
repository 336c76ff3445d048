"""Coinbase's spelling of instruments: `BTC-USD`. Pure."""

# All channels of a product are subscribed in one message: `matches` only where every trade is wanted.
TICKER, HEARTBEAT, MATCHES = "ticker", "heartbeat", "matches"
CHANNELS = (TICKER, HEARTBEAT)
# Sent each second for each product.
HEARTBEAT_CADENCE_S = 1.0
