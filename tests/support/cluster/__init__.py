"""A cluster on loopback, its traffic, and the verdict on what it did."""
