"""A little speech without a synthesiser: noise whose bands follow the mouth."""

import numpy as np

from engines.face import articulation, mel
from engines.face.articulation import Phone
from engines.face.corpus import Speech


def speech(sentences: int = 6, seed: int = 0) -> Speech:
    """Sentences of random sounds; every third is held out."""
    random = np.random.default_rng(seed)
    mels, mouths, kinds = [], [], []
    for _ in range(sentences):
        letters = random.choice(list("pbmfvaiusʃtlw"), 20)
        phones = [Phone(letter, 0.3 + 0.1 * k, 0.4 + 0.1 * k) for k, letter in enumerate(letters)]
        mouth, kind = articulation.tracks(phones, 2.6)
        sound = mouth @ random.normal(0, 1, (8, mel.MELS)) + random.normal(0, 0.1, (len(mouth), mel.MELS))
        mels.append(np.clip(sound * 20 + 128, 0, 255).astype(np.uint8))
        mouths.append(np.round(mouth * 255).astype(np.uint8))
        kinds.append(kind)
    start = np.concatenate([[0], np.cumsum([len(part) for part in mels])])
    return Speech(np.concatenate(mels), np.concatenate(mouths), np.concatenate(kinds), start, np.arange(sentences) % 3 == 0)


def save(path, made: Speech) -> None:
    np.savez(path, settings=np.array("{}"), **vars(made))
