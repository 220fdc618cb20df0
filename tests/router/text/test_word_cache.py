"""The cache of results by word stays bounded."""

from router.text.word_cache import WordCache


def test_the_cache_of_words_stays_bounded() -> None:
    computed: list[str] = []

    def length(word: str) -> int:
        computed.append(word)
        return len(word)

    cache = WordCache(length, 3)
    assert [cache[word] for word in ("bir", "iki", "bir", "dört")] == [3, 3, 3, 4]
    assert computed == ["bir", "iki", "dört"]
    assert cache["beş"] == 3
    assert len(cache) == 1, "a full cache starts empty again"
    assert cache["x" * 41] == 41
    assert len(cache) == 1, "it does not keep a word of 41 characters"
