"""The demo's parts without a page: voices and speech, marks, recordings, visitors."""

from __future__ import annotations

import ast
import base64
import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

gr = pytest.importorskip("gradio", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.errors import BadAudio, BadData, BadText, UnknownName  # noqa: E402
from voicebank.plugins import Detection, DetectionWindow  # noqa: E402
from voicebank_demo import detect, pictures, prompts, voices  # noqa: E402
from voicebank_demo.page import errors_shown, render  # noqa: E402
from voicebank_demo.recordings import Recordings  # noqa: E402
from voicebank_demo.speech import check_text, speaking  # noqa: E402
from voicebank_demo.state import Match  # noqa: E402
from voicebank_demo.visitors import Visitors  # noqa: E402
from voicebank_demo.whose import result  # noqa: E402
from voicebank_demo.worker import without_places  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs"
CLIP = CLIPS / "us-male-00040.ogg"


def test_messages_name_no_folder_of_the_machine() -> None:
    assert without_places("no clip of /tmp/x-1/visitors/tok_en/voice can be used") == "no clip of voice can be used"


# The package


def test_the_demo_imports_public_names_only() -> None:
    package = Path(pictures.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "voicebank":
                assert {alias.name for alias in node.names} <= {*voicebank.__all__, "plugins"}, path.name
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("voicebank."):
                assert node.module in ("voicebank.errors", "voicebank.plugins", "voicebank.files"), path.name
            elif isinstance(node, ast.Import):
                assert not [a.name for a in node.names if a.name.startswith("voicebank.")], path.name


def test_the_command_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['voicebank_demo'] = None; sys.argv[1:] = ['demo']; import voicebank.cli as c; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["voicebank: the demo is a package of its own: pip install voicebank-demo"]


# Voices and speech


@pytest.mark.parametrize("name", ["", ".", "..", "/etc", "../voices/us-male", "voices/us-male", "~/x", "a/b/c", "x\0y"])
def test_a_voice_is_never_a_folder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)
    with pytest.raises(UnknownName):
        voices.get(name)


def test_a_text_is_bounded() -> None:
    with pytest.raises(BadText, match="write"):
        check_text("  \n", 10)
    with pytest.raises(BadText, match="11 characters"):
        check_text("x" * 11, 10)


def test_a_text_is_spoken_part_by_part(tmp_path: Path) -> None:
    text = "Yes.\n\n***\n\nNo, I do not."
    *_, last = speaking(tmp_path, text, lambda: voices.get(voices.first()), frontend="graphemes")
    value = last.value()
    assert [spoken.sentence.text for spoken in last.sentences] == ["Yes.", "No, I do not."]
    assert value["state"] == "done" and len(value["parts"]) >= 2
    whole = Audio.join(Audio.read(part) for part in last.parts)
    assert Audio.read(tmp_path / "speech.mp3").duration == pytest.approx(whole.duration, abs=0.2)
    line = value["lines"][1]
    assert [word for word, _, _ in line["words"]] == ["No,", "I", "do", "not."]
    times = [time for _, start, end in line["words"] for time in (start, end)]
    assert times == sorted(times) and line["at"] + times[-1] <= whole.duration + 0.1
    drawn = last.details()
    assert drawn.count("data:image/png;base64,") == 4
    assert "YES." in drawn
    with pytest.raises(BadText):
        list(speaking(tmp_path, "***", lambda: voices.get(voices.first())))


def test_pictures_of_nothing() -> None:
    assert pictures.waveform(np.zeros(0, np.float32)) == (1, "")
    assert pictures.spans("A B", np.zeros((0, 4))) == []
    assert pictures.rows([]) == (0, [])


def test_words_below_a_picture_do_not_cover_each_other() -> None:
    words = [("one", 0.0, 0.01), ("unspoken", 0.01, 0.01), ("two", 0.01, 0.5), ("three", 0.5, 1.0)]
    assert pictures.rows(words) == (2, [("one", 0.0, 0), ("two", 0.01, 1), ("three", 0.5, 0)])


def test_the_closest_voice_is_the_one_with_the_longest_bar() -> None:
    likeness = {"us-male": 0.42, "gb-male": 0.44, "us-female": 0.1, "gb-female": 0.2}
    empty = {"pitch_hz": 100, "base_pitch_hz": 100, "accent_probability": None}
    rows = [Match(name=name, similarity=s, score=1 - i, **empty) for i, (name, s) in enumerate(likeness.items())]
    html = result(rows)
    assert [html.index(name) for name in ("George", "Michael", "Emma", "Sarah")] == sorted(
        html.index(name) for name in ("George", "Michael", "Emma", "Sarah")
    )
    assert "width:42%" in html and "width:44%" in html


def test_messages_are_text_and_not_html() -> None:
    with pytest.raises(gr.Error) as error, errors_shown("test"):
        raise BadText("there is no voice '<img src=x onerror=alert(1)>'")
    assert error.value.message == "there is no voice '&lt;img src=x onerror=alert(1)&gt;'"
    assert "<img" not in render("failed.html", error="<img src=x>")


def test_where_a_mark_is_and_how_sure_that_is() -> None:
    windows = [
        DetectionWindow(0, 6, 2.0, 1.0),
        DetectionWindow(3, 9, 12.0, 1e-20, 0xBEEF),
        DetectionWindow(6, 12, 12.0, 1e-20, 0xBEEF),
        DetectionWindow(20, 26, 12.0, 1e-20, 0xBEEF),
        DetectionWindow(23, 29, 12.0, 1e-20, 0xABCD),
    ]
    found = Detection("pattern", True, 12.0, 1e-20, 8.06, 0xBEEF, windows)
    mine = {0xBEEF: "your voice me"}
    assert detect.places(found, mine) == [
        (3, 12, "your voice me"),
        (20, 26, "your voice me"),
        (23, 29, "a voice from elsewhere"),
    ]
    shown = [detect.odds(p) for p in (2e-3, 2e-5, 5e-7, 5e-9, 1e-57, 0.0)]
    assert shown == ["100", "10,000", "a million", "100 million", "a million million", "a million million"]


# Recordings


def test_prompts_cover_the_phones_of_english_early() -> None:
    pytest.importorskip("voicebank_phonemizer")
    sentences = prompts.prompts()
    assert len(sentences) == len(set(sentences)) >= 100
    early = {sound for sentence in sentences[:25] for sound in prompts.phones(sentence)}
    everything = {sound for sentence in sentences for sound in prompts.phones(sentence)}
    assert everything - early == set()
    assert early >= set("pbtdkɡfvθðszʃʒhmnŋlɹjwiɪɛæɑɔʊuʌəɚɜ")


def test_recordings_are_kept_prompt_by_prompt(tmp_path: Path) -> None:
    kept = Recordings(tmp_path / "recordings", minutes=1)
    wav = base64.b64encode(Audio.read(CLIP).to_bytes("wav")).decode()
    kept.add(3, wav)
    kept.add(0, wav)
    kept.add(3, wav)
    value = Recordings(tmp_path / "recordings", minutes=1).value(arrived=True)
    assert set(value["done"]) == {"0", "3"} and value["index"] == 1
    assert value["seconds"] == pytest.approx(2 * Audio.read(CLIP).duration, abs=0.01)
    lines = (tmp_path / "recordings" / "metadata.csv").read_text().splitlines()
    assert lines == [f"prompt-0001|{prompts.prompts()[0]}", f"prompt-0004|{prompts.prompts()[3]}"]


@pytest.mark.parametrize("number", [-1, 10**6, "0", 0.5, None, True, "../../x"])
def test_only_prompts_can_be_recorded(tmp_path: Path, number: object) -> None:
    with pytest.raises(BadData, match="prompt"):
        Recordings(tmp_path, 1).add(number, "")


@pytest.mark.parametrize("wav", ["", "!", "x" * 10**7, base64.b64encode(b"RIFFnothing").decode(), None, ["a"]])
def test_only_sound_can_be_recorded(tmp_path: Path, wav: object) -> None:
    with pytest.raises(BadAudio):
        Recordings(tmp_path, 1).add(0, wav)
    assert not list(tmp_path.rglob("*.wav"))


def test_recordings_are_bounded(tmp_path: Path) -> None:
    memory = io.BytesIO(Audio.silence(25, 8000).to_bytes("wav"))
    with pytest.raises(BadAudio, match="0.2 minutes"):
        Recordings(tmp_path, 0.2).add(0, base64.b64encode(memory.getvalue()).decode())


# Visitors


def test_a_visitor_is_found_again_and_then_forgotten(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, grace=0.2, age=100)
    first = visitors.arrive("one")
    (first.folder / "x").write_text("x")
    assert visitors.arrive("one") is first
    visitors.leave("one")
    visitors.sweep()
    assert visitors.arrive("two", first.token) is first  # a reload
    other = visitors.arrive("three", "../../etc" + "x" * 23)
    assert other is not first and other.folder.parent == tmp_path
    visitors.leave("two")
    time.sleep(0.3)
    visitors.sweep()
    assert not first.folder.exists() and other.folder.exists()
    assert visitors.arrive("four", first.token) is not first


def test_a_file_that_two_visitors_uploaded_stays_with_the_second(tmp_path: Path) -> None:
    """Gradio gives the same content the same path."""
    visitors = Visitors(tmp_path / "visitors", grace=0.1, age=100)
    shared = tmp_path / "uploads" / "hash" / "clip.wav"
    shared.parent.mkdir(parents=True)
    shared.write_bytes(CLIP.read_bytes())
    for session in ("one", "two"):
        visitors.arrive(session).uploads.add(shared)
    visitors.leave("one")
    time.sleep(0.2)
    visitors.sweep()
    assert shared.exists()
    visitors.leave("two")
    time.sleep(0.2)
    visitors.sweep()
    assert not shared.exists()


def test_what_was_deleted_can_be_had_back_once(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path, 1, 1).arrive("one")
    visitor.recordings.mkdir()
    (visitor.recordings / "a").write_text("a")
    visitor.discard(visitor.recordings)
    assert not visitor.recordings.exists()
    assert visitor.restore(visitor.recordings) and (visitor.recordings / "a").is_file()
    assert not visitor.restore(visitor.recordings)


def test_a_visitor_can_have_several_voices(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path, 1, 1).arrive("one")
    for name in ("first", "second"):
        (visitor.work / "clone").mkdir(parents=True)
        (visitor.work / "clone" / "config.json").write_text("{}")
        (visitor.work / f"{name}.zip").touch()
        visitor.keep_voice()
    assert set(visitor.voices()) == {"first", "second"} and not visitor.work.exists()
    assert [face.id for face in voices.faces({"first": visitor.voices()["first"]})][0] == "own:first"


def test_a_phone_that_slept_finds_its_folder(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, grace=0.2, age=100)
    asleep = visitors.arrive("one")
    visitors.leave("one")
    assert visitors.arrive("one") is asleep
    time.sleep(0.3)
    visitors.sweep()
    assert not asleep.folder.exists()


def test_a_visitor_who_never_says_goodbye_is_forgotten_by_age(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, grace=100, age=0.1)
    silent = visitors.arrive("one")
    time.sleep(0.2)
    visitors.sweep()
    assert not silent.folder.exists()


def test_speeches_do_not_pile_up(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path, 1, 1).arrive("one")
    for _ in range(10):
        visitor.new_speech()
    assert len(list((visitor.folder / "speech").iterdir())) <= 6
