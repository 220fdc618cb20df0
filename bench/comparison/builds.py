"""The builds that a measurement ran on: this Python, the Kafka client and the broker's Java."""

import os
import platform
import sysconfig
from collections.abc import Sequence

import confluent_kafka
import psutil

from bench.checkouts import HERE, describe_commit
from runtime.compiled_modules import find_status


def describe_builds(broker: psutil.Process) -> str:
    """Return one line with the builds, the broker's options and the commit."""
    version, _ = confluent_kafka.libversion()
    return "; ".join(
        (
            f"commit {describe_commit(HERE)}",
            find_status().value,
            describe_python(str(sysconfig.get_config_var("CONFIG_ARGS") or "")),
            f"confluent-kafka {confluent_kafka.__version__} with librdkafka {version}",
            f"broker with {describe_java(broker.cmdline())}",
            f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        )
    )


def describe_python(configuration: str) -> str:
    """Return the version of this Python, and how it was optimized by its configure arguments."""
    pgo = "PGO" if "--enable-optimizations" in configuration else "no PGO"
    lto = "LTO" if "--with-lto" in configuration else "no LTO"
    return f"{platform.python_implementation()} {platform.python_version()} ({pgo}, {lto})"


def describe_java(command: Sequence[str]) -> str:
    """Return the options of a Java command that bear on its speed."""
    options = [word for word in command if word.startswith("-X") and "/" not in word]
    return " ".join(word for word in options if not word.startswith("-Xlog")) or "no options"
