"""The page of a backtest escapes the customers' texts and has charts with a text for readers."""

from dataclasses import replace

import msgspec

from router.backtest.replay import replay
from router.text.pack_compiler import compile_pack
from tests.support.backtest import sent_after, traffic
from tests.support.messages import policy
from workers.console.backtest_page import page


def test_the_page_escapes_the_texts_of_customers() -> None:
    pack = policy().pack
    urgent = tuple(
        msgspec.structs.replace(r, priority=min(100, r.priority + 9)) for r in pack.rules
    )
    events = [*traffic(), sent_after("7", "<script>alert(1)</script> faturam yüksek", 9)]
    report = replay(events, policy(), replace(policy(), pack=compile_pack("urgent", urgent)))
    html = page(msgspec.json.encode(report))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert 'role="img"' in html
