"""Access to the API: keys, tokens, plans and budgets, and the log of what was done to them."""
