"""Cache between pipeline and gateway: newest tickers, ordered changes, source reports. In Redis or in memory."""
