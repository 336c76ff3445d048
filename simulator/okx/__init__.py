"""OKX v5 as clients see it: the public WebSocket and the listing of instruments."""
