"""Datasets: clips and what is said in them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile as sf

from voicebank.errors import BadData, VoicebankWarning

if TYPE_CHECKING:
    from voicebank.data.progress import Progress
    from voicebank.data.report import Report
    from voicebank.plugins import Transcriber

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


@dataclass(frozen=True)
class Clip:
    """One recording of one speaker with its transcript."""

    id: str
    path: Path
    text: str


@dataclass(frozen=True)
class Dataset:
    """The clips of one speaker."""

    name: str
    clips: list[Clip]
    language: str = "en-us"
    report: Report | None = field(default=None, repr=False, compare=False)
    """What was found when it was made, of kept and rejected clips; None for one that was only read."""

    @staticmethod
    def read(folder: str | Path, language: str = "en-us", *, strict: bool = False) -> Dataset:
        """Read a folder in LJSpeech layout: ``metadata.csv`` (``id|text`` or ``id|text|normalised``) and ``wavs/``.

        Lines without a transcript, clips that are missing, unreadable or of zero length, and recordings without a line
        are left out, with a VoicebankWarning that counts every fault of a kind and names the first.

        Raises:
            BadData: the folder or its metadata is missing or empty, all is left out, or with ``strict`` anything is.
        """
        folder = Path(folder)
        metadata = folder / "metadata.csv"
        if not metadata.is_file():
            raise BadData(f"{folder} is no dataset: there is no metadata.csv in it")
        files = {p.stem: p for p in sorted((folder / "wavs").glob("*")) if p.suffix.lower() in SUFFIXES}
        clips: list[Clip] = []
        faults: dict[str, list[str]] = {}
        for number, line in enumerate(metadata.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            fields = line.split("|")
            clip_id, text = fields[0].strip(), fields[-1].strip() if len(fields) > 1 else ""
            if not text:
                faults.setdefault("lines without a transcript", []).append(f"line {number}")
            elif clip_id not in files:
                faults.setdefault("clips named in metadata.csv that are not in wavs/", []).append(clip_id)
            else:
                path = files.pop(clip_id)
                fault = _unreadable(path)
                if fault:
                    faults.setdefault(f"clips that are {fault}", []).append(clip_id)
                else:
                    clips.append(Clip(clip_id, path, text))
        if files:
            faults.setdefault("clips without a line in metadata.csv", []).extend(sorted(files))
        if faults:
            listed = "; ".join(f"{len(ids)} {kind}, first: {ids[0]}" for kind, ids in faults.items())
            if strict or not clips:
                raise BadData(f"{folder}{'' if clips else ' holds no clip that can be used'}: {listed}")
            warnings.warn(f"{folder}: left out are {listed}", VoicebankWarning, stacklevel=2)
        if not clips:
            raise BadData(f"{metadata} is empty: a dataset needs at least one line")
        return Dataset(folder.name, clips, language)

    @staticmethod
    def make(
        source: str | Path,
        out: str | Path,
        *,
        captions: str | Path | None = None,
        transcriber: str | Transcriber | None = "whisper",
        language: str = "en-us",
        clean: bool = False,
        progress: Progress | None = None,
    ) -> Dataset:
        """Make a dataset of what there is, and open it.

        Args:
            source: a recording or video of any length; a folder of clips in LJSpeech layout, with ``.txt`` or
                ``.lab`` beside them, or as a Hugging Face AudioFolder; sound without transcripts.
            out: folder to make, in LJSpeech layout with ``report.html``. An interrupted making goes on there.
            captions: of the recording (VTT, SRT, ASS, json3). Captions of the same name are found without.
            transcriber: a plugin's name or the transcriber itself. None leaves clips with
                transcripts unchecked.
            clean: take noise and some of the room out of the clips that have much of them (``voicebank[clean]``).
            progress: callbacks.

        Returns:
            The dataset; ``report`` has all findings.

        Raises:
            BadData: nothing usable is found, the captions do not fit, or the folder cannot be written.
            UnknownName, PluginError: the transcriber is not installed or does not load.
        """
        from voicebank.data.make import make

        beside = Path(captions) if captions is not None else None
        report = make(
            Path(source),
            Path(out),
            captions=beside,
            transcriber=transcriber,
            language=language,
            clean=clean,
            progress=progress,
        )
        return replace(Dataset.read(out, language), report=report)

    @staticmethod
    def check(
        folder: str | Path,
        *,
        transcriber: str | Transcriber | None = "whisper",
        progress: Progress | None = None,
    ) -> Report:
        """What is wrong with a folder of clips that :meth:`make` takes: ``.findings`` of the whole and of clips.

        Raises:
            BadData: there are no clips in it.
            UnknownName, PluginError: the transcriber is not installed or does not load.
        """
        from voicebank.data.make import check

        return check(Path(folder), transcriber=transcriber, progress=progress)


def _unreadable(path: Path) -> str | None:
    try:
        return None if sf.info(path).frames > 0 else "of zero length"
    except (sf.LibsndfileError, RuntimeError):
        return "of zero length" if path.stat().st_size == 0 else "not readable as audio"
