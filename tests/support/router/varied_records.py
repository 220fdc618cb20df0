"""`python -m tests.support.router.varied_records [compiled]`: decide 1,000 varied messages.

It prints each decision, work item and state as the router encodes them, with the compiled modules
if the argument wants them. The messages are the samples of the default rules and texts with
entities, from new senders and from strangers, alone and in conversations, with and without a model.
"""

import random
import re
import sys
from collections.abc import Iterator
from datetime import timedelta

from runtime import compiled_modules

MESSAGES = 1_000
_CONVERSATIONS = 300
_TEXTS = (
    "",
    "?",
    "Siparişim 1234567 nerede, 12.03.2026 demiştiniz",
    "TC 10000000146, IBAN TR330006100519786457841326, kart 4111 1111 1111 1111",
    "0532 123 45 67 numaralı hattım, ada@ornek.example, abone no: 99887766",
    "1.234,56 TL ve $20 ödedim, 3 mart 2026, SP-12345",
    "İADE İSTİYORUM, ı I i İ, ١٢٣٤٥٦٧٨ 🙂",
    "Ich habe eine Frage zu meiner Bestellung",
    "fatura " * 3_000,
)


def main() -> None:
    """Print the records of all messages, one a line."""
    if "compiled" in sys.argv:
        status = compiled_modules.activate()
        if status is not compiled_modules.Status.IN_USE:
            raise SystemExit(status.value)
    for line in _decided_lines():
        sys.stdout.buffer.write(line + b"\n")


def _decided_lines() -> Iterator[bytes]:
    # The modules that may be compiled come after the choice.
    from dataclasses import replace

    from router.record_decision import analyse_batch, decide_record
    from schemas import envelope
    from schemas.message import Automatic, Event, Handle, Message, Party
    from schemas.state.conversation import ConversationState
    from tests.support.messages import NOW, PACK, message, policy
    from tests.support.router.trained_models import department_model

    chance = random.Random(1)
    samples = [text for rule in PACK.rules for text in (*rule.match, *rule.no_match)]
    senders = ((), ("ada@ornek.example",), ("eve@ornek.example", "can@ornek.example"))
    kinds = ("mail", "chat", "form", "post")
    unusual: tuple[dict[str, object], ...] = (
        {"automatic": Automatic(kind="bounce", evidence="x")},
        {"event": Event(kind="edited", of="m")},
        {"flags": ("imported",)},
        {"repaired": ("unreadable",)},
        {"subject": "Konu: sipariş 123456"},
    )

    def varied_message(number: int) -> Message:
        fields = chance.choice(unusual) if chance.random() < 0.3 else {}
        handles = chance.choice(senders)
        return message(
            chance.choice(_TEXTS) if number % 4 == 0 else chance.choice(samples),
            native=str(number % 950),  # the last fifty are repeats
            root=str(number % _CONVERSATIONS),
            kind=chance.choice(kinds),
            sender=Party(handles=tuple(Handle(kind="email", value=h) for h in handles)),
            received_at=NOW + timedelta(minutes=number),
            **fields,
        )

    messages = [varied_message(number) for number in range(MESSAGES)]
    rules_only = policy()
    pattern = ("order_code", re.compile(r"SP-(\d+)"))
    with_model = replace(rules_only, models=(department_model(),), patterns=(pattern,))
    for tested in (rules_only, with_model):
        states: dict[str, ConversationState | None] = {}
        analyses = analyse_batch(messages, tested)
        for sent, analysis in zip(messages, analyses, strict=True):
            before = states.get(sent.conversation)
            encoded = envelope.encode(sent)
            now = sent.received_at + timedelta(seconds=1)
            result = decide_record(sent, lambda s=before: s, tested, now, analysis, encoded)
            assert not result.faulted
            yield result.decision
            yield result.item or b""
            after = getattr(result.transition, "state", None)
            if after is not None:
                states[sent.conversation] = after
                yield envelope.encode(after)


if __name__ == "__main__":
    main()
