"""Amounts of one asset in another, over the graph of the known rates. No path is an error, never a guess."""
