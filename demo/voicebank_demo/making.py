"""What the tab Your voice does: recordings kept, uploads checked, voices made, kept, deleted and pushed."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import Any, Literal

import gradio as gr

import voicebank
from voicebank import uploads
from voicebank.errors import BadData, HubError, VoicebankError
from voicebank_demo import voices
from voicebank_demo.clips import Clips
from voicebank_demo.jobs import remove_results
from voicebank_demo.page import errors_shown
from voicebank_demo.recordings import Recordings
from voicebank_demo.state import CheckRequest, TrainRequest
from voicebank_demo.visitors import Demo, Visitor

ACCENTS = [("US English", "en-us"), ("British English", "en-gb")]
MINE, AGREED, PRIVATE = "It is my voice", "The speaker agreed to this", "Neither: for private use only"


class Make:
    """What happens when somebody presses something there."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo

    def recordings(self, visitor: Visitor) -> Recordings:
        """What the visitor recorded."""
        return Recordings(visitor.recordings, self.demo.settings.minutes)

    def recorded(self, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """Keep the recording of a prompt."""
        kept = self.recordings(self.demo.visitor(request))
        try:
            with errors_shown("recording"):
                kept.add(event._data.get("number"), event._data.get("wav"))
        except gr.Error as error:
            return kept.value(message=str(error.message), bad=True)
        return kept.value()

    def forget(self, request: gr.Request) -> dict[str, Any]:
        """Delete the recordings, which can be undone."""
        visitor = self.demo.visitor(request)
        visitor.discard(visitor.recordings)
        return self.recordings(visitor).value(arrived=True)

    def remember(self, request: gr.Request) -> dict[str, Any]:
        """Undo it."""
        visitor = self.demo.visitor(request)
        visitor.restore(visitor.recordings)
        return self.recordings(visitor).value(arrived=True)

    def check_recordings(self, language: str, request: gr.Request) -> None:
        """Check what was recorded."""
        with errors_shown("recordings"):
            visitor = self.demo.visitor(request)
            self.demo.jobs.check_free(visitor.token)
            kept = self.recordings(visitor)
            if not kept.done():
                raise BadData("record some sentences first")
            self._submit(visitor, kept.folder, None, language)

    def check_upload(self, files: list[str] | None, language: str, request: gr.Request) -> None:
        """Check what was uploaded. The files stay where they are: one that is wrong can be taken out."""
        with errors_shown("upload"):
            visitor = self.demo.visitor(request)
            self.demo.jobs.check_free(visitor.token)
            visitor.check_room(self.demo.settings.visitor_megabytes)
            folder = visitor.folder / "upload"
            shutil.rmtree(folder, ignore_errors=True)
            paths = [Path(file) for file in files or []]
            place, captions = uploads.take(paths, [path.name for path in paths], folder, self.demo.settings)
            self._submit(visitor, place, captions, language)

    def _submit(self, visitor: Visitor, source: Path, captions: Path | None, language: str) -> None:
        if language not in dict(ACCENTS).values():
            raise BadData("choose an accent")
        work = visitor.work
        request = CheckRequest(source=source, captions=captions, dataset=work / "dataset", language=language)

        def prepare() -> None:
            visitor.keep_voice()
            remove_results(work)

        queue: Literal["check", "long"] = "long" if source.is_file() else "check"
        self.demo.jobs.submit(visitor.token, queue, work / "checks", request, prepare)

    def edit(self, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """A clip's words were corrected, or whether it is used was changed."""
        clips = Clips(self.demo.visitor(request).work)
        try:
            with errors_shown("clip"):
                clips.edit(event._data.get("id"), event._data.get("text"), event._data.get("used"))
        except gr.Error as error:
            return {**clips.value(), "message": str(error.message), "at": secrets.token_hex(4)}
        return clips.value()

    def start(self, picked: Any, name: str, who: str | None, speaker: str, minutes: float, request: gr.Request) -> None:
        """Queue the training."""
        with errors_shown("start"):
            visitor = self.demo.visitor(request)
            self.demo.jobs.check_free(visitor.token)
            clips, base = Clips(visitor.work), str((picked or {}).get("chosen"))
            if not clips.checked:
                raise BadData("check your recordings first")
            if base not in voices.names():
                raise BadData("choose one of the voices to start from")
            if who not in (MINE, AGREED, PRIVATE):
                raise BadData("say first whose voice it is")
            clips.apply()
            settings = self._settings(minutes)
            wanted = TrainRequest(
                base=base,
                name=_name(name, visitor.voices()),
                consent=_consent(who, speaker),
                minutes=clips.minutes(),
                language=clips.state.language,
                settings=settings,
            )

            def prepare() -> None:
                remove_results(visitor.work, keep=lambda path: path.name in ("checks", "dataset"))

            self.demo.jobs.submit(visitor.token, "train", visitor.work, wanted, prepare)

    def _settings(self, minutes: float) -> dict[str, float]:
        bounds = self.demo.settings
        settings: dict[str, float] = {"max_minutes": max(1.0, min(float(minutes), bounds.job_minutes))}
        if steps := int(bounds.steps):
            settings |= {"text2mel_steps": steps, "ssrn_steps": steps, "rehearsal_sentences": min(160, 4 * steps)}
            settings |= {"validate_every": max(1, steps // 4), "preview_every": max(1, steps // 2)}
            settings |= {"batch_size": min(16, 2 * steps)}
        return settings

    def stop(self, request: gr.Request) -> None:
        """End the job with what it has."""
        self.demo.jobs.stop(self.demo.visitor(request).token)

    def keep(self, request: gr.Request) -> None:
        """Keep the voice and make another."""
        self.demo.visitor(request).keep_voice()

    def delete(self, request: gr.Request) -> None:
        """Delete the voice, or what was found before one is made, which can be undone."""
        visitor = self.demo.visitor(request)
        self.demo.jobs.drop(visitor.token)
        voices.forget(visitor.work / "clone")
        visitor.discard(visitor.work)

    def undelete(self, request: gr.Request) -> None:
        """Undo it."""
        visitor = self.demo.visitor(request)
        visitor.restore(visitor.work)

    def push(self, repo: str, token: str, private: bool, request: gr.Request) -> tuple[str, str]:
        """Push the voice to the Hub; the token goes to the Hub's client and nowhere else, and out of the field."""
        token, repo = (token or "").strip(), (repo or "").strip()
        with errors_shown("push"):
            visitor = self.demo.visitor(request)
            if visitor.archive is None:
                raise BadData("there is no voice yet: make one first")
            if not voices.HUB_ID.fullmatch(repo) or "@" in repo:
                raise BadData("give the repository as owner/name")
            if not token:
                raise BadData("give a token of huggingface.co that may write")
            try:
                voice = voicebank.load(visitor.work / "clone")
                done = voice.push_to_hub(repo, token=token, private=bool(private))
            except VoicebankError as error:
                raise HubError(str(error).replace(token, "the token")) from None
        return f"Pushed: {done}", ""


def _name(name: str, taken: dict[str, Path]) -> str:
    """A name that is safe as a file's and that no other voice of the visitor has."""
    name = re.sub(r"[^a-z0-9-]+", "-", (name or "").lower()).strip("-")[:40] or f"voice-{secrets.token_hex(2)}"
    return next(each for i in range(1, 100) if (each := name if i == 1 else f"{name}-{i}") not in taken)


def _consent(who: str, speaker: str) -> str:
    """Who agreed, for the voice's card."""
    speaker = "".join(c for c in (speaker or "") if c.isprintable()).strip()[:80]
    if who == PRIVATE:
        return ""
    by = f"{speaker}, " if speaker else ""
    return f"{by}{'the speaker, who made it' if who == MINE else 'the speaker agreed'}, as stated in the web demo"
