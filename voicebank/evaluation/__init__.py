"""Scoring: how well a voice, or a folder of clips of any other system, is understood and how it sounds."""

from __future__ import annotations

from voicebank.evaluation.evaluate import evaluate_folder, evaluate_voice
from voicebank.evaluation.scores import Scores, SentenceScore

__all__ = ["Scores", "SentenceScore", "evaluate_folder", "evaluate_voice"]
