"""Coinbase's spelling of an instrument is `BTC-USD`. Pure."""

# A product has a ticker and a heartbeat; both channels are subscribed in one message.
CHANNELS = ("ticker", "heartbeat")
