"""Two systems on the same sentences: differences of their scores, and how sure they are."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from voicebank.config import first_error
from voicebank.errors import BadData
from voicebank.evaluation.scores import Comparison, Difference, Scores

RESAMPLES = 10_000
INTERVAL = (2.5, 97.5)  # percentiles


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


def read_scores(path: str | PathLike[str]) -> Scores:
    """Scores that ``voicebank evaluate`` wrote: a ``scores.json``, or the folder that holds one.

    Raises:
        BadData: it cannot be read, or is no such file.
    """
    path = Path(path)
    path = path / "scores.json" if path.is_dir() else path
    try:
        return Scores.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadData(f"cannot read the scores in {path}: {error.strerror or error}") from error
    except ValidationError as error:
        raise BadData(f"{path} is no scores.json of `voicebank evaluate`: {first_error(error)}") from error


def _label(scores: Scores) -> str:
    return f"{scores.system} ({scores.frontend})" if scores.frontend else scores.system
