"""Tests of runtime/redis/."""
