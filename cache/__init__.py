"""The place where pipeline and gateway meet: newest ticker per symbol, ordered changes, source reports. Redis, or in process."""
