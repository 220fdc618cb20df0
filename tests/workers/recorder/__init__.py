"""Tests of workers/recorder/."""
