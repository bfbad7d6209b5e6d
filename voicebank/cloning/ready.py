"""Imports what a voice takes. A process that is forked from one that has done so begins at once.

Nothing is computed here: threads that compute do not survive a fork.
"""

import contextlib

from voicebank.cloning import run as run
from voicebank.errors import PluginError
from voicebank.signal import speaker

with contextlib.suppress(PluginError):  # whoever needs it says so
    speaker.import_resemblyzer()
