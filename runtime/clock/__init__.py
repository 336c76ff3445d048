"""The clocks of a process, measured against Redis and the sources, and corrected."""
