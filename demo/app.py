"""The web demo: ``python demo/app.py``, or this folder as a Hugging Face Space."""

if __name__ == "__main__":  # the processes that make voices import this file, too
    from voicebank_demo.app import main

    main()
