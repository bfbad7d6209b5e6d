"""Cloning: a base voice is fine-tuned to a speaker, and can be interrupted at any moment."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError

from voicebank.audio import Audio
from voicebank.cloning.closest import frontend_of
from voicebank.cloning.extension import carried
from voicebank.cloning.finetune import Clock, hold_out
from voicebank.cloning.stages import Cloning
from voicebank.cloning.store import FREE, CloneSettings, CloneState, Description, Store, job
from voicebank.config import AudioConfig, VoiceConfig, first_error
from voicebank.data.checks import NARROW, RELIABLE, narrow, other_speakers
from voicebank.data.dataset import Dataset
from voicebank.data.measure import SILENT, levels, passband
from voicebank.data.progress import Progress
from voicebank.errors import BadAudio, BadData, BadVoice, VoicebankError
from voicebank.hub.download import known_as
from voicebank.signal import speaker
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training.batches import usable
from voicebank.training.features import Features, build
from voicebank.training.repetition import repeated

LEAST_SECONDS, LEAST_CLIPS = 20.0, 4
# Hz of a clip that is looked at, and seconds that it lasts at least.
RATE, SHORTEST = 24000, 0.5
# With fewer clips a second speaker cannot be told from a mood.
FEWEST_FOR_SPEAKERS = 16


def clone(
    base: Synthesizer,
    dataset: Dataset,
    folder: str | Path | None = None,
    about: Description | None = None,
    *,
    settings: CloneSettings | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Synthesizer:
    """Fine-tune a base voice to a speaker; arguments and errors are those of :meth:`voicebank.Voice.clone`.

    Text2Mel first, then SSRN, each until the held-out clips are predicted no better, at most so many steps as the
    minutes of speech are worth. The folder has the best voice so far at every moment, from the base itself on. State,
    checkpoints, previews and pictures lie in ``<folder>.training`` beside it; without a folder nothing is kept.
    """
    about, progress, stop = about or Description(), progress or Progress(), stop or (lambda: False)
    requested = settings if isinstance(settings, CloneSettings) else dict(settings or {})
    _settings(requested, 1.0)
    if folder is not None:
        return _clone(base, dataset, Store(Path(folder)), about, requested, progress, stop)
    with tempfile.TemporaryDirectory(prefix="voicebank-") as temporary:
        store = Store(Path(temporary) / "voice")
        named = Description(name=dataset.name).updated(about)
        voice = _clone(base, dataset, store, named, requested, progress, stop)
        voice.folder = None
        return voice


def _clone(
    base: Synthesizer,
    dataset: Dataset,
    store: Store,
    about: Description,
    requested: CloneSettings | dict[str, Any],
    progress: Progress,
    stop: Callable[[], bool],
) -> Synthesizer:
    digest = job(base, dataset, requested)
    with _cannot_write(store.folder):
        state = store.open(digest)
        if state is not None:
            state = _resumed(state, store, about, requested)
            if state.finished and store.has_voice:
                store.tidy()  # a kill may have come before it
                progress.note(f"{store.folder} is finished: nothing is left to do")
                return Synthesizer.from_folder(store.folder, trust_options=True)
        phones = frontend_of(base)
        if state is None:
            _applied(about, base.config)
        dropped, notes = screen(dataset, progress) if state is None else (state.dropped, [])
        for note in notes:
            progress.note(note)
        kept = without(dataset, dropped)
        if not kept.clips:
            raise BadData(f"{dataset.name} has no clip that can be used; {counted(dropped)}")
        features = _features(base, kept, phones, store, progress)
        if state is None and (again := _said_twice(features, base.config.audio)):
            dropped |= again
            features = _features(base, without(kept, again), phones, store, progress)
        fit = {clip.id for clip in usable(features)}
        dropped |= {clip.id: "too long, or without words" for clip in features.clips if clip.id not in fit}
        _check_amount(dataset.name, features, dropped)
        if state is None:
            if dropped:
                progress.note(counted(dropped))
            state = _begun(base, features, store, about, requested, digest, dropped)
        return Cloning(base, features, phones, store, state, progress, stop).run()


def _begun(
    base: Synthesizer,
    features: Features,
    store: Store,
    about: Description,
    requested: CloneSettings | dict[str, Any],
    digest: str,
    dropped: dict[str, str],
) -> CloneState:
    """The state of a new cloning, written down."""
    clips, minutes = usable(features), _minutes(features)
    settings = _settings(requested, minutes)
    default = Description(
        name=store.folder.resolve().name,
        consent="",
        accent=base.config.accent,
        gender=base.config.gender,
        origin=f"Recordings of one speaker, {minutes:.1f} minutes.",
    )
    state = CloneState(
        job=digest,
        parent=known_as(base.name, base.folder),
        base=str(base.folder.resolve()) if base.folder else "",
        settings=settings,
        about=default.updated(about),
        minutes=round(minutes, 2),
        clips=len(clips),
        dropped=dropped,
        held_out=hold_out(clips, settings.held_out),
    )
    store.write(state)
    return state


def _applied(about: Description, config: VoiceConfig) -> VoiceConfig:
    try:
        return about.applied(config)
    except ValidationError as error:
        raise BadData(f"the clone's {first_error(error)}") from error


def _resumed(
    state: CloneState, store: Store, about: Description, requested: CloneSettings | dict[str, Any]
) -> CloneState:
    """The state of an earlier call, with what this one says otherwise."""
    about = state.about.updated(about)
    given = requested.model_dump() if isinstance(requested, CloneSettings) else {"max_minutes": None, **requested}
    settings = state.settings.model_copy(update={k: given[k] for k in FREE if k in given})
    steps = state.steps
    if settings.max_minutes != state.settings.max_minutes:  # what is to be done is planned anew
        steps = {stage: count for stage, count in steps.items() if stage in state.done}
    changed = state.model_copy(update={"about": about, "settings": settings, "steps": steps})
    if about != state.about and store.has_voice:
        store.describe(_applied(about, Synthesizer.from_folder(store.folder, trust_options=True).config))
    if changed != state:
        store.write(changed)
    return changed


def _features(base: Synthesizer, dataset: Dataset, phones: Frontend, store: Store, progress: Progress) -> Features:
    """Features of the clips.

    Raises:
        BadData: a clip is silent or unreadable.
    """
    count, began, typical = len(dataset.clips), time.monotonic(), CloneSettings()
    after = Clock(0.0, None).after("features", {"text2mel": typical.text2mel_steps, "ssrn": typical.ssrn_steps})

    def report(done: int, total: int) -> None:
        left = (time.monotonic() - began) / done * (total - done) + after
        progress.step("features", done, total, seconds_left=left)

    progress.step("features", 0, count)
    return build(dataset, base.config.audio, phones, store.work / "features", report)


def _said_twice(features: Features, config: AudioConfig) -> dict[str, str]:
    """Why clips are left out in which words are said twice. Where half of them are so, the transcripts are at fault."""
    found = repeated(features, config) if carried(features, config) is None else {}
    return {id: f"said twice: {words}" for id, words in found.items()} if 2 * len(found) < len(features.clips) else {}


def _check_amount(name: str, features: Features, dropped: dict[str, str]) -> None:
    """Refuse to clone from next to nothing."""
    clips, seconds = usable(features), 60 * _minutes(features)
    if seconds < LEAST_SECONDS or len(clips) < LEAST_CLIPS:
        raise BadData(
            f"{name} has {seconds:.0f} s of speech in {len(clips)} clips{f'; {counted(dropped)}' if dropped else ''}: "
            f"a voice needs {LEAST_SECONDS:.0f} s in {LEAST_CLIPS} clips at the very least, and 5 minutes to sound "
            "well; record more, or cut long recordings with `voicebank dataset make`"
        )


def _minutes(features: Features) -> float:
    """Minutes of the clips that are used."""
    return sum(c.frames[1] - c.frames[0] for c in usable(features)) / features.frame_rate / 60


def _settings(requested: CloneSettings | dict[str, Any], minutes: float) -> CloneSettings:
    if isinstance(requested, CloneSettings):
        return requested
    try:
        return CloneSettings.for_minutes(minutes, **requested)
    except ValidationError as error:
        raise BadData(f"setting {first_error(error)}") from error


@contextmanager
def _cannot_write(folder: Path) -> Iterator[None]:
    """Errors of the disk as one line that says what to do."""
    try:
        yield
    except (OSError, SafetensorError, BadVoice, BadAudio) as error:
        message = " ".join((getattr(error, "strerror", None) or str(error)).split())
        if isinstance(error, VoicebankError) and not message.startswith("cannot write "):
            raise  # what is there is damaged: that is another matter
        why = message.rsplit(": ", 1)[-1].split(" (os error")[0]
        raise BadData(f"cannot write {folder}: {why}; what is done is kept, and the same command goes on") from error


def screen(dataset: Dataset, progress: Progress) -> tuple[dict[str, str], list[str]]:
    """What of the recordings cannot be used, and what is to be known about the rest.

    Args:
        dataset: clips, of one speaker for the most part.
        progress: callbacks.

    Returns:
        Why a clip is left out, by its id: unreadable, silent, too short or long, or of another speaker than most.
        Notes on the recordings as a whole.
    """
    dropped: dict[str, str] = {}
    embeddings: dict[str, np.ndarray] = {}
    carried: list[float] = []
    compare = len(dataset.clips) >= FEWEST_FOR_SPEAKERS and speaker.available()
    for clip in progress.track("checking", dataset.clips, len(dataset.clips)):
        try:
            audio = Audio.read(clip.path, RATE)
        except BadAudio:
            dropped[clip.id] = "it cannot be read"
            continue
        if audio.duration < SHORTEST:
            dropped[clip.id] = f"it is shorter than {SHORTEST} s"
        elif levels(audio.samples, RATE).max(initial=-120.0) < SILENT:
            dropped[clip.id] = "it is silent"
        else:
            carried.append(passband(audio.samples, RATE)[1])
            if compare and audio.duration >= RELIABLE and (embedding := speaker.embed(audio)) is not None:
                embeddings[clip.id] = embedding
    if embeddings:
        ids = list(embeddings)
        others = other_speakers(np.array([embeddings[id] for id in ids]))
        dropped |= {ids[i]: reason.partition(" (")[0] for i, reason in others.items()}
    hertz = float(np.percentile(carried, 75)) if carried else NARROW
    return dropped, [narrow(hertz)] if hertz < NARROW else []


def without(dataset: Dataset, dropped: dict[str, str]) -> Dataset:
    """A dataset without some clips."""
    return dataclasses.replace(dataset, clips=[clip for clip in dataset.clips if clip.id not in dropped])


def counted(dropped: dict[str, str]) -> str:
    """In one line how many clips were left out, and why: ``3 clips left out: a (it is silent), b (...), ...``."""
    shown = [f"{id} ({reason})" for id, reason in list(dropped.items())[:3]]
    more = f" and {len(dropped) - 3} more" if len(dropped) > 3 else ""
    return f"{len(dropped)} clip{'s' if len(dropped) > 1 else ''} left out: {', '.join(shown)}{more}"
