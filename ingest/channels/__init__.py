"""One file a channel; the only importers of an outside client."""
