"""What voicebank raises. Every message is one line that says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager


class VoicebankError(Exception):
    """Base of all errors that the library raises on purpose."""


class UnknownName(VoicebankError):
    """A voice, plugin, plugin kind or preset that does not exist; the message lists those that do."""


class BadText(VoicebankError):
    """Text that cannot be spoken: empty, blank, or without one speakable character."""


class BadVoice(VoicebankError):
    """A voice whose files are missing, truncated, of the wrong shape or from a newer version."""


class BadData(VoicebankError):
    """A corpus, a lexicon or another input file that is incomplete or malformed."""


class BadAudio(BadData):
    """Sound that cannot be read, written or joined."""


class PluginError(VoicebankError):
    """A plugin that is installed but does not load or does not accept its options."""


class ConsentError(VoicebankError):
    """A clone without its speaker's consent was to be published: it is for private use."""


class RunawayError(VoicebankError):
    """A sentence that ran past its longest plausible length without reaching its end."""


class HubError(VoicebankError):
    """The Hugging Face Hub refused, failed or could not be reached; or a name that is no repository's."""


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Around imports of packages that only an extra brings.

    Raises:
        PluginError: one is missing; it says how to install the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "voicebank").partition(".")[0]
        if package == "voicebank":
            raise
        raise PluginError(f"this needs the package {package}: pip install 'voicebank[{extra}]'") from error


@contextmanager
def explained(what: str, kind: type[VoicebankError] = BadData, then: str = "") -> Iterator[None]:
    """Around reading or writing files: an error of the disk in one line, such as ``cannot write x: Permission denied``.

    Raises:
        VoicebankError: of this kind.
    """
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {error.strerror or error}{then}") from error


class VoicebankWarning(UserWarning):
    """Something was left out or done in another way than asked for; the message is one line."""
