"""Tests of runtime/stage/."""
