"""The pages of the channels are made from what the channels say of themselves."""

import subprocess
import sys

from tests.servers import ROOT


def test_every_channel_has_its_page_and_none_is_old() -> None:
    told = subprocess.run(
        [sys.executable, "deploy/channel_docs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
