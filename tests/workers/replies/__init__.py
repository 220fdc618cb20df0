"""Tests of workers/replies/."""
