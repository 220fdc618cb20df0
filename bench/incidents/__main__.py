"""`python -m bench.incidents` simulates months of traffic and scores the incidents of the watch.

    python -m bench.incidents --days 90 --a-day 1500 --seed 1

The default rules decide the messages, and the code of the watch reads them minute by minute. With
`--killed` the watch restarts every six hours, in the middle of any open incident, from the records
that it has published. `--everyday FILE` takes the texts of ordinary days from JSON lines with
`text`.
"""

import argparse
import json
import time
from pathlib import Path

from bench.incidents import texts
from bench.incidents.scores import list_mistakes, match_causes, score
from bench.incidents.traffic import simulate
from bench.incidents.watching import observe_all, run_watch
from router.incidents.tracker import TrackerOptions
from router.policy_settings import build_policy
from runtime.settings.structs import Settings


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.incidents", description=__doc__)
    parser.add_argument("--days", type=int, default=90, help="simulated days (default %(default)s)")
    parser.add_argument("--a-day", type=int, default=1500, help="messages on an ordinary day")
    parser.add_argument("--seed", type=int, default=1, help="seed of the traffic")
    parser.add_argument("--killed", action="store_true", help="kill the watch every six hours")
    parser.add_argument("--everyday", type=Path, help="JSON lines with `text`")
    parser.add_argument(
        "--score",
        type=float,
        default=TrackerOptions().min_score,
        help="the least score that opens an incident (default %(default)s, as in the watch)",
    )
    parser.add_argument(
        "--customers",
        type=int,
        default=TrackerOptions().min_customers,
        help="the least number of customers in an incident (default %(default)s, as in the watch)",
    )
    return parser.parse_args()


def _everyday_texts(path: Path | None) -> list[str]:
    if path is None:
        return list(texts.EVERYDAY)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"].replace("{", "").replace("}", "") for line in lines]


def _print(values: dict[str, object]) -> None:
    print(json.dumps(values, ensure_ascii=False), flush=True)


def main() -> None:
    """Print the mistakes and the figures of one simulation."""
    arguments = _parse_arguments()
    everyday = _everyday_texts(arguments.everyday)
    began = time.perf_counter()
    traffic = simulate(arguments.days, arguments.a_day, arguments.seed, everyday)
    observed = observe_all(traffic.messages, build_policy(Settings()))
    decided = time.perf_counter()
    options = TrackerOptions(min_customers=arguments.customers, min_score=arguments.score)
    run = run_watch(observed, options, arguments.killed)
    watch_s = time.perf_counter() - decided
    matches = match_causes(run.records, observed)
    for mistake in list_mistakes(matches, traffic.causes):
        _print(mistake)
    _print(
        {
            "days": arguments.days,
            "messages": len(traffic.messages),
            "causes": len(traffic.causes),
            "kills": run.kills,
            **score(matches, observed, traffic.causes, arguments.days),
            "us_a_message": round(watch_s / len(observed) * 1e6, 1),
            "decided_s": round(decided - began, 1),
        }
    )


if __name__ == "__main__":
    main()
