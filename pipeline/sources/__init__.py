"""One folder per source, all of one anatomy: messages and symbols (pure), settings, fetcher, and where there is a push feed, stream."""
