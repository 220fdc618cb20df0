"""The documents, the container files and the tests' own tiers."""
