"""Tests of workers/console/."""
