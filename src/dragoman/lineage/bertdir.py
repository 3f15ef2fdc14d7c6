"""A BERT in Hugging Face format, with its vocabulary, as a directory of ours: the same numbers under other ids.

Here <pad>, <unk>, <s>, </s> are the first four tokens and [MASK] is the last; there [PAD], [UNK], [CLS], [SEP] and
[MASK] stand anywhere. So the rows of the token table change places, and nothing else does.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from dragoman.errors import ModelError
from dragoman.ids import SPECIALS
from dragoman.lineage.bert import from_hugging_face
from dragoman.lineage.lmdir import MASK, Vocabulary, write_lm
from dragoman.text.wordpiece import WordPiece

VOCABULARY, SETTINGS = "vocab.txt", "tokenizer_config.json"
THEIRS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def import_bert(directory: Path, output: Path) -> Vocabulary:
    """Write the model in `directory` to `output`; returns its tokens.

    Raises ModelError for a directory without vocab.txt, or with one that is not of this model.
    """
    model = from_hugging_face(directory)
    words = _vocabulary(directory)
    if len(words) != model.embedding.num_embeddings:
        raise ModelError(
            f"{directory}: {VOCABULARY} has {len(words):,} tokens, and the model has "
            f"{model.embedding.num_embeddings:,}: it is the vocabulary of another model"
        )
    places = {word: i for i, word in enumerate(words)}
    if missing := [word for word in (*THEIRS, MASK) if word not in places]:
        raise ModelError(f"{directory}: {VOCABULARY} lacks {', '.join(missing)}")
    ends = [places[word] for word in THEIRS]
    middle = sorted(set(range(len(words))) - {*ends, places[MASK]})
    order = torch.tensor([*ends, *middle, places[MASK]])
    state = model.state_dict()
    for name in ("embedding.weight", "word_bias"):
        state[name] = state[name][order]
    kept = (*SPECIALS, *(words[i] for i in middle), MASK)
    vocabulary = Vocabulary(kept, WordPiece(frozenset(kept[len(SPECIALS) :]), _lower(directory)))
    weights = {name: weight.numpy() for name, weight in state.items()}
    write_lm(output, model.config, weights, vocabulary, {"imported": {"from": directory.name}})
    return vocabulary


def _vocabulary(directory: Path) -> list[str]:
    try:
        return (directory / VOCABULARY).read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{directory} has no {VOCABULARY}, the tokens of the model by id: {error}"
        ) from error


def _lower(directory: Path) -> bool:
    """Whether the model was trained on small letters; BERT's tokenizer does so unless told otherwise."""
    path = directory / SETTINGS
    if not path.exists():
        return True
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("do_lower_case", True))
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
