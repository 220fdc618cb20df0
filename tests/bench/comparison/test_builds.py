"""The first line of a comparison names the builds."""

import platform

import pytest

from bench.comparison.builds import describe_java, describe_python


@pytest.mark.parametrize(
    ("configuration", "optimizations"),
    [
        ("'--prefix=/usr' '--enable-optimizations' '--with-lto=full'", "(PGO, LTO)"),
        ("'--enable-optimizations'", "(PGO, no LTO)"),
        ("", "(no PGO, no LTO)"),
    ],
)
def test_a_python_names_its_version_and_optimizations(
    configuration: str, optimizations: str
) -> None:
    line = describe_python(configuration)
    assert platform.python_version() in line
    assert line.endswith(optimizations)


def test_a_java_names_the_options_that_bear_on_speed() -> None:
    command = [
        "/jre/bin/java",
        "-Xmx384m",
        "-XX:+UseSerialGC",
        "-XX:SharedArchiveFile=/home/classes.jsa",
        "-Xlog:disable",
        "-Dlog4j2.configurationFile=/home/log4j2.yaml",
        "-cp",
        "/jars/*",
        "kafka.Kafka",
    ]
    assert describe_java(command) == "-Xmx384m -XX:+UseSerialGC"
    assert describe_java(["java"]) == "no options"
