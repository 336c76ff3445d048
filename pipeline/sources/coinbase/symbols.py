"""Coinbase's spelling of instruments: `BTC-USD`. Pure."""

# Both channels of a product are subscribed in one message.
TICKER, HEARTBEAT = "ticker", "heartbeat"
CHANNELS = (TICKER, HEARTBEAT)
# Sent each second for each product.
HEARTBEAT_CADENCE_S = 1.0
