"""messages.v1 and outcomes.v1 -> queues, decisions and the router's own memory."""
