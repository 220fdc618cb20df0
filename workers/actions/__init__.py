"""One file for each outside system that is sent to; the only importers of its client."""
