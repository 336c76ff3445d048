"""Coinbase's spelling of instruments: `BTC-USD`. Pure."""

# Both channels of a product are subscribed in one message.
CHANNELS = ("ticker", "heartbeat")
