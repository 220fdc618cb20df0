"""The router says at its start why compiled modules do not run."""

import pytest
from structlog.testing import capture_logs

from router.run import warn_of_unused_build
from runtime.compiled_modules import Status


@pytest.mark.parametrize("status", Status)
def test_the_router_warns_of_a_build_that_it_can_not_use(status: Status) -> None:
    with capture_logs() as lines:
        warn_of_unused_build(status)
    unusable = status in (Status.STALE, Status.LATE)
    assert [line["why"] for line in lines] == ([status.value] if unusable else [])
