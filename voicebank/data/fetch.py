"""A video with its captions from the network, through yt-dlp (the extra ``video``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicebank.data.progress import Progress
from voicebank.errors import BadData, PluginError


def is_address(place: str) -> bool:
    """Whether a place is on the network."""
    return place.startswith(("http://", "https://"))


def fetch(
    address: str, folder: Path, language: str = "en", progress: Progress | None = None
) -> tuple[Path, Path | None]:
    """Download the sound of a video and its captions: those that people wrote if there are any.

    Files that are there already are not fetched again; a download that was interrupted goes on.

    Args:
        address: of any page that yt-dlp knows, or of the file itself.
        folder: for the files.
        language: of the captions.
        progress: callbacks; steps are bytes.

    Returns:
        The recording, and its captions if it has any.

    Raises:
        PluginError: yt-dlp is not installed.
        BadData: the video cannot be fetched.
    """
    try:
        from yt_dlp import YoutubeDL
    except ImportError as error:
        raise PluginError("fetching a video needs yt-dlp: pip install 'voicebank[video]'") from error

    def told(state: dict[str, Any]) -> None:
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        if progress and total:
            progress.step("fetching", int(state.get("downloaded_bytes") or 0), int(total))

    options = {
        "format": "bestaudio/best",
        "outtmpl": str(folder / "%(id)s.%(ext)s"),
        "writesubtitles": True,
        "writeautomaticsub": True,
        "subtitleslangs": [language, f"{language}-US", f"{language}-GB", f"{language}-orig"],
        "subtitlesformat": "json3/vtt/srt/best",
        "noplaylist": True,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
        "progress_hooks": [told],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with YoutubeDL(options) as loader:
            info = loader.extract_info(address, download=True)
            path = Path(loader.prepare_filename(info))
    except Exception as error:  # yt-dlp raises whatever the site makes it raise
        reason = " ".join(str(error).split()).removeprefix("ERROR: ")[:200]
        raise BadData(f"cannot fetch {address}: {reason}") from error
    if not path.is_file():
        raise BadData(f"cannot fetch {address}: there is no video on the page")
    return path, _captions(info, options["subtitleslangs"])


class _Silent:
    """What yt-dlp would print: its errors are raised anyway."""

    def debug(self, message: str) -> None:
        pass

    info = warning = error = debug


def _captions(info: dict[str, Any], languages: Any) -> Path | None:
    """The best of the caption files that were written: of people before automatic, then in the order asked for."""
    by_people = info.get("subtitles") or {}
    written = info.get("requested_subtitles") or {}
    known = sorted(languages, key=lambda language: language not in by_people)
    paths = [Path(written[name]["filepath"]) for name in known if name in written and written[name].get("filepath")]
    return next((path for path in paths if path.is_file()), None)
