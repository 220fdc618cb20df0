"""The commands on a running profile: status, env, tap, and unknown ids."""

import json
import os
import subprocess

from tests.support.json_body import JsonBody
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait

UNKNOWN_MESSAGE = "7d1f0c52-3a55-5b0e-9d7f-2f6c1c1c9d11"


def test_status_shows_every_stage_and_the_waiting_messages(road: LocalProfile) -> None:
    sent = road.send("Faturam yanlış geldi, fazla ücret yansıtmışsınız", "status-1")
    road.message(sent["id"], lambda m: m["decision"])

    def complete_status() -> JsonBody:
        status: JsonBody = json.loads(road.cli("status", "--json").stdout)
        # On a busy machine a part may answer too late for one status; the next one has it.
        return status if status["waiting"].get("billing") and status["behind"] else {}

    status = wait("somebody waits at billing, and Kafka answers in time", complete_status)
    assert {"ingest", "router", "recorder", "desk", "console", "kafka", "redis", "store"} <= set(
        status["parts"]
    )
    assert status["parts"]["ingest"]["address"] == road.access["door"]
    assert {"router", "recorder", "desk"} <= set(status["behind"])
    assert status["unaccounted"] == 0
    listing = road.cli("status")
    assert listing.returncode == 0, listing.stdout
    assert "billing" in listing.stdout
    assert "unaccounted 0" in listing.stdout


def test_env_is_read_by_a_shell(road: LocalProfile) -> None:
    exports = road.cli("env").stdout
    shell = 'eval "$EXPORTS"; curl -s -o /dev/null -w %{http_code} "$DOOR/v1/messages"'
    result = subprocess.run(
        ["sh", "-c", shell + ' -H "Authorization: Bearer $DOOR_TOKEN" -d @-'],
        input=json.dumps({"native_id": "env", "text": "selam", "sender": {"handle": "ada"}}),
        env={"PATH": os.environ["PATH"], "EXPORTS": exports},
        text=True,
        capture_output=True,
        check=True,
    )
    assert result.stdout == "202"
    names = {line.removeprefix("export ").partition("=")[0] for line in exports.splitlines()}
    assert names == {
        "SANTRAL_HOME",
        "DOOR",
        "CONSOLE",
        "KAFKA",
        "REDIS",
        "STORE",
        "DOOR_TOKEN",
        "DESK_TOKEN",
        "CONSOLE_TOKEN",
    }


def test_tap_until_now_ends_by_itself(road: LocalProfile) -> None:
    sent = road.send("Kargom nerede?", "tap-1")
    road.message(sent["id"], lambda m: m["decision"])
    result = road.cli("tap", "decisions", "--until-now")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert sent["id"] in {json.loads(line)["message"] for line in result.stdout.splitlines()}


def test_a_command_waits_for_an_unknown_message_until_its_timeout(road: LocalProfile) -> None:
    result = road.cli("follow", UNKNOWN_MESSAGE, "--timeout", "0.5")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [f"error: no message {UNKNOWN_MESSAGE} came within 0.5 s"]
    assert road.cli("dead", "show", UNKNOWN_MESSAGE).returncode == 2
    assert road.cli("explain", UNKNOWN_MESSAGE).returncode == 2
