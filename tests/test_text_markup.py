"""Pauses and raw IPA inside a text, and the lexicon."""

from pathlib import Path

import pytest

from voicebank.errors import BadData, BadText
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Ipa, Pause, Text, parse_markup


@pytest.mark.parametrize(
    ("mark", "seconds"),
    [
        ("[pause:0.5]", 0.5),
        ("[pause: 2s]", 2),
        ("[pause:250ms]", 0.25),
        ("[PAUSE:.5]", 0.5),
        ('<break time="500ms"/>', 0.5),
        ("<break time='1.5s' />", 1.5),
        ('<break time="2s"></break>', 2),
        ("<break/>", 0.5),
    ],
)
def test_pauses(mark: str, seconds: float) -> None:
    assert parse_markup(f"Hello {mark} world.") == [Text("Hello "), Pause(seconds), Text(" world.")]


def test_ipa() -> None:
    assert parse_markup("The [[ˈnʊɹəl]] net") == [Text("The "), Ipa("ˈnʊɹəl"), Text(" net")]
    assert parse_markup("[[/'go:t͡s/]]") == [Ipa("ˈɡoːts")]


def test_other_tags_are_left_out_and_comparisons_stay() -> None:
    assert parse_markup("<speak>a < b</speak>") == [Text("a < b")]
    assert parse_markup("") == []


@pytest.mark.parametrize("bad", ["[pause:x]", "[pause:-1]", "[pause:61]", '<break time="soon"/>', "[[]]", "[[123]]"])
def test_bad_marks_say_what_to_write(bad: str) -> None:
    with pytest.raises(BadText, match=r"write|longer"):
        parse_markup(f"Hello {bad} world")


def test_lexicon_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(
        "# names\nNguyen\twɪn\nquinoa   ˈkiːnwɑː  # a grain\n\ncafé kaˈfeɪ\nJones dʒoʊnz\n", encoding="utf-8"
    )
    lexicon = Lexicon.read(path)
    assert len(lexicon) == 4
    assert lexicon.get("NGUYEN") == "wɪn"
    assert lexicon.get("Nguyen’s") == "wɪnz"
    assert lexicon.get("Jones's") == "dʒoʊnzɪz"
    assert lexicon.get("cafe") == "kaˈfeɪ"
    assert lexicon.get("other") is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("word", "line 2: 'word' has no IPA"),
        ("well-known wɛl", "line 2: 'well-known' is not one word"),
        ("4x4 fɔː", "line 2: '4x4' is not one word"),
        ("word wɜː7d", "line 2: the IPA of 'word' holds '7'"),
    ],
)
def test_bad_lexicon_lines(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(f"fine faɪn\n{line}\n", encoding="utf-8")
    with pytest.raises(BadData, match=message):
        Lexicon.read(path)


def test_lexicon_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="cannot read lexicon"):
        Lexicon.read(tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(BadData, match="cannot read lexicon"):
        Lexicon.read(tmp_path / "binary")
