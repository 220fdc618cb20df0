"""Brokers of a few fixed answers, for tests that need no Kafka."""
