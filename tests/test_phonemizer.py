"""The phonemizer plugin: what espeak says, matched to the words it says it for."""

import time

import pytest

from voicebank.errors import PluginError
from voicebank.text.frontend import Unit, join
from voicebank.text.symbols import known

voicebank_phonemizer = pytest.importorskip("voicebank_phonemizer", reason="the phonemizer plugin is not installed")

US = voicebank_phonemizer.Phonemizer("en-us")
GB = voicebank_phonemizer.Phonemizer("en-gb")

SENTENCES = [
    "Out of the blue, in the garden, I am what has been said to be.",
    'According to McWatters, the "Internet" (not the bus) was a tool of the day...',
    "A well-known e-mail from the in-the-moment T-shirt.",
    "The colonel of the YouTube channel at a GPU in Worcestershire had to be for a while at once.",
    "'Tis the dogs' house; don't go!",
]


@pytest.mark.parametrize(
    ("word", "us", "gb"),
    [
        ("colonel", "kˈɜːnəl", "kˈɜːnəl"),
        ("quinoa", "kwɪnˈoʊə", "kwɪnˈəʊə"),
        ("GPU", "dʒˌiːpˌiːjˈuː", "dʒˌiːpˌiːjˈuː"),
        ("YouTube", "juːtˈuːb", "juːtjˈuːb"),
        ("car", "kˈɑːɹ", "kˈɑː"),
    ],
)
def test_words(word: str, us: str, gb: str) -> None:
    assert US.units(word) == [Unit(word, us)]
    assert GB.units(word) == [Unit(word, gb)]


@pytest.mark.parametrize(
    ("word", "us", "gb"),
    [
        ("coup", "kˈuː", "kˈuː"),
        ("Dopamine", "dˈoʊpɐmˌiːn", "dˈəʊpɐmiːn"),
        ("qwerty", "kwˈɜːɾi", "kwˈɜːti"),
        ("coup's", "kˈuːz", "kˈuːz"),
        ("Putin", "pˈuːtɪn", "pˈuːtɪn"),
        ("FIFO", "fˈiːfoʊ", "fˈiːfəʊ"),  # acronyms are espeak's: "ABO" is no "abo"
    ],
)
def test_what_espeak_reads_wrongly_is_corrected(word: str, us: str, gb: str) -> None:
    assert US.units(word) == [Unit(word, us)]
    assert GB.units(word) == [Unit(word, gb)]
    assert join(US.units(f"The {word}-like one.")) == f"ðə {us}-lˈaɪk wˌʌn."


def test_espeak_may_be_left_as_it_is() -> None:
    espeak = voicebank_phonemizer.Phonemizer("en-us", corrections=False)
    assert join(espeak.units("The coup.")) == "ðə kˈuːp."


def test_corrections_are_words_of_letters_in_phones_of_the_table() -> None:
    for language in voicebank_phonemizer.LANGUAGES:
        corrections = voicebank_phonemizer._corrections(language)
        assert len(corrections) > 2000
        assert all(word.replace("'", "").isalpha() and word.islower() for word in corrections)
        assert all(known(c) and not c.isupper() for phones in corrections.values() for c in phones)


def test_merged_words_are_one_unit() -> None:
    assert US.units("Out of the blue.") == [
        Unit("Out of", "ˌaʊɾəv"),
        Unit("the", "ðə"),
        Unit("blue", "blˈuː"),
        Unit(".", "."),
    ]


def test_a_merge_and_a_split_do_not_cancel_out() -> None:
    units = {u.graphemes: u.symbols for u in US.units("the end of the YouTube day")}
    assert units["of the"] == "ʌvðə"
    assert units["YouTube"] == "juːtˈuːb"
    assert units["day"] == "dˈeɪ"


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("frontend", [US, GB], ids=["us", "gb"])
def test_every_word_is_covered_and_every_symbol_known(frontend: voicebank_phonemizer.Phonemizer, sentence: str) -> None:
    units = frontend.units(sentence)
    letters = [c for c in sentence if c.isalnum()]
    assert [c for u in units for c in u.graphemes if c.isalnum()] == letters
    assert all(u.symbols for u in units if u.is_word)
    assert all(known(c) for u in units for c in u.symbols)


def test_punctuation_keeps_its_place() -> None:
    assert join(US.units("A well-known day, isn't it?")) == "ɐ wˈɛl-nˈoʊn dˈeɪ, ˈɪzənt ɪt?"


@pytest.mark.parametrize(
    ("sentence", "phones"),
    [
        ("five A M", "fˈaɪv ˈeɪ ˈɛm"),
        ("A I", "ˈeɪ ˈaɪ"),
        ("Plan A", "plˈæn ˈeɪ"),
        ("A-level", "ˈeɪ-lˈɛvəl"),
        ("A U-turn", "ɐ jˈuː-tˈɜːn"),
        ("A cat", "ɐ kˈæt"),
        ("IS A CAT", "ɪz ɐ kˈæt"),
    ],
)
def test_the_letter_a_is_no_article(sentence: str, phones: str) -> None:
    assert join(US.units(sentence)) == phones


def test_words_of_other_languages_leave_no_flags() -> None:
    assert join(US.units("café 1984 привет 😀 déjà vu")).isprintable()
    assert all(known(c) for u in US.units("café 1984 привет 😀") for c in u.symbols)


def test_unknown_language() -> None:
    with pytest.raises(PluginError, match="en-us, en-gb"):
        voicebank_phonemizer.Phonemizer("tlh")


def test_is_fast_enough_for_a_corpus() -> None:
    US.units(SENTENCES[0])
    start = time.process_time()
    for i in range(100):
        US.units(f"{SENTENCES[i % len(SENTENCES)]} And word{'abcdefghij'[i % 10]} too.")
    assert time.process_time() - start < 2
