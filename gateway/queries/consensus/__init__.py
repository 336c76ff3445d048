"""One price of what several sources say of one symbol, and what became of each of them."""
