"""The web demo: ``python demo/app.py``, or this folder as a Hugging Face Space."""

from voicebank_demo.app import main

if __name__ == "__main__":
    main()
