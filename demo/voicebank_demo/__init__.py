"""The web demo of voicebank: it calls the library's public API and draws what comes back."""

from voicebank_demo.memory import share_heaps

share_heaps()  # here, because it helps only before Gradio and torch start their threads
