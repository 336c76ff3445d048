"""Process runtime: settings, logging, start-up retries, heartbeat file, graceful shutdown."""
