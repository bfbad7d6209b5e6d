"""From text to symbols: the whole way, with good and bad input."""

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicebank.errors import BadText
from voicebank.text import tables
from voicebank.text.frontend import Frontend, Graphemes, Unit, join, tokenize
from voicebank.text.homographs import homographs, rules
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Pause
from voicebank.text.pipeline import Sentence, prepare, readable
from voicebank.text.symbols import clean, encode

GRAPHEMES = Graphemes(dictionary=False)


def symbols(text: str, **options: object) -> list[str]:
    return [s.symbols for s in prepare(text, GRAPHEMES, **options) if isinstance(s, Sentence)]  # type: ignore[arg-type]


class Merging(Frontend):
    """Merges "of the", as espeak does."""

    name, language = "merging", "en"

    def units(self, sentence: str) -> list[Unit]:
        units = [Unit(token, token.lower()) for token in tokenize(sentence)]
        for i in range(len(units) - 1, 0, -1):
            if [u.graphemes for u in units[i - 1 : i + 1]] == ["of", "the"]:
                units[i - 1 : i + 1] = [Unit("of the", "ʌvðə")]
        return units


def test_letters_of_acronyms_are_named_where_no_phonemizer_does_it() -> None:
    said = {
        language: join(Graphemes(language, dictionary=False).units("NASA's GPU; MTV, BZ."))
        for language in ("en-us", "en-gb")
    }
    assert said["en-us"] == "NASA'S JEE PEE YOU; EM TEE VEE, BEE ZEE." and said["en-gb"].endswith("BEE ZED.")


def test_words_of_the_dictionary_are_phones_where_no_phonemizer_says_them() -> None:
    text = "The colonel’s Awry tomatoes; Zog and a record."
    said = {language: join(Graphemes(language).units(text)) for language in ("en-us", "en-gb", "en", "de")}
    assert said["en-us"] == "THE kˈɜːnəlz ɚɹˈaɪ təmˈeɪɾoʊz; ZOG AND A RECORD."  # homographs.tsv has the record
    assert said["en-gb"] == "THE kˈɜːnəlz ɐɹˈaɪ təmˈɑːtəʊz; ZOG AND A RECORD."
    assert said["en"] == said["en-us"] and said["de"] == "THE COLONEL'S AWRY TOMATOES; ZOG AND A RECORD."
    assert join(Graphemes("en", dictionary=False).units(text)) == said["de"]


def test_a_capital_within_a_word_begins_another() -> None:
    said = {
        word: Graphemes(dictionary=False).units(word)[0].symbols for word in ("GitHub", "McDonald", "iPhone", "USAir")
    }
    assert said == {"GitHub": "GIT HUB", "McDonald": "MCDONALD", "iPhone": "IPHONE", "USAir": "USAIR"}


@pytest.mark.parametrize(("table", "least"), [("dictionary.tsv", 40_000), ("names.tsv", 300)])
def test_every_line_of_the_dictionary_can_be_said(table: str, least: int) -> None:
    rows = list(tables.rows(table))
    assert len(rows) > least and [row[0] for row in rows] == sorted({row[0] for row in rows})
    said = [(word.replace("'", ""), "".join(phones).replace("-", "")) for word, *phones in rows]
    assert all(len(row) == 3 for row in rows)
    assert not [row for row in said if not row[0].isalpha() or clean(row[1])[1] or row[1].isupper()]


def test_names_are_said_with_and_without_a_phonemizer() -> None:
    said = {language: join(Graphemes(language).units("Putin played Chopin.")) for language in ("en-us", "en-gb")}
    assert said == {"en-us": "pˈuːtɪn PLAYED ʃˈoʊpæn.", "en-gb": "pˈuːtɪn PLAYED ʃˈɒpan."}


