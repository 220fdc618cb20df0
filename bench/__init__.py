"""Measurements, side by side in one run, on real Kafka: `make bench`, or `python -m bench NAME`."""
