"""Tests: behaviour, from outside where it can be, on real parts."""
