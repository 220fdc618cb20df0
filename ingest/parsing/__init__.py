"""Pure: what came in -> the customer's own words. No await, clock, network or log."""
