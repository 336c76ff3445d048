"""One folder per source, all of one anatomy (`docs/adding-a-source.md`), and beside them what several of them use."""
