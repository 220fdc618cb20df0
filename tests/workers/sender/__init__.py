"""Tests of workers/sender/."""
