"""Tests of workers/desk_queue/."""
