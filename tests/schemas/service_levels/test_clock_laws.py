"""The laws of clocks, which every sequence of events keeps."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.service_levels.clock import elapsed
from schemas.service_levels.levels import ServiceLevel, WarnTime
from tests.support.clock_world import HOUR, Case, version

LEVELS = (
    ServiceLevel(
        name="technical",
        departments=("technical",),
        calendar="always",
        first_response_s=2 * HOUR,
        resolution_s=20 * HOUR,
        warn=(WarnTime(percent=80),),
    ),
    ServiceLevel(
        name="rest",
        calendar="office",
        first_response_s=4 * HOUR,
        next_response_s=HOUR,
        resolution_s=12 * HOUR,
        pickup_s=1800,
        reopen_within_s=86_400,
        warn=(WarnTime(percent=50), WarnTime(left_s=600)),
    ),
)
CALENDARS = {work.name: work for work in version(*LEVELS).calendars}

_ACTIONS = (
    *("say", "say", "answer", "wait", "wait until", "wake", "move", "move back", "claim"),
    *("release", "resolve", "reopen", "bounce"),
)
_STORIES = st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(_ACTIONS)), max_size=14)


def _play(story: list[tuple[int, str]]) -> Case:
    """Let the actions of a story happen, each so many minutes after Monday's midnight."""
    case = Case(*LEVELS)
    messages: list[str] = []
    answers: list[str] = []
    for minutes, action in sorted(story):
        time = f"{minutes // 1440} {minutes % 1440 // 60:02}:{minutes % 60:02}"
        time = time.removeprefix("0 ")
        if action == "say":
            messages.append(f"m{len(messages)}")
            case.say(time, messages[-1])
        elif action == "answer":
            answers.append(f"r{len(answers)}")
            case.answer(time, *messages[-1:], reply=answers[-1])
        elif action.startswith("wait"):
            case.wait(time, "customer", until="4 12:00" if action == "wait until" else None)
        elif action.startswith("move"):
            case.move(time, "billing" if action == "move back" else "technical")
        elif action == "resolve":
            case.happen("resolved", time, *messages)
        elif action == "bounce":
            case.happen("undeliverable", time, reply=answers[-1] if answers else None)
        else:
            kinds = {"wake": "woken", "claim": "claimed", "release": "released"}
            case.happen(kinds.get(action, "reopened"), time)
    return case.until("9 18:00")


@given(_STORIES)
def test_steps_have_ids_of_their_own_and_are_in_order(story: list[tuple[int, str]]) -> None:
    events = _play(story).events
    assert len({event.id for event in events}) == len(events)
    times = [event.at for event in events]
    assert times == sorted(times)


@given(_STORIES)
def test_a_clock_starts_once_and_is_over_at_most_once(story: list[tuple[int, str]]) -> None:
    events = _play(story).events
    for clock in {event.clock for event in events}:
        steps = [event.what for event in events if event.clock == clock]
        assert steps[0] == "started"
        assert steps.count("started") == 1
        assert steps.count("breached") <= 1


@given(_STORIES)
def test_a_breach_comes_when_the_promised_time_has_passed(story: list[tuple[int, str]]) -> None:
    for event in _play(story).events:
        if event.what == "breached":
            assert event.left_s is not None
            assert event.left_s <= 0
        if event.what == "warned":
            assert event.left_s is not None
            assert event.left_s > 0


@given(_STORIES)
def test_elapsed_time_never_shrinks(story: list[tuple[int, str]]) -> None:
    events = _play(story).events
    for clock in {event.clock for event in events}:
        times = [event.elapsed_s for event in events if event.clock == clock]
        assert times == sorted(times)


@given(_STORIES)
def test_the_same_story_has_the_same_steps(story: list[tuple[int, str]]) -> None:
    assert _play(story).events == _play(story).events


@given(_STORIES)
def test_segments_of_a_clock_follow_one_another(story: list[tuple[int, str]]) -> None:
    for clock in _play(story).clocks.clocks:
        ends = [segment.end for segment in clock.segments[:-1]]
        starts = [segment.start for segment in clock.segments[1:]]
        assert all(
            end is not None and end <= start for end, start in zip(ends, starts, strict=True)
        )
        assert elapsed(clock, CALENDARS, clock.started_at) == timedelta(0)