def test_sentences_pauses_and_ipa() -> None:
    text = "Dr. Smith owes $5. [pause:0.5] The [[ˈnʊɹəl]] network. <break time='1s'/>Bye"
    parts = list(prepare(text, GRAPHEMES))
    assert [part._replace(units=()) if isinstance(part, Sentence) else part for part in parts] == [
        Sentence("Dr. Smith owes $5.", "Doctor Smith owes five dollars.", "DOCTOR SMITH OWES FIVE DOLLARS.", ""),
        Pause(0.5),
        Sentence("The [[ˈnʊɹəl]] network.", "The [[ˈnʊɹəl]] network.", "THE ˈnʊɹəl NETWORK.", ""),
        Pause(1.0),
        Sentence("Bye", "Bye", "BYE.", ""),
    ]
    assert isinstance(parts[2], Sentence) and [unit.symbols for unit in parts[2].units] == [
        *("THE", "ˈnʊɹəl", "NETWORK", "."),
    ]


def test_dates_are_read_in_the_order_of_the_voice() -> None:
    for language, spoken in (("en-us", "MARCH FOURTH"), ("en-gb", "THE THIRD OF APRIL"), ("xx", "MARCH FOURTH")):
        (sentence,) = prepare("03/04/2024", Graphemes(language, dictionary=False))
        assert sentence.symbols == f"{spoken}, TWENTY TWENTY FOUR."  # type: ignore[union-attr]


def test_symbols_can_be_encoded() -> None:
    for sentence in symbols("Ünïcode “quotes” (and) 50% — more… [[ɡoʊ]] \ue000 \ue001!"):
        assert encode(sentence)


def test_lexicon_goes_before_the_frontend() -> None:
    lexicon = Lexicon({"Nguyen": "wɪn", "the": "ði"})
    assert symbols("Nguyen's cat, NGUYEN.", lexicon=lexicon) == ["wɪnz CAT, wɪn."]
    merged = list(prepare("All of the of the", Merging(), lexicon))
    assert merged[0].symbols == "all of ði of ði."  # type: ignore[union-attr]
    assert list(prepare("All of the", Merging()))[0].symbols == "all ʌvðə."  # type: ignore[union-attr]


@pytest.mark.parametrize("limit", [20, 60, 200])
def test_no_sentence_is_longer_than_the_limit(limit: int) -> None:
    text = f"He owes 1,234,567,890 pounds, and {'a' * 300} [[{'ɑ' * 250}]] " + "so on and on " * 40
    result = symbols(text, max_symbols=limit)
    assert max(map(len, result)) <= limit
    letters = "".join(result)
    assert letters.count("ɑ") == 250
    assert letters.count("A" * 5) >= 300 // limit
    assert all(s.endswith((",", ".", ";")) or s.strip("ɑ") == "" for s in result)


def test_chunks_are_read_as_if_joined() -> None:
    text = "Mr. Jones said: “Hello there.” [pause:1] He left at 5 p.m. and never came back. The end\n\nof it. " * 40
    whole = list(prepare(text, GRAPHEMES))
    assert list(prepare((text[i : i + 11] for i in range(0, len(text), 11)), GRAPHEMES)) == whole
    assert list(prepare(text.splitlines(keepends=True), GRAPHEMES)) == whole


def test_the_first_sentence_comes_before_the_text_has_ended() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "One more sentence of a very long book. "

    sentences = prepare(endless(), GRAPHEMES)
    assert [next(sentences).symbols for _ in range(3)] == ["ONE MORE SENTENCE OF A VERY LONG BOOK."] * 3  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t", "\x00\x07"])
def test_empty_text(text: str) -> None:
    with pytest.raises(BadText):
        list(prepare(text, GRAPHEMES))


@pytest.mark.parametrize(
    ("text", "named"), [("😀🎉", "😀🎉"), ("你好世界。", "你好世界"), ("привет!", "привет"), ("***", "")]
)
def test_nothing_to_speak(text: str, named: str) -> None:
    with pytest.raises(BadText, match=f"nothing in the text can be spoken.*{named}"):
        list(prepare(text, GRAPHEMES))


def test_many_unspeakable_characters_are_not_all_named() -> None:
    with pytest.raises(BadText) as error:
        list(prepare("".join(chr(0x4E00 + i) for i in range(5000)), GRAPHEMES))
    assert len(str(error.value)) < 150


def test_what_was_left_out_is_told() -> None:
    result = [s for s in prepare("日本。\n\nHello 😀 world. Bye.", GRAPHEMES) if isinstance(s, Sentence)]
    assert [s.dropped for s in result] == ["日本😀", ""]


