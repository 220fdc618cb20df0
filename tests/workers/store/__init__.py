"""Tests of workers/store/."""
