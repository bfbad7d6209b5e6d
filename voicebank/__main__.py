"""``python -m voicebank`` is the command ``voicebank``."""

from voicebank.cli import main

main()
