"""The texts of the pages and the commands in one language, with its way to write numbers.

Templates look a sentence up by its key, and an unknown key is an error. vocabulary.py has the names
of the values in records.
"""

import re
from collections.abc import Mapping

from schemas.routing.departments import Department
from workers.console import vocabulary
from workers.console.backtest_sentences import BACKTEST_SENTENCES
from workers.console.sentences import SENTENCES

LANGUAGES = ("tr", "en")
_DATE = re.compile(r"(?:-|(\d{4}))-(\d\d)-(\d\d)")

Sentences = Mapping[str, tuple[str, str]]
"""Sentences by their key, each in Turkish and in English."""

PAGE_SENTENCES: Sentences = {**SENTENCES, **BACKTEST_SENTENCES}

_ALMOST_NONE = 0.05
"""Fewer usual customers than this are written as almost none."""


class Texts:
    """The texts of one language: `t.flow`, or `t["flow"]` for a key that is a record's value."""

    def __init__(self, language: str, sentences: Sentences = PAGE_SENTENCES) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._column = LANGUAGES.index(self.language)
        self._sentences = sentences

    def __getattr__(self, key: str) -> str:
        try:
            return self._sentences[key][self._column]
        except KeyError:
            raise AttributeError(key) from None

    def __getitem__(self, key: str) -> str:
        """Return the text, or the key itself if the record has a value of its own."""
        return self._sentences[key][self._column] if key in self._sentences else key

    def percent(self, share: float, digits: int = 0) -> str:
        """Return a share from 0 to 1 as a percentage, `%35` in Turkish."""
        number = self.number(100 * share, digits)
        return f"%{number}" if self.language == "tr" else f"{number}%"

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with `digits` digits after the decimal comma or point."""
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.language == "tr" else text

    def signed(self, value: float) -> str:
        """Return a number with its sign and one digit after the decimal comma or point."""
        return ("+" if value >= 0 else "") + self.number(value, 1)

    def channel_name(self, channel: str) -> str:
        """Return the name of a channel in the page's language."""
        return self._name(vocabulary.CHANNELS, channel)

    def intent_name(self, intent: str) -> str:
        """Return the name of an intent in the page's language."""
        return self._name(vocabulary.INTENTS, intent)

    def language_name(self, code: str) -> str:
        """Return the name of a message's language in the page's language."""
        return self._name(vocabulary.LANGUAGES, code)

    def entity_name(self, kind: str) -> str:
        """Return the name of a kind of entities in the page's language."""
        return self._name(vocabulary.ENTITIES, kind)

    def entity_value(self, kind: str, value: str) -> str:
        """Return an entity's value; a date, `2026-11-12` or `--11-12`, as people write it."""
        date = _DATE.fullmatch(value) if kind == "date" else None
        if date is None:
            return value
        year, month, day = date.groups()
        return ".".join(number for number in (day, month, year) if number)

    def flag_name(self, flag: str) -> str:
        """Return the name of a decision's flag in the page's language."""
        return self._name(vocabulary.FLAGS, flag)

    def stage_name(self, stage: str) -> str:
        """Return the name of a stage in the page's language."""
        return self._name(vocabulary.STAGES, stage)

    def topic_name(self, topic: str) -> str:
        """Return the name of a topic, or the word itself."""
        return self._name(vocabulary.TOPICS, topic)

    def incident_title(self, title: str) -> str:
        """Return an incident's title, a list of words and topics, with the topics' names."""
        return " · ".join(self.topic_name(word) for word in title.split(" · "))

    def usual_count(self, count: float) -> str:
        """Return a usual number of customers in words."""
        if count < _ALMOST_NONE:
            return self.usually_none
        return self.usually_some.format(count=self.number(count, 1))

    def _name(self, names: vocabulary.Vocabulary, value: str) -> str:
        return names[value][self._column] if value in names else value


def department_titles(departments: Mapping[str, Department], language: str) -> dict[str, str]:
    """Return the title of each department in Turkish or else in English."""
    return {
        name: department.title_tr if language == "tr" else department.title_en
        for name, department in departments.items()
    }
