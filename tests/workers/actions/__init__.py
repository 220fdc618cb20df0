"""Tests of workers/actions/."""
