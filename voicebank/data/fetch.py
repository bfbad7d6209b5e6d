"""A video with its captions from the network, through yt-dlp (the extra ``video``)."""

from __future__ import annotations

from pathlib import Path

from voicebank.data.captions import SUFFIXES
from voicebank.errors import BadData, PluginError


def is_address(place: str) -> bool:
    """Whether a place is on the network."""
    return place.startswith(("http://", "https://"))


def fetch(address: str, folder: Path, language: str = "en") -> tuple[Path, Path | None]:
    """Download the sound of a video and its captions: those that people wrote if there are any.

    Files that are there already are not fetched again.

    Raises:
        PluginError: yt-dlp is not installed.
        BadData: the video cannot be fetched.
    """
    try:
        from yt_dlp import YoutubeDL
    except ImportError as error:
        raise PluginError("fetching a video needs yt-dlp: pip install 'voicebank[video]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "format": "bestaudio/best",
        "outtmpl": str(folder / "%(id)s.%(ext)s"),
        "writesubtitles": True,
        "writeautomaticsub": True,
        "subtitleslangs": [language, f"{language}-orig", f"{language}-US", f"{language}-GB"],
        "subtitlesformat": "json3/vtt/srt/best",
        "noplaylist": True,
        "quiet": True,
        "noprogress": True,
    }
    try:
        with YoutubeDL(options) as loader:
            info = loader.extract_info(address, download=True)
            path = Path(loader.prepare_filename(info))
    except Exception as error:  # yt-dlp raises whatever the site makes it raise
        reason = " ".join(str(error).split())[:200]
        raise BadData(f"cannot fetch {address}: {reason}") from error
    found = [p for p in sorted(folder.glob(f"{path.stem}.*")) if p.name.lower().endswith(SUFFIXES)]
    return path, found[0] if found else None
