"""Captions of every kind as words with times, and words written against words heard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from voicebank.data.captions import read_captions
from voicebank.data.cutting import cut
from voicebank.data.matching import align, alike, compare, disfluencies, keys
from voicebank.data.measure import Silence
from voicebank.errors import BadData
from voicebank.plugins import Word

VTT = """WEBVTT
Kind: captions

NOTE made by hand

intro
00:01.000 --> 00:03.000 align:start
<i>Hello</i> there,
&gt;&gt; my friend. [Music]

NOTE a remark

2
00:03.500 --> 00:05.000
JOHN: ♪ la la ♪ It's $5.
"""
ROLLING = """WEBVTT

00:00:00.160 --> 00:00:02.389 align:start position:0%
SPACE
hello<00:00:00.480><c> there</c><00:00:01.000><c> my</c>

00:00:02.389 --> 00:00:02.399 align:start position:0%
hello there my
SPACE

00:00:02.399 --> 00:00:04.000 align:start position:0%
hello there my
friend<00:00:02.900><c> how</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
friend how
SPACE

00:00:04.010 --> 00:00:06.000 align:start position:0%
friend how
goodbye
""".replace("SPACE", " ")
SRT = "1\n00:00:01,000 --> 00:00:03,000\nHello there,\nmy friend.\n\n2\n00:00:03,500 --> 00:00:05,000\n(laughs)\n"
# What yt-dlp makes of automatic captions: each line twice, and cues of a hundredth of a second.
ROLLING_SRT = """1
00:00:00,160 --> 00:00:02,389
hello there my

2
00:00:02,389 --> 00:00:02,399
hello there my

3
00:00:02,399 --> 00:00:04,000
hello there my
friend how

4
00:00:04,000 --> 00:00:04,010
friend how

