"""LibreTranslate's server with a model of ours: `python -m benchmarks.peers.libretranslate PACKAGES PORT`.

Runs in the peer's own environment; imports nothing of Dragoman. Everything is as the server comes, but for the
splitting of texts into sentences: the model for that must be downloaded, and is replaced by taking the whole text for
one sentence, which costs nothing.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    packages, port = sys.argv[1:]
    os.environ["ARGOS_PACKAGES_DIR"] = packages
    from argostranslate import translate

    class WholeText:
        def __init__(self, package: object) -> None:
            pass

        def split_sentences(self, text: str) -> list[str]:
            return [text]

    translate.MiniSBDSentencizer = WholeText
    from libretranslate import main as serve

    sys.argv = [
        "libretranslate",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--load-only",
        "en,zh",
        "--disable-web-ui",
    ]
    serve()


if __name__ == "__main__":
    main()
