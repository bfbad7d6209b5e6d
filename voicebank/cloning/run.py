"""Cloning: a base voice is fine-tuned to a speaker, and can be interrupted at any moment."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError

from voicebank.cloning.clock import Clock
from voicebank.cloning.progress import CloneProgress
from voicebank.cloning.settings import CloneSettings
from voicebank.cloning.stages import Cloning, described
from voicebank.cloning.store import FREE, State, Store, job
from voicebank.cloning.tasks import hold_out, usable
from voicebank.config import first_error
from voicebank.data.dataset import Dataset
from voicebank.errors import BadAudio, BadData, BadVoice, VoicebankError
from voicebank.synthesis.speech import create_frontend
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training import features
from voicebank.training.features import Features

LEAST_SECONDS, LEAST_CLIPS = 20.0, 4
_CACHED = re.compile(r"models--([^/]+?)--([^/]+)/snapshots/([0-9a-f]{40})$")


def clone(
    base: Synthesizer,
    dataset: Dataset,
    folder: str | Path | None = None,
    *,
    name: str | None = None,
    consent: str = "",
    settings: CloneSettings | Mapping[str, Any] | None = None,
    progress: CloneProgress | None = None,
    stop: Callable[[], bool] | None = None,
    accent: str | None = None,
    gender: str | None = None,
    origin: str | None = None,
) -> Synthesizer:
    """Fine-tune a base voice to the speaker of a dataset.

    Text2Mel first, then SSRN, each until the held-out clips are predicted no better, at most so many steps as the
    minutes of speech are worth. The folder has the best voice so far at every moment, from the base itself on.

    Args:
        base: the voice to start from; it is not changed.
        dataset: clips of one speaker with their transcripts, 20 seconds at the least.
        folder: of the clone. State, checkpoints, previews and pictures lie in ``<folder>.training`` beside it, and the
            same call goes on with them after any interruption. Without a folder nothing is kept but what is returned.
        name: of the clone; the folder's if left out, else the dataset's.
        consent: who agreed to this voice being made and used, in one line. Without it the clone is marked as for
            private use, and is not pushed to the Hub. It can be given later, by the same call with it.
        settings: :meth:`CloneSettings.for_minutes` of the speech there is if left out; a mapping changes some of it.
        progress: told how it goes.
        stop: asked after every step; True ends with the best so far, and the same call goes on.
        accent, gender: of the speaker; the base's if left out.
        origin: what the recordings are, in one line.

    Returns:
        The best voice. After Ctrl-C too, once there is one: ``KeyboardInterrupt`` is only raised before.

    Raises:
        BadData: too little speech, a clip that is silent or unreadable, settings out of range, or a folder that holds
            something else or cannot be written.
        UnknownName: the base's frontend is not installed.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="voicebank-") as temporary:
            place = Path(temporary) / "voice"
            made = clone(
                base,
                dataset,
                place,
                name=name or dataset.name,
                consent=consent,
                settings=settings,
                progress=progress,
                stop=stop,
                accent=accent,
                gender=gender,
                origin=origin,
            )
            made.folder = None
            return made
    # What is left out stays as an earlier call had it.
    about = {"name": name, "consent": consent or None, "accent": accent, "gender": gender, "origin": origin}
    return _clone(base, dataset, Path(folder), about, settings, progress, stop)


def _clone(
    base: Synthesizer,
    dataset: Dataset,
    folder: Path,
    given: dict[str, str | None],
    settings: CloneSettings | Mapping[str, Any] | None,
    progress: CloneProgress | None,
    stop: Callable[[], bool] | None,
) -> Synthesizer:
    progress = progress or CloneProgress()
    about = {k: " ".join(v.split()) for k, v in given.items() if v is not None}
    asked = settings if isinstance(settings, CloneSettings) else dict(settings or {})
    _settings(asked, 1.0)
    store, digest = Store(folder), job(base, dataset, asked)
    with _cannot_write(folder):
        state = store.open(digest)
        if state is not None:
            state = _go_on(state, store, about, asked)
            if state.finished and store.has_voice:
                store.tidy()  # a kill may have come before it
                progress.note(f"{folder} is finished: nothing is left to do")
                return Synthesizer.from_folder(folder)
        phones = frontend_of(base)
        if state is None:
            _described(base, about := {**_about(base, folder), **about})
        own = _features(base, dataset, phones, store, progress)
        if state is None:
            clips, minutes = usable(own), _minutes(own)
            wanted = _settings(asked, minutes)
            about["origin"] = about["origin"] or f"Recordings of one speaker, {minutes:.1f} minutes."
            state = State(
                job=digest,
                parent=parent_name(base),
                base=str(base.folder.resolve()) if base.folder else "",
                settings=wanted,
                about=about,
                minutes=round(minutes, 2),
                clips=len(clips),
                held_out=hold_out(clips, wanted.held_out),
            )
            store.write(state)
        return Cloning(base, own, phones, store, state, progress, stop or (lambda: False)).run()