5
00:00:04,010 --> 00:00:06,000
friend how
goodbye
"""
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\i1}Hello{\\i0} there,\\Nmy friend.\n"
    "Comment: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,nobody says this\n"
)
JSON3 = json.dumps(
    {
        "events": [
            {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
            {
                "tStartMs": 160,
                "dDurationMs": 2000,
                "segs": [{"utf8": "hello"}, {"utf8": " there", "tOffsetMs": 320}, {"utf8": " my", "tOffsetMs": 840}],
            },
            {"tStartMs": 2000, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {"tStartMs": 2399, "dDurationMs": 1500, "segs": [{"utf8": "friend"}]},
        ]
    }
)


def words(folder: Path, name: str, text: str | bytes) -> list[Word]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_captions(path)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.vtt", VTT, "Hello there, my friend. It's $5."),
        ("a.vtt", ROLLING, "hello there my friend how goodbye"),
        ("a.srt", ROLLING_SRT, "hello there my friend how goodbye"),
        ("a.srt", SRT, "Hello there, my friend."),
        ("a.srt", SRT.encode("utf-16"), "Hello there, my friend."),
        ("a.srt", SRT.replace("my", "Zoë,").encode("cp1252"), "Hello there, Zoë, friend."),
        ("a.ass", ASS, "Hello there, my friend."),
        ("a.en.json3", JSON3, "hello there my friend"),
    ],
)
def test_captions_of_every_kind(tmp_path: Path, name: str, text: str | bytes, expected: str) -> None:
    found = words(tmp_path, name, text)
    assert " ".join(word.text for word in found) == expected
    starts = [word.start for word in found]
    assert starts == sorted(starts)
    assert all(word.start <= word.end for word in found)


def test_words_keep_the_times_that_captions_give_them(tmp_path: Path) -> None:
    for name, text in (("a.vtt", ROLLING), ("a.json3", JSON3)):
        times = [word.start for word in words(tmp_path, name, text)[:4]]
        assert times == pytest.approx([0.16, 0.48, 1.0, 2.399])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "Hello there.", "have no times"),
        ("a.vtt", "WEBVTT\n\nHello there.\n", "have no times"),
        ("a.srt", "Hello there.\n", "have no times"),
        ("a.vtt", "", "empty"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:03,000\n[Music]\n", "no words"),
        ("a.json3", "{", "not a json3"),
        ("a.json3", "[]", "not a json3"),
        ("a.docx", "PK", "unknown kind"),
    ],
)
def test_captions_that_are_none(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(BadData, match=message) as caught:
        words(tmp_path, name, text)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadData, match="no such file"):
        read_captions(tmp_path / "none.vtt")


def test_written_words_become_spoken_ones() -> None:
    assert keys("$5,") == ("five", "dollars")
    assert keys("Don't!") == ("dont",)
    assert alike("colour", "color") > 0.6 > alike("cat", "house")


def test_alignment_within_reach_and_without_times() -> None:
    written, heard = ["the", "cat", "sat", "on", "the", "mat"], ["a", "cat", "sat", "the", "mat", "today"]
    assert align(written, heard)[:3] == [0, 1, 2]
    assert align(written, heard)[-1] == 4
    far = [100.0 + i for i in range(6)]
    assert align(written, heard, list(range(6)), far, 5.0) == [-1] * 6


@pytest.mark.parametrize(
    ("text", "heard", "errors"),
    [
        ("It costs $5.", "it costs five dollars", 0),
        ("The colour of a football.", "The color of a foot ball", 0),
        ("The C.D.C. said so.", "the CDC said so", 0),
        ("The C D C said so.", "the CDC said so", 0),
        ("He had a plan.", "he had plan", 1),
        ("One two three four.", "one three four", 1),
        ("One two three four.", "", 4),
    ],
)
def test_only_what_one_can_hear_counts(text: str, heard: str, errors: int) -> None:
    assert sum(gap.errors for gap in compare(text, heard).gaps) == errors


def test_ums_and_stutters_that_the_transcript_lacks() -> None:
    for heard in ("so um this is it", "so this this is it", "so this is so this is it"):
        assert disfluencies(compare("So this is it.", heard), heard)
    assert not disfluencies(compare("So this is it.", "so this is hit"), "so this is hit")
    assert not disfluencies(compare("Well, um, no.", "well um no"), "well um no")


def recording(sentences: list[str]) -> tuple[list[Word], list[Silence], float]:
    """Words of 0.4 s, pauses of 0.5 s between the sentences."""
    found, pauses, at = [], [], 0.0
    for sentence in sentences:
        pauses.append(Silence(at, at + 0.5))
        at += 0.5
        for token in sentence.split():
            found.append(Word(token, at, at + 0.4, 1.0))
            at += 0.4
    return found, [*pauses, Silence(at, at + 0.5)], at + 0.5


SENTENCES = [
    "After that I could not find the strange man again.",
    "Sweet words work better than fierce.",
    "The heap of fallen leaves was set on fire.",
    "A white silk jacket goes with any shoes.",
]


def test_cuts_fall_into_pauses_and_keep_every_word() -> None:
    heard, pauses, duration = recording(SENTENCES)
    late = [w.__class__(w.text, w.start + 0.7, w.end + 0.7, 1.0) for w in heard]
    cuts = cut(late, heard, pauses, duration)
    assert not any(c.reason for c in cuts)
    assert " ".join(c.text for c in cuts) == " ".join(SENTENCES)
    for c in cuts:
        assert 1.5 <= c.end - c.start <= 12
        assert all(any(p.start <= t <= p.end for p in pauses) for t in (c.start, c.end))


def test_words_that_are_not_said_are_left_out_and_named() -> None:
    heard, pauses, duration = recording(SENTENCES)
    spam = ["subscribe", "to", "my", "wonderful", "channel"]
    wrong = [Word(t, 6.0 + i * 0.2, 6.2 + i * 0.2, 1.0) for i, t in enumerate(spam)]
    place = len(SENTENCES[0].split())
    cuts = cut([*heard[:place], *wrong, *heard[place:]], heard, pauses, duration)
    kept = " ".join(c.text for c in cuts if not c.reason)
    assert "channel" not in kept
    assert "jacket" in kept
    assert any("channel" in c.text for c in cuts if c.reason)


def test_what_is_left_over_says_why() -> None:
    heard, pauses, duration = recording(SENTENCES[:2])
    mumbled = [*heard[:-1], Word("plants", heard[-1].start, heard[-1].end, 1.0)]
    kept, left = cut(heard, mumbled, pauses, duration)
    assert not kept.reason
    assert left.text == SENTENCES[1]
    assert left.reason.startswith("its last word is not heard as it is written")


def test_captions_of_another_recording() -> None:
    heard, pauses, duration = recording(SENTENCES)
    other, _, _ = recording(["Nobody ever expected such an outcome from our parliament yesterday evening."] * 3)
    with pytest.raises(BadData, match="captions those of another"):
        cut(other, heard, pauses, duration)
