"""Marks inside a text, and the lexicon."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from voicebank.errors import BadData, VoicebankWarning
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Break, Ipa, Part, Pause, Prosody, Text, parse_markup


def parts(text: str) -> list[Part]:
    return list(parse_markup(text))


@pytest.mark.parametrize(
    ("mark", "seconds"),
    [
        ("[pause]", 0.5),
        ("[pause:0.5]", 0.5),
        ("[pause: 2s]", 2),
        ("[pause:250ms]", 0.25),
        ("[PAUSE:.5]", 0.5),
        ('<break time="500ms"/>', 0.5),
        ("<break time='1.5s' />", 1.5),
        ("<break time=250ms/>", 0.25),
        ('<break time="2s"></break>', 2),
        ('<break strength="weak"/>', 0.25),
        ("<break/>", 0.5),
    ],
)
def test_pauses(mark: str, seconds: float) -> None:
    assert parts(f"Hello {mark} world.") == [Text("Hello "), Pause(seconds), Text(" world.")]


@pytest.mark.parametrize("mark", ["[pause:61]", '<break time="90s"/>'])
def test_a_pause_is_a_minute_at_most(mark: str) -> None:
    with pytest.warns(VoicebankWarning, match="longer than a pause may be"):
        assert parts(mark) == [Pause(60)]


def test_a_break_without_a_time_is_a_pause_all_the_same() -> None:
    with pytest.warns(VoicebankWarning, match="no pause; write"):
        assert parts('<break time="soon"/>') == [Pause(0.5)]


def test_ipa() -> None:
    assert parts("The [[ˈnʊɹəl]] net") == [Text("The "), Ipa("ˈnʊɹəl"), Text(" net")]
    assert parts("[[/'go:t͡s/]]") == [Ipa("ˈɡoːts")]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[pause the video]",
            "[pause:x]",
            "[pause:-1]",
            "[[]]",
            "[[123]]",
            "[[1]](#fn1)",
            "a[[0, 1]]",
            "[[Main Page]]",
        ),
        *("If x<y and y>z then stop.", "List<String> names", "a < b", "i <3 u", "<open", "[[never closed", "<", "["),
        *("<!-- never closed", "if a<b and c>d"),
    ],
)
def test_what_is_no_valid_mark_is_text(text: str) -> None:
    assert "".join(part.text for part in parts(text) if isinstance(part, Text)) == text


def test_tags_of_blocks_are_breaks_and_others_are_left_out() -> None:
    assert parts("<p>One</p><div class='x'>Two<br>three</div>") == [
        *(Break(), Text("One"), Break(), Break(), Text("Two"), Break(), Text("three"), Break()),
    ]
    assert parts('a <b>bold</b> <a href="x?a=1&b=2">link</a>') == [
        *(Text("a "), Text("bold"), Text(" "), Text("link")),
    ]
    head = '<?xml version="1.0"?><!DOCTYPE html><!-- not > read --><style>p { a: b }</style>'
    assert parts(f"{head}Hello<![CDATA[ a<b ]]>") == [Text("Hello"), Text(" a<b ")]
    assert parts("") == []


@pytest.mark.parametrize(
    ("ssml", "expected"),
    [
        ('<sub alias="World Wide Web">WWW</sub>', [Text("World Wide Web")]),
        ("H<sub>2</sub>O", [Text("H"), Text("2"), Text("O")]),
        ('<phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme>', [Ipa("təˈmeɪtoʊ")]),
        ('<say-as interpret-as="characters">ab1</say-as>', [Text("A B one")]),
        ('<say-as interpret-as="digits">407</say-as>', [Text("four oh seven")]),
        ('<say-as interpret-as="telephone">+44 20</say-as>', [Text("plus four four, two oh")]),
        ('<say-as interpret-as="date" format="dmy">3/4/2024</say-as>', [Text("2024-04-03")]),
        ('<say-as interpret-as="date" format="mdy">3/4/2024</say-as>', [Text("2024-03-04")]),
        ('<say-as interpret-as="date" format="yyyymmdd">20240304</say-as>', [Text("2024-03-04")]),
        ('<say-as interpret-as="date" format="md">3/4</say-as>', [Text("March 4")]),
        ('<say-as interpret-as="ordinal">21</say-as>', [Text("21st")]),
        ('<say-as interpret-as="cardinal">1984</say-as>', [Text("1,984")]),
        ('<say-as interpret-as="other">x</say-as>', [Text("x")]),
    ],
)
def test_ssml_elements(ssml: str, expected: list[Part]) -> None:
    assert parts(ssml) == expected


@pytest.mark.parametrize(
    ("attributes", "rate", "volume"),
    [
        ('rate="slow"', 0.8, 1),
        ('rate="150%"', 1.5, 1),
        ('rate="+20%"', 1.2, 1),
        ('rate="0.9"', 0.9, 1),
        ('rate="900%"', 2, 1),
        ('volume="soft"', 1, 0.5),
        ('volume="+6dB"', 1, 10**0.3),
        ('volume="-6dB" rate="fast"', 1.25, 10**-0.3),
        ('volume="50"', 1, 0.5),
    ],
)
def test_prosody(attributes: str, rate: float, volume: float) -> None:
    first, text, last = parts(f"<prosody {attributes}>so</prosody>")
    assert first == Prosody(pytest.approx(rate), pytest.approx(volume))  # type: ignore[arg-type]
    assert (text, last) == (Text("so"), Prosody())


def test_nested_prosody_multiplies() -> None:
    nested = parts('<prosody rate="80%"><prosody rate="125%" volume="soft">a</prosody>b</prosody>')
    assert nested == [Prosody(0.8), Prosody(1.0, 0.5), Text("a"), Prosody(0.8), Text("b"), Prosody()]


@pytest.mark.parametrize(
    ("ssml", "text", "warning"),
    [
        ('<emphasis level="strong">you</emphasis>', "you", "<emphasis> is not supported"),
        ("<speak><voice>you</voice></speak>", "you", "<voice> is not supported"),
        ('<amazon:effect name="whispered">you</amazon:effect>', "you", "<amazon:effect> is not supported"),
        ('<phoneme alphabet="x-sampa" ph="ju:">you</phoneme>', "you", "<phoneme> without IPA"),
        ('<prosody pitch="high">you</prosody>', "you", "<prosody pitch> is not supported"),
        ('<prosody rate="swift">you</prosody>', "you", "rate='swift'> is not understood"),
    ],
)
def test_what_is_not_known_is_read_as_its_text_with_a_warning(ssml: str, text: str, warning: str) -> None:
    with pytest.warns(VoicebankWarning, match=warning) as record:
        assert [part.text for part in parts(ssml) if isinstance(part, Text)] == [text]
    assert len(record) == 1


@pytest.mark.parametrize("size", [1, 3, 11])
def test_marks_may_come_in_pieces(size: int) -> None:
    text = (
        'a <sub alias="b">c</sub> [pause:1] [[ˈnʊɹəl]] x<y <!-- no > --> [[1]] <script>if (a<b) x();</script> '
        '<p class="d">e</p> <break time="1s"></break> <![CDATA[<f>]]> <phoneme ph="a">g</phoneme> <open'
    )

    def joined(chunks: Iterable[str]) -> list[Part]:
        found: list[Part] = []
        for part in parse_markup(chunks):
            if isinstance(part, Text) and found and isinstance(found[-1], Text):
                part = Text(found.pop().text + part.text)  # type: ignore[union-attr]
            found.append(part)
        return found

    assert joined(text[i : i + size] for i in range(0, len(text), size)) == joined([text])


def test_lexicon_file(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(
        "# names\nNguyen\twɪn\nquinoa   ˈkiːnwɑː  # a grain\n\ncafé kaˈfeɪ\nJones dʒoʊnz\nIBM aɪ biː ɛm\n",
        encoding="utf-8",
    )
    lexicon = Lexicon.read(path)
    assert len(lexicon) == 5
    assert lexicon.get("NGUYEN") == "wɪn"
    assert lexicon.get("Nguyen’s") == "wɪnz"
    assert lexicon.get("Jones's") == "dʒoʊnzɪz"
    assert lexicon.get("cafe") == "kaˈfeɪ"
    assert lexicon.get("IBM") == "aɪ biː ɛm"
    assert lexicon.get("other") is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("word", "line 2: 'word' has no IPA"),
        ("well-known wɛl", "line 2: 'well-known' is not one word"),
        ("4x4 fɔː", "line 2: '4x4' is not one word"),
        ("New York nuː", "line 2: 'New York nuː' has two words"),
        ("ice cream aɪs", "line 2: 'ice cream aɪs' has two words"),
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
