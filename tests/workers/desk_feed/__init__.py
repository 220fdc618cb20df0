"""Tests of workers/desk_feed/."""
