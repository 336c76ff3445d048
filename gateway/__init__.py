"""GraphQL over HTTP and WebSocket. Reads the cache, never a source, and never imports the pipeline."""