def frontend_of(voice: Synthesizer) -> Frontend:
    """The frontend that a voice reads with.

    Raises:
        UnknownName: it is not installed.
    """
    return create_frontend(voice.config, voice.config.frontend.name)


def parent_name(voice: Synthesizer) -> str:
    """What a clone calls its base: ``owner/name@commit`` if that came from the Hub, else its name."""
    found = _CACHED.search(voice.folder.as_posix()) if voice.folder else None
    return f"{found[1]}/{found[2]}@{found[3]}" if found else voice.name


def _about(base: Synthesizer, folder: Path) -> dict[str, str]:
    config = base.config
    return {
        "name": folder.resolve().name,
        "consent": "",
        "accent": config.accent,
        "gender": config.gender,
        "origin": "",
    }


def _described(base: Synthesizer, about: Mapping[str, str]) -> None:
    try:
        described(base.config, about)
    except ValidationError as error:
        raise BadData(f"the clone's {first_error(error)}") from error


def _go_on(state: State, store: Store, given: Mapping[str, str], asked: CloneSettings | dict[str, Any]) -> State:
    """The state of an earlier call, with what this one says otherwise."""
    about = {**state.about, **given}
    whole = asked.model_dump() if isinstance(asked, CloneSettings) else {"max_minutes": None, **asked}
    settings = state.settings.model_copy(update={k: whole[k] for k in FREE if k in whole})
    steps = state.steps
    if settings.max_minutes != state.settings.max_minutes:  # what is to be done is planned anew
        steps = {stage: count for stage, count in steps.items() if stage in state.done}
    changed = state.model_copy(update={"about": about, "settings": settings, "steps": steps})
    if about != state.about and store.has_voice:
        voice = Synthesizer.from_folder(store.folder)
        _described(voice, about)
        store.describe(described(voice.config, about))
    if changed != state:
        store.write(changed)
    return changed


def _features(base: Synthesizer, dataset: Dataset, phones: Frontend, store: Store, progress: CloneProgress) -> Features:
    clips = len(dataset.clips)
    progress.stage("features", clips)
    clock, expected = Clock(0.0, None), CloneSettings()
    later = {"text2mel": expected.text2mel_steps, "ssrn": expected.ssrn_steps}

    def told(done: int, total: int) -> None:
        left = clock.spent / done * (total - done)
        progress.step("features", done, total, {}, clock.estimate("features", left, later))

    own = features.build(dataset, base.config.audio, phones, store.work / "features", told)
    fit, seconds = usable(own), 60 * _minutes(own)
    if seconds < LEAST_SECONDS or len(fit) < LEAST_CLIPS:
        longer = "" if len(fit) == clips else f" ({clips - len(fit)} more are too long or without words)"
        raise BadData(
            f"{dataset.name} has {seconds:.0f} s of speech in {len(fit)} clips{longer}: a voice needs "
            f"{LEAST_SECONDS:.0f} s in {LEAST_CLIPS} clips at the very least, and 5 minutes to sound well; "
            "record more, or cut long recordings with `voicebank dataset make`"
        )
    if len(fit) < clips:
        progress.note(f"{clips - len(fit)} of {clips} clips are left out: too long, or without words")
    return own


def _minutes(own: Features) -> float:
    """Minutes of the clips that are used."""
    return sum(c.frames[1] - c.frames[0] for c in usable(own)) / own.frame_rate / 60


def _settings(asked: CloneSettings | dict[str, Any], minutes: float) -> CloneSettings:
    if isinstance(asked, CloneSettings):
        return asked
    try:
        return CloneSettings.for_minutes(minutes, **asked)
    except ValidationError as error:
        raise BadData(f"setting {first_error(error)}") from error


@contextmanager
def _cannot_write(folder: Path) -> Iterator[None]:
    """Errors of the disk as one line that says what to do."""
    try:
        yield
    except (OSError, SafetensorError, BadVoice, BadAudio) as error:
        told = " ".join((getattr(error, "strerror", None) or str(error)).split())
        if isinstance(error, VoicebankError) and not told.startswith("cannot write "):
            raise  # what is there is damaged: that is another matter
        why = told.rsplit(": ", 1)[-1].split(" (os error")[0]
        raise BadData(f"cannot write {folder}: {why}; what is done is kept, and the same command goes on") from error
