"""Cache between pipeline and gateway, in Redis or in memory.

Newest tickers, ordered changes, source reports.
"""
