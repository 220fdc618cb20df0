"""A desk on real servers, its records, and the checker of agents' histories."""
