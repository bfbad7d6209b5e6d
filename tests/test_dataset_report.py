"""The page that shows a dataset: figures, histograms, and what was rejected or is doubtful, to be heard."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from voicebank.audio import Audio  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of two good clips, one with a long pause, one that is cut off, and one of noise."""
    folder = tmp_path_factory.mktemp("clips")
    first, second, *_ = Dataset.read(CLIPS).clips
    sound, other = Audio.read(first.path), Audio.read(second.path)
    random = np.random.default_rng(0)
    noise = 0.1 * random.standard_normal(len(sound.samples)).astype(np.float32)
    backwards = Audio(sound.samples[::-1], sound.sample_rate)  # not a copy of the good one
    made = {
        "good": (sound, first.text),
        "better": (other, second.text),
        "slow": (Audio.join([other, Audio.silence(2, other.sample_rate), sound]), f"{second.text} {first.text}"),
        "loud": (Audio(np.clip(backwards.samples * 30, -1, 1), sound.sample_rate), first.text),
        "noisy": (Audio(backwards.samples + noise, sound.sample_rate), f"<b>{first.text}"),
    }
    for name, (audio, text) in made.items():
        audio.save(folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(text)
    Dataset.make(folder, folder / "me", transcriber=None)
    return (folder / "me" / "report.html").read_text()


def test_figures_and_histograms(page: str) -> None:
    names = re.findall("<th>(.*?)</th>", page.split("</table>")[0])
    values = re.findall("<td>(.*?)</td>", page.split("</table>")[0])
    shown = dict(zip(names, values, strict=True))
    assert float(shown["minutes"]) > 0
    assert (shown["clips kept"], shown["of them doubtful"], shown["clips rejected"]) == ("3", "1", "2")
    assert shown["clipped clips"] == "1"
    assert 1 < float(shown["words a second"]) < 5
    assert shown["level"].endswith(" dB") and shown["noise"].endswith(" dB")
    assert set(re.findall('aria-label="(.*?)"', page)) == {"seconds", "words a second", "level, dB", "noise, dB"}
    assert "Nobody listened" in page
    assert "too little" in page


@pytest.mark.parametrize(
    ("name", "title", "reason", "advice"),
    [
        ("slow", "Doubtful", "a pause of", "cut the clip there"),
        ("loud", "Rejected", "the wave is cut off", "record again at a lower level"),
        ("noisy", "Rejected", "music or noise only", "record in a quiet room"),
    ],
)
def test_each_clip_with_its_reason_and_a_player(page: str, name: str, title: str, reason: str, advice: str) -> None:
    (table,) = (part for part in page.split("<h2>") if part.startswith(title))
    (row,) = (row for row in table.split("<tr>") if row.startswith(f"<td>{name}<br>"))
    assert reason in row and advice in row
    assert "<b>" not in page  # what a transcript says is shown, not obeyed
    (sound,) = re.findall('<audio controls .*src="data:audio/mpeg;base64,(.*?)"', row)
    assert Audio.read(io.BytesIO(base64.b64decode(sound))).duration > 1
