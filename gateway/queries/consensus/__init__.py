"""The consensus price of a symbol over several sources, with each contribution."""
