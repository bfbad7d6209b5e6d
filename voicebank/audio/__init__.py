"""Sound: read, joined, encoded, written and played."""

from voicebank.audio.encoding import FORMATS, Samples, StrPath, format_of
from voicebank.audio.sound import Audio, resample_stream
from voicebank.audio.writing import AudioWriter, StreamEncoder, encode_stream

__all__ = [
    "FORMATS",
    "Audio",
    "AudioWriter",
    "Samples",
    "StreamEncoder",
    "StrPath",
    "encode_stream",
    "format_of",
    "resample_stream",
]
