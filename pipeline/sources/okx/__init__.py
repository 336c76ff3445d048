"""OKX: a push feed of tickers over WebSocket v5, everything text, kept alive by text pings."""
