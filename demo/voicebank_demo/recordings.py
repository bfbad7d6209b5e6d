"""What a visitor records in the browser, prompt by prompt."""

from __future__ import annotations

import base64
import binascii
import io
import json
import secrets
import threading
from pathlib import Path
from typing import Any

from voicebank import Audio
from voicebank.errors import BadAudio, BadData
from voicebank.files import atomic
from voicebank_demo.prompts import prompts
from voicebank_demo.voices import address

LONGEST = 30.0  # seconds of one prompt
RATE = 24000
_WRITING = threading.Lock()  # a visitor may be quicker than the server
GOAL = 5.0  # minutes from which a voice is good


class Recordings:
    """A folder in LJSpeech layout that grows by a clip for each prompt.

    Args:
        folder: made when the first clip comes.
        minutes: no more than this is taken.
    """

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self.minutes = folder, minutes
        self.lengths = folder / "lengths.json"

    def add(self, number: Any, wav: Any) -> None:
        """Keep the recording of a prompt, in place of an earlier one.

        Args:
            number: of the prompt, from 0.
            wav: the file in base64.

        Raises:
            BadData: there is no such prompt, it is no sound, or too much of it.
        """
        known = prompts()
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(known):
            raise BadData("there is no such prompt: reload the page")
        if not isinstance(wav, str) or len(wav) > 4 / 3 * (2 * RATE * LONGEST + 200):
            raise BadAudio(f"a recording may last {LONGEST:g} seconds")
        try:
            data = base64.b64decode(wav, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadAudio("the recording did not arrive whole: record it again") from error
        audio = Audio.read(io.BytesIO(data), RATE)
        with _WRITING:
            self._keep(number, audio, known)

    def _keep(self, number: int, audio: Audio, known: list[str]) -> None:
        done = self.done()
        done[number] = round(audio.duration, 3)
        if audio.duration > LONGEST or sum(done.values()) > 60 * self.minutes:
            raise BadAudio(f"{self.minutes:g} minutes are the most that is taken here")
        (self.folder / "wavs").mkdir(parents=True, exist_ok=True)
        audio.save(self._clip(number))
        atomic(self.lengths, json.dumps(done))
        lines = (f"prompt-{i + 1:04d}|{known[i]}\n" for i in sorted(done))
        atomic(self.folder / "metadata.csv", "".join(lines))

    def done(self) -> dict[int, float]:
        """Seconds of each recorded prompt."""
        try:
            found = json.loads(self.lengths.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {int(number): float(seconds) for number, seconds in found.items()}

    def value(self, *, arrived: bool = False, message: str = "", bad: bool = False) -> dict[str, Any]:
        """What the recorder shows; ``arrived`` lets it go to the first prompt that is not recorded."""
        done = self.done()
        first = next((i for i in range(len(prompts())) if i not in done), 0)
        shown = {
            "prompts": prompts(),
            "done": {str(number): self._address(number) for number in done},
            "seconds": round(sum(done.values()), 2),
            "goal": GOAL,
            "index": first,
            "message": message,
            "bad": bad,
        }
        return {**shown, "at": secrets.token_hex(4)} if arrived else shown

    def _clip(self, number: int) -> Path:
        return self.folder / "wavs" / f"prompt-{number + 1:04d}.wav"

    def _address(self, number: int) -> str:
        """Where a recording is heard; another address for each take."""
        clip = self._clip(number)
        return f"{address(clip)}?take={clip.stat().st_mtime_ns}" if clip.is_file() else ""
