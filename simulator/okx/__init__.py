"""OKX v5: the public WebSocket and the instrument listing."""
