"""The body of a request or an answer, as JSON."""

from typing import Any

JsonBody = dict[str, Any]
"""Its values have the types that the API documents."""
