"""The guard of a server counts callers by their address, and in all."""

import pytest

from runtime.http.guard import Guard, Rate, Tally, network_of
from runtime.settings.limits import LimitsSettings
from schemas.errors import ConfigError


def test_a_tally_counts_by_address_and_in_all() -> None:
    tally = Tally("connections", 5, 3)
    assert [tally.take("a") for _ in range(4)] == [True, True, True, False]
    assert [tally.take("b") for _ in range(3)] == [True, True, False], "in all"
    tally.give("a", 3)
    assert tally.total == 2
    assert tally.take("proxy", 3, shared=True)


def test_a_rate_lets_a_burst_through_and_then_one_at_a_time() -> None:
    now = 100.0
    rate = Rate("attempts", 2, 10, lambda: now)
    assert [rate.take("a") for _ in range(3)] == [0, 0, 10]
    assert rate.take("b") == 0
    now = 104.0
    assert rate.take("a") == 6
    now = 110.0
    assert [rate.take("a") for _ in range(2)] == [0, 10]


def test_only_a_trusted_proxy_names_the_caller() -> None:
    none, proxied = (
        Guard(LimitsSettings()),
        Guard(LimitsSettings(trusted_proxies=("10.0.0.0/8", "::1"))),
    )
    spoofed = ["203.0.113.9", "1.1.1.1, 10.0.0.7"]
    assert none.address("198.51.100.1", spoofed) == "198.51.100.1"
    assert proxied.address("198.51.100.1", spoofed) == "198.51.100.1", "no proxy of ours"
    assert proxied.address("10.0.0.1", spoofed) == "1.1.1.1", "the last that is no proxy of ours"
    assert proxied.address("10.0.0.1", []) == "10.0.0.1"
    assert proxied.address("10.0.0.1", ["nonsense"]) == "nonsense"
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Guard(LimitsSettings(trusted_proxies=("10.0.0.999",)))
    assert (
        network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    )
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"
    bracketed = proxied.address("10.0.0.1", ["[2001:db8:1:2::4]:4711"])
    assert bracketed == network_of("2001:db8:1:2::4")
    assert proxied.address("10.0.0.1", ["203.0.113.9:1", "10.0.0.7:2"]) == "203.0.113.9"
