"""The clocks of a process: measured against Redis and against what sources publish, and corrected."""