def test_control_characters() -> None:
    assert symbols("Hel\x00lo\x1b wor\u202eld.\x7f") == ["HELLO WORLD."]


@pytest.mark.parametrize(
    "piece",
    [
        "The quick brown fox, aged 5, jumps over the lazy dog. ",
        "a",
        pytest.param("12", marks=pytest.mark.long),
        "word ",
        pytest.param("$1.5 & 3km @ 10:30pm on May 5. ", marks=pytest.mark.long),
        "'-",
    ],
    ids=["prose", "letters", "digits", "words", "numbers", "marks"],
)
def test_a_very_long_text_takes_seconds_and_little_memory(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    next(prepare("Load the grammars for 1 number.", GRAPHEMES))
    tracemalloc.start()
    start = time.process_time()
    count = 0
    try:
        for sentence in prepare(text, GRAPHEMES):
            count += 1
            assert isinstance(sentence, Sentence)
            assert len(sentence.symbols) <= 200
            if count == 300:  # memory does not grow; tracing all of it would take long
                assert tracemalloc.get_traced_memory()[1] < 5_000_000
                tracemalloc.stop()
    except BadText:
        assert piece == "'-"
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 30


def test_one_bad_mark_costs_nothing_but_itself() -> None:
    text = "Before. Now [pause the video] and see [[1]](#fn1) or a[[0, 1]]. After."
    assert symbols(text)[0] == "BEFORE."
    assert symbols(text)[-1] == "AFTER."
    assert "(PAUSE THE VIDEO) AND SEE ((ONE))" in symbols(text)[1]


def test_prosody_stays_with_its_sentences() -> None:
    text = 'One. <prosody rate="slow" volume="soft">Two. Three</prosody> four <prosody rate="fast">five</prosody>.'
    spoken = [(s.symbols, s.rate, s.volume) for s in prepare(text, GRAPHEMES) if isinstance(s, Sentence)]
    assert spoken == [
        ("ONE.", 1, 1),
        ("TWO.", 0.8, 0.5),
        ("THREE,", 0.8, 0.5),
        ("FOUR,", 1, 1),
        ("FIVE,", 1.25, 1),
    ]


def test_what_was_read_was_not_dropped() -> None:
    (sentence,) = prepare("¥500, ₹20, π, √2, ≤ and 5 µm", GRAPHEMES)
    assert sentence.dropped == ""  # type: ignore[union-attr]


def test_readable_is_read_the_same_again() -> None:
    text = "It cost $5. [pause:1] The [[ˈnʊɹəl]] net of 1984."
    lines = list(readable(prepare(text, GRAPHEMES)))
    assert lines == [
        "It cost five dollars.",
        "[pause:1]",
        "The [[ˈnʊɹəl]] net of nineteen eighty four.",
    ]
    assert list(readable(prepare("\n\n".join(lines), GRAPHEMES))) == lines


HOMOGRAPHS = [
    line.split("\t")
    for line in (Path(__file__).parent / "data" / "homographs.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def test_homographs_are_read_by_their_context() -> None:
    right = 0
    for word, sentence, phones in HOMOGRAPHS:
        (spoken,) = prepare(sentence, GRAPHEMES)
        first, second = homographs()[word.lower()].us
        said = second if second in spoken.symbols else first  # type: ignore[union-attr]
        right += said == phones
    assert len(HOMOGRAPHS) == 60
    assert right >= 58
    assert {entry.rule for entry in homographs().values()} == {*rules(), "verb-noun"} - {"verb"}


def test_homographs_are_british_in_a_british_voice_and_the_lexicon_goes_before_them() -> None:
    (spoken,) = prepare("Please record it.", Graphemes("en-gb"))
    assert spoken.symbols == "PLEASE ɹɪkˈɔːd IT."  # type: ignore[union-attr]
    assert symbols("Please record it.", lexicon=Lexicon({"record": "ɹɛk"})) == ["PLEASE ɹɛk IT."]
    assert symbols("We broke the record. They record it.") == ["WE BROKE THE RECORD.", "THEY ɹᵻkˈɔːɹd IT."]
