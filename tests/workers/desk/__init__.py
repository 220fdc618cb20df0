"""Tests of workers/desk/."""
