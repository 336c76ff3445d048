"""What every process needs around its work: settings, logging, patience at start, a sign of life, a clean stop."""
