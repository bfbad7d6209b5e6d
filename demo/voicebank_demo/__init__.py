"""The web demo of voicebank: it calls the library's public API and draws what comes back."""
