"""Bybit v5 spot: the public WebSocket and the instrument listing."""
