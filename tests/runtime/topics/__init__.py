"""Tests of runtime/topics/."""
