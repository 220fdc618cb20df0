"""The calls of a producer: their errors, and one that never returns."""

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from router.producer_calls import ProducerCalls
from router.transaction import is_retriable


def test_a_call_gets_its_limit_and_its_error_is_raised_where_it_was_made() -> None:
    calls, limits = ProducerCalls(), list[float]()
    calls.make("commit_transaction", limits.append, 2)

    def fail(_limit_s: float) -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED))

    with pytest.raises(KafkaException) as failure:
        calls.make("commit_transaction", fail, 2)
    calls.end()
    assert limits == [2]
    assert failure.value.args[0].code() == KafkaError._FENCED


def test_a_call_that_never_returns_is_given_up_and_not_repeated() -> None:
    calls, over = ProducerCalls(grace_s=0.05), threading.Event()

    def hang(_limit_s: float) -> None:
        over.wait()

    with pytest.raises(KafkaException, match="abort_transaction does not return") as failure:
        calls.make("abort_transaction", hang, 0)
    over.set()
    calls.end()
    assert not is_retriable(failure.value)
    assert not failure.value.args[0].txn_requires_abort()
