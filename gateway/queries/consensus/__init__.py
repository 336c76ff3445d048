"""The consensus price of a symbol over several sources, with the contribution of each source."""
