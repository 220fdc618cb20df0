"""The plumbing: the only code that opens sockets to Kafka, Redis and the store."""
