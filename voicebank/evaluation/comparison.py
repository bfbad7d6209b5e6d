"""Two systems on the same sentences: differences of their scores, and how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from voicebank.errors import BadData
from voicebank.hub.card import markdown_table

if TYPE_CHECKING:
    from voicebank.evaluation.scores import Scores

RESAMPLES = 10_000
INTERVAL = (2.5, 97.5)  # percentiles


class Difference(BaseModel):
    """A difference of two means, with the 95 % interval of the paired bootstrap."""

    model_config = ConfigDict(extra="forbid")

    value: float
    low: float
    high: float


class Comparison(BaseModel):
    """A system less another one, on the sentences that both were scored on."""

    model_config = ConfigDict(extra="forbid")

    system: str
    against: str
    sentences: int
    wer: Difference
    """Word errors over words: 0.01 is one point more."""
    distillmos: Difference | None
    """None where it was not measured for both."""

    def summary(self) -> str:
        """The differences as a Markdown table."""
        rows = [("word error rate, points", *(f"{100 * v:+.1f}" for v in self.wer.model_dump().values()))]
        if self.distillmos is not None:
            rows.append(("DistillMOS", *(f"{v:+.2f}" for v in self.distillmos.model_dump().values())))
        header = (f"{self.system} less {self.against}, {self.sentences} sentences", "difference", "95 % from", "to")
        return markdown_table(header, rows)


def compare_scores(scores: Scores, other: Scores) -> Comparison:
    """Compare two systems by a paired bootstrap over the sentences that both were scored on.

    Sentences are drawn with replacement, each with the errors that both systems made in it: an easy draw is easy for
    both. Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation", ICASSP
    2004.

    Raises:
        BadData: they have no sentence in common, or different recognisers transcribed them.
    """
    if scores.transcriber != other.transcriber:
        raise BadData(f"{scores.transcriber} transcribed {scores.system}, {other.transcriber} {other.system}: use one")
    theirs = {row.text: row for row in other.rows}
    pairs = [(row, theirs[row.text]) for row in scores.rows if row.text in theirs]
    if not pairs:
        raise BadData(f"{scores.system} and {other.system} were scored on different sentences: nothing to compare")
    errors = np.array([[row.word_errors for row in pair] for pair in pairs], float)
    words = np.array([row.words for row, _ in pairs], float)
    natural = [(a.distillmos, b.distillmos) for a, b in pairs if a.distillmos is not None and b.distillmos is not None]
    return Comparison(
        system=_label(scores),
        against=_label(other),
        sentences=len(pairs),
        wer=paired_bootstrap(errors, words),
        distillmos=paired_bootstrap(np.array(natural), np.ones(len(natural))) if natural else None,
    )


def paired_bootstrap(values: np.ndarray, weights: np.ndarray) -> Difference:
    """Difference of two sums over the sum of the weights, with the interval over resampled rows.

    Args:
        values: ``(n, 2)``, of the two systems.
        weights: ``(n,)``.
    """
    difference = values[:, 0] - values[:, 1]
    random = np.random.default_rng(0)
    drawn = random.multinomial(len(weights), np.full(len(weights), 1 / len(weights)), RESAMPLES)  # times each row
    low, high = np.percentile(drawn @ difference / (drawn @ weights), INTERVAL)
    return Difference(value=float(difference.sum() / weights.sum()), low=float(low), high=float(high))


def _label(scores: Scores) -> str:
    return f"{scores.system} ({scores.frontend})" if scores.frontend else scores.system
