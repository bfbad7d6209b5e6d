"""What is spoken: about six seconds, about ten seconds, a page."""

from __future__ import annotations

from pathlib import Path

from voicebank.errors import BadText

SENTENCE = "The old lighthouse keeper climbed the narrow stairs every evening to light the lamp for the passing ships."
LONG = (
    "When the rain had finally stopped, the children ran down to the river to see how high the water had risen, "
    "and they found their little wooden bridge floating slowly towards the mill."
)
PAGE = [
    "The village lies in a green valley between two ranges of hills.",
    "A single road leads to it, and in winter even that is often closed by snow.",
    "Most of the people who live there keep sheep or grow apples.",
    "Every Saturday morning there is a market in the square before the church.",
    "Farmers bring cheese, honey and warm bread, and somebody always plays the violin.",
    "My grandmother was born in the last house by the mill.",
    "She used to tell us how the river rose one night in spring.",
    "The water carried away the bridge, two barns and a very surprised goat.",
    "Nobody was hurt, and the goat was found the next day, eating cabbages in the garden of the school.",
    "After that the villagers built a new bridge of stone, which is still standing.",
    "If you stand in the middle of it and look up the valley, you can see the old castle.",
    "It has been empty for three hundred years, but owls and bats live in its tower.",
    "We were never allowed to play there, so of course we went there whenever we could.",
    "Once we found a rusty key under a flat stone near the gate.",
    "We tried it in every door of the village, and it fitted none of them.",
    "I have kept it to this day in a drawer of my desk, and sometimes I wonder what it opens.",
]
"""Sixteen sentences, a minute and a half."""


def read_page(path: Path) -> list[str]:
    """The sentences of a file, one a line.

    Raises:
        BadText: it cannot be read, or holds none.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadText(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    sentences = [line for line in lines if line]
    if not sentences:
        raise BadText(f"{path} holds no sentence: write one a line")
    return sentences
