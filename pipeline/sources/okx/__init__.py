"""OKX: a push feed of tickers over WebSocket v5. All values are strings, and pings are text."""
