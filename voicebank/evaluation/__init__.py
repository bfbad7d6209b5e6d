"""Scoring: how well a voice, or a folder of clips of any other system, is understood and how it sounds."""

from __future__ import annotations

from voicebank.evaluation.comparison import Comparison, compare_scores
from voicebank.evaluation.listening import TRANSCRIBER, Recogniser
from voicebank.evaluation.scores import Report, Scores, SentenceScore
from voicebank.evaluation.scoring import SsrnScores, evaluate_folder, evaluate_ssrn, evaluate_voice
from voicebank.evaluation.words import FRONTENDS, WordScores, evaluate_words, evaluate_words_folder

__all__ = [
    "FRONTENDS",
    "TRANSCRIBER",
    "Comparison",
    "Recogniser",
    "Report",
    "Scores",
    "SentenceScore",
    "SsrnScores",
    "WordScores",
    "compare_scores",
    "evaluate_folder",
    "evaluate_ssrn",
    "evaluate_voice",
    "evaluate_words",
    "evaluate_words_folder",
]
