"""Words as search by words sees them: folded, stemmed, and counted.

The language is guessed from its commonest words, which text has plenty of; a question often has
none, so its words are stemmed in every likely language: a stem too many finds nothing and harms
nothing. Chinese, Japanese and Korean write without spaces: there, pairs of characters are terms.
"""
# ruff: noqa: RUF001 - Cyrillic words and typographic apostrophes are what this is about.

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import Final, cast

DEFAULT_LANGUAGE: Final = "english"
MAX_TERM_CHARS: Final = 40
# Enough of a text to tell its language, and little enough to cost nothing.
_SAMPLE_WORDS: Final = 300

STOP_WORDS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in {
        "english": "a about after all also an and any are as at be because been but by can could "
        "did do does for from had has have he her his how i if in into is it its may more most "
        "my no not of on only or other our over she should so some such than that the their them "
        "then there these they this those to under up was we were what when where which who why "
        "will with would you your",
        "german": "aber als am an auch auf aus bei bin bis das dass dem den der des die durch ein "
        "eine einem einen einer eines er es für hat ich ihr im in ist kann man mit nach nicht "
        "noch nur oder sein sich sie sind so über um und uns unter vom von vor war was welche "
        "wenn werden wer wie wir wird wo zu zum zur",
        "french": "à au aux avec ce ces cette dans de des du elle en est et être il ils je la le "
        "les leur leurs lui mais ne nous ont ou où par pas plus pour qu que quel quelle quels qui "
        "sa se ses son sont sur un une vous comment pourquoi",
        "spanish": "a al como con cómo cuál cuándo de del donde dónde el ella en es esta este "
        "está fue ha hay la las lo los más no o para pero por que qué quién se ser si sin sobre "
        "son su sus también un una y ya",
        "italian": "a al alla anche che chi come con cosa da dal dalla dei del della delle di "
        "dove è e gli ha i il in la le lo ma nel nella non o per perché più quale quando si sono "
        "su sua suo tra un una uno",
        "portuguese": "a ao aos as até com como da das de do dos e é em entre foi há isso mais "
        "mas na nas não no nos o os ou para pela pelo por qual quando que quem se são sem seu sua "
        "também um uma onde",
        "dutch": "aan al als bij dan dat de deze die dit door een en er had heb heeft het hij "
        "hoe ik in is je kan maar met naar niet nog of om ook op over te tot uit van voor waar "
        "was wat we wie wordt zijn zo",
        "swedish": "att av de den det du där efter ej eller en ett för från han har hur i inte "
        "jag kan med men mot när och om på så som till under ut vad var vid är över",
        "danish": "af at blev da de den der det du efter eller en er et for fra han har hun "
        "hvad hvem hvor i ikke jeg kan med men mod når og om på som så til ud under var ved vi",
        "russian": "а без более бы был были было быть в вам вас весь во вот все всё где да для "
        "до его ее если есть еще же за и из или им их к как какой когда кто ли мы на не нет но о "
        "об он она они от по под при с со так также там то того тоже только у уже что чтобы это я",
    }.items()
}
_ALL_STOP_WORDS: Final = frozenset[str]().union(*STOP_WORDS.values())

_CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f"
)
# A run of CJK, or a word, which may hold inner points, hyphens or apostrophes ("ms.teams.1.1v1").
_TOKEN: Final = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:[.\-'’_/][^\W_{_CJK}]+)*")
_PARTS: Final = re.compile(r"[.\-'’_/]")
_IS_CJK: Final = re.compile(rf"[{_CJK}]")


def terms_of(text: str) -> dict[str, int]:
    """Return the terms of a passage or a question, and how often each occurs.

    A text without common words, such as a short question, gives its stems in several languages.
    """
    words, runs = _tokens(text)
    counts: Counter[str] = Counter()
    for language in likely_languages(words):
        stem = stemmer(language)
        stop = STOP_WORDS[language]
        found = Counter(stem(word) for word in words if word not in stop)
        # A stem that two languages agree on still occurs as often as it did.
        for term, count in found.items():
            counts[term] = max(counts[term], count)
    counts.update(pair for run in runs for pair in _pairs(run))
    return dict(counts)


def words_with_terms(text: str) -> Iterator[tuple[tuple[int, int], set[str]]]:
    """Yield the span of each word of a text, with its terms; pairs of a run of CJK overlap."""
    tokens = [(match.span(), match.group()) for match in _TOKEN.finditer(text)]
    languages = likely_languages([token.lower() for _, token in tokens if not _IS_CJK.match(token)])
    for (start, end), token in tokens:
        if _IS_CJK.match(token):
            for at in range(max(1, len(token) - 1)):
                pair = token[at : at + 2]
                yield (start + at, start + at + len(pair)), {pair}
            continue
        words, _ = _tokens(token)
        yield (
            (start, end),
            {
                stemmer(language)(word)
                for language in languages
                for word in words
                if word not in STOP_WORDS[language]
            },
        )


def likely_languages(words: Iterable[str]) -> list[str]:
    """Return the languages whose common words occur, the likeliest one or a few in doubt.

    Args:
        words: Folded, in reading order.
    """
    sample = [word for _, word in zip(range(_SAMPLE_WORDS), words, strict=False)]
    common = [word for word in sample if word in _ALL_STOP_WORDS]
    if not common:
        return _by_script(sample)
    scores = {
        language: sum(word in stop for word in common) for language, stop in STOP_WORDS.items()
    }
    best = max(scores.values())
    # One word more or less does not decide; a page of text does.
    margin = max(1.0, best * 0.15) if len(common) < 12 else best * 0.05
    return [language for language, score in scores.items() if score >= max(1.0, best - margin)]


@cache
def stemmer(language: str) -> Callable[[str], str]:
    """Return the language's stemming function, which remembers words."""
    # Loads some thirty algorithms; the web process pays only once somebody searches.
    import snowballstemmer  # noqa: PLC0415 - as said above

    algorithm = snowballstemmer.stemmer(language)

    # A stem takes 40 µs to find and 0.1 to remember, and the same few words make up most texts.
    @lru_cache(maxsize=50_000)
    def stem(word: str) -> str:
        if any(character.isdigit() for character in word):
            return word[:MAX_TERM_CHARS]
        return cast(str, algorithm.stemWord(word[:MAX_TERM_CHARS]))

    return stem


def _by_script(words: list[str]) -> list[str]:
    if any("\u0400" <= word[0] <= "\u04ff" for word in words):
        return ["russian"]
    if len(words) > 12:
        return [DEFAULT_LANGUAGE]
    return [language for language in STOP_WORDS if language != "russian"]


def _tokens(text: str) -> tuple[list[str], list[str]]:
    """Return folded words, and runs of CJK characters."""
    words: list[str] = []
    runs: list[str] = []
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    for token in _TOKEN.findall(text.lower()):
        if _IS_CJK.match(token):
            runs.append(token)
            continue
        if token.isalnum():
            words.append(token)
            continue
        # "ms.teams.1.1" is found as a whole and by its parts; "company's" by "company".
        parts = [part for part in _PARTS.split(token) if len(part) > 1 or part.isdigit()]
        words.extend(parts)
        if len(parts) > 1:
            words.append(token.replace("’", "'")[:MAX_TERM_CHARS])
    return words, runs


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[start : start + 2] for start in range(len(run) - 1)]
