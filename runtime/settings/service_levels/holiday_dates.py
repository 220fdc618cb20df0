"""Public holidays and half holidays of countries as explicit dates, from the library `holidays`.

Only this module imports the library. A later release of it changes dates to come, but never a due
time that was computed with the dates of today.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import holidays

YEARS_BACK = 2
"""Clocks of older messages than that are finished."""
YEARS_AHEAD = 3
"""Further ahead, no country has set its religious holidays."""

_LANGUAGES = ("tr", "en_US")
_ESTIMATE = re.compile(r"\((tahmini|estimated)\)")
"""The words by which the library marks a date that it only computes."""


@dataclass(frozen=True)
class HolidayDates:
    """The names of whole and of half holidays, by their dates."""

    closed: Mapping[date, str]
    half: Mapping[date, str]

    def estimates(self) -> dict[date, str]:
        """Return the holidays whose dates are computed, in their order."""
        names = {**self.half, **self.closed}
        return {day: names[day] for day in sorted(names) if _ESTIMATE.search(names[day])}


def expanded_years(today: date) -> range:
    """Return the years for which a calendar has the dates of its holidays."""
    return range(today.year - YEARS_BACK, today.year + YEARS_AHEAD + 1)


def holiday_dates(codes: Iterable[str], years: Iterable[int]) -> HolidayDates:
    """Return the holidays of all countries of the codes, which `code_problem` has checked."""
    closed: dict[date, str] = {}
    half: dict[date, str] = {}
    for code in codes:
        closed |= _dates(code, "public", years)
        half |= _dates(code, "half_day", years)
    return HolidayDates(closed, {day: name for day, name in half.items() if day not in closed})


def code_problem(code: str) -> str | None:
    """Return why a code is wrong, with the nearest right ones; None for a right one."""
    countries = holidays.list_supported_countries()
    country, _, division = code.partition("-")
    if country not in countries:
        return f"there are no holidays of a country {code!r}. Write an ISO code such as 'TR'"
    if division and division not in countries[country]:
        near = difflib.get_close_matches(division, countries[country], n=3, cutoff=0)
        codes = ", ".join(f"'{country}-{name}'" for name in near) or f"only {country!r}"
        return f"{country!r} has no part {division!r} with holidays of its own. Write {codes}"
    return None


def _dates(code: str, category: str, years: Iterable[int]) -> dict[date, str]:
    """Return the dates of one category; a country without that category has none."""
    country, _, division = code.partition("-")
    current = holidays.country_holidays(country)
    if category not in current.supported_categories:
        return {}
    language = next((name for name in _LANGUAGES if name in current.supported_languages), None)
    dates = holidays.country_holidays(
        country,
        subdiv=division or None,
        years=years,
        expand=False,
        language=language,
        categories=(category,),
    )
    return dict(dates.items())
