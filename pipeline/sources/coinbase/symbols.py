"""Coinbase's spelling of instruments: `BTC-USD`. Pure."""

# All channels of a product are subscribed in one message.
TICKER, HEARTBEAT, MATCHES = "ticker", "heartbeat", "matches"
CHANNELS = (TICKER, HEARTBEAT, MATCHES)
# Sent each second for each product.
HEARTBEAT_CADENCE_S = 1.0
