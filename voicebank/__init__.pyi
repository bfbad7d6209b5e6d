"""Types of the names that ``__init__.py`` imports at first use."""

from voicebank import provenance as provenance
from voicebank.audio import Audio as Audio
from voicebank.audio import AudioWriter as AudioWriter
from voicebank.bank import Voice as Voice
from voicebank.bank import closest as closest
from voicebank.bank import load as load
from voicebank.bank import mix as mix
from voicebank.bank import voices as voices
from voicebank.bulk.clones import clone_batch as clone_batch
from voicebank.bulk.run import batch as batch
from voicebank.cloning.store import CloneSettings as CloneSettings
from voicebank.data import media as media
from voicebank.data import uploads as uploads
from voicebank.data.dataset import Dataset as Dataset
from voicebank.data.progress import Progress as Progress
from voicebank.errors import VoicebankError as VoicebankError
from voicebank.errors import VoicebankWarning as VoicebankWarning
from voicebank.hub.client import search as search
from voicebank.hub.datasets import push_dataset as push_dataset
from voicebank.provenance import detect as detect
from voicebank.provenance import plot_detections as plot_detections
from voicebank.provenance import voice_of as voice_of
from voicebank.synthesis.speech import Chunk as Chunk
from voicebank.synthesis.speech import Speech as Speech
from voicebank.synthesis.speech import SpokenSentence as SpokenSentence
from voicebank.synthesis.timing import SpokenWord as SpokenWord
from voicebank.text.pipeline import Sentence as Sentence

__version__: str
