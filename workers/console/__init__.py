"""Pages for operations, departments and analysts, rendered here, live by htmx, no build step."""
