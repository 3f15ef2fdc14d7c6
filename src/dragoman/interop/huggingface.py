"""Models in the format of Hugging Face's transformers: GPT-2 and BERT read, a BERT written as a directory of ours.

Only safetensors are read: the older pytorch_model.bin is a pickle, which runs whatever is in it. Writes no model in
their format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from dragoman.errors import ConfigError, ModelError
from dragoman.ids import SPECIALS
from dragoman.lineage.bert import Bert, BertConfig
from dragoman.lineage.gpt import Gpt, GptConfig
from dragoman.model.contents import naming
from dragoman.model.fields import fields_of
from dragoman.model.languagemodels import write_lm
from dragoman.model.modules import weightless
from dragoman.text.vocabulary import MASK, Vocabulary
from dragoman.text.wordpiece import WordPiece

C = TypeVar("C")
M = TypeVar("M", bound=nn.Module)

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PIECES, TOKENIZER_CONFIG = "vocab.txt", "tokenizer_config.json"
THEIRS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")

# What they call the settings, and the activations.
_GPT2 = {
    "d_model": "n_embd", "d_ff": "n_inner", "n_heads": "n_head", "layers": "n_layer", "max_length": "n_positions",
    "dropout": "resid_pdrop", "attention_dropout": "attn_pdrop", "norm_epsilon": "layer_norm_epsilon",
}  # fmt: skip
_BERT = {
    "d_model": "hidden_size", "d_ff": "intermediate_size", "n_heads": "num_attention_heads",
    "layers": "num_hidden_layers", "max_length": "max_position_embeddings", "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob", "norm_epsilon": "layer_norm_eps",
    "segments": "type_vocab_size",
}  # fmt: skip
_ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu": "relu"}
# Settings that change what is computed, with the one value that is computed here.
_GPT2_ONLY: Mapping[str, object] = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "add_cross_attention": False,
}
_BERT_ONLY: Mapping[str, object] = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}


# -- their directory --------------------------------------------------------------------------------------------


def read(directory: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The settings of config.json, and the weights in fp32, of a model whose model_type is `kind`.

    Raises ModelError for a directory that is none, holds another kind, or holds pickles only.
    """
    if not (directory / CONFIG).exists():
        raise ModelError(f"{directory} has no {CONFIG}: it is no model in Hugging Face format")
    if not (directory / WEIGHTS).exists():
        raise ModelError(
            f"{directory} has no {WEIGHTS}: other formats are not read (save_pretrained of a recent transformers "
            "writes it)"
        )
    try:
        settings = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        found = settings.get("model_type")
        if found != kind:
            raise ModelError(f"{directory} holds a model of type {found!r}, not {kind!r}")
        weights = safetensors.torch.load_file(directory / WEIGHTS)
    except (OSError, ValueError, AttributeError, RecursionError, safetensors.SafetensorError) as error:
        raise ModelError(f"{directory} cannot be read: {error}") from error
    return settings, {name: weight.float() for name, weight in weights.items()}


def _modern(name: str) -> str:
    """The first BERTs were converted from TensorFlow, whose norms have a gamma and a beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


class Sorter:
    """Weights taken one by one under their foreign names; what is left over was not understood."""

    def __init__(
        self, directory: Path, weights: Mapping[str, Tensor], prefix: str, ignored: tuple[str, ...]
    ) -> None:
        self.directory = directory
        named = {_modern(name.removeprefix(prefix)): weight for name, weight in weights.items()}
        self.left = {name: weight for name, weight in named.items() if not name.endswith(ignored)}

    def take(self, name: str) -> Tensor:
        """Raises ModelError if it is not there."""
        if name not in self.left:
            raise ModelError(f"{self.directory}: {WEIGHTS} lacks {name}")
        return self.left.pop(name).contiguous()

    def pair(self, theirs: str, ours: str) -> dict[str, Tensor]:
        """Weight and bias of a layer that is the same here and there."""
        return {f"{ours}.{part}": self.take(f"{theirs}.{part}") for part in ("weight", "bias")}

    def spare(self, name: str, same: Tensor, called: str) -> None:
        """Take what older versions stored twice. Raises ModelError if it is not the same."""
        found = self.left.pop(name, None)
        if found is not None and not torch.equal(found, same):
            raise ModelError(f"{self.directory}: {name} differs from {called}: here they are one weight")

    def finish(self) -> None:
        """Raises ModelError if anything is left: a weight without a place would change what the model computes."""
        if self.left:
            names = ", ".join(sorted(self.left)[:3])
            raise ModelError(f"{self.directory}: {WEIGHTS} holds {names}, for which there is no place here")


def choose(directory: Path, settings: Mapping[str, Any], key: str, choices: Mapping[str, str]) -> str:
    """What a setting is called here. Raises ModelError for one that has no name here."""
    found = settings.get(key)
    if not isinstance(found, str) or found not in choices:
        raise ModelError(f"{directory}: {key} = {found!r}: must be one of {', '.join(choices)}")
    return choices[found]


def refuse_others(directory: Path, settings: Mapping[str, Any], only: Mapping[str, object]) -> None:
    """Raise ModelError for a setting that asks for what is not computed here."""
    for key, computed in only.items():
        found = settings.get(key)
        if found is not None and found != computed:
            raise ModelError(
                f"{directory}: {CONFIG}: {key} = {json.dumps(found)}: only {json.dumps(computed)} is computed here"
            )


def shape(
    directory: Path, settings: Mapping[str, Any], cls: type[C], names: Mapping[str, str], activation: str
) -> C:
    """The configuration that `settings` describe; `names` are theirs by ours. Raises ModelError, naming theirs."""
    ours = {field.key: field for field in fields_of(cls, "model")}
    with naming(directory):
        for name, foreign in names.items():
            replace(ours[name], section="", key=foreign, file=CONFIG).check(settings)
    values = {name: settings[foreign] for name, foreign in names.items()}
    try:
        return cls(**values | {"activation": activation})
    except ConfigError as error:
        raise ModelError(f"{directory}: {CONFIG} describes no model: {error}") from error


def filled(directory: Path, make: Callable[[], M], state: Mapping[str, Tensor]) -> M:
    """What `make` makes with these weights, in evaluation mode. Raises ModelError for weights of other sizes."""
    with weightless():
        model = make()
    try:
        model.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ModelError(f"{directory}: the weights have other sizes than config.json says") from error
    return model.eval().requires_grad_(False)


# -- GPT-2 ------------------------------------------------------------------------------------------------------


def read_gpt2(directory: Path) -> Gpt:
    """GPT-2 as transformers' save_pretrained writes it. Raises ModelError for what is not it."""
    settings, weights = read(directory, "gpt2")
    refuse_others(directory, settings, _GPT2_ONLY)
    activation = choose(directory, settings, "activation_function", _ACTIVATIONS)
    if settings.get("n_inner") is None and type(settings.get("n_embd")) is int:
        settings["n_inner"] = 4 * settings["n_embd"]
    config = shape(directory, settings, GptConfig, _GPT2, activation)
    # attn.bias and attn.masked_bias are masks that older versions stored.
    given = Sorter(directory, weights, "transformer.", (".attn.bias", ".attn.masked_bias"))
    state = _gpt2_renamed(given, config.layers)
    given.spare("lm_head.weight", state["embedding.weight"], "the token table")
    given.finish()
    return filled(directory, lambda: Gpt(config, len(state["embedding.weight"])), state)


def _gpt2_renamed(given: Sorter, layers: int) -> dict[str, Tensor]:
    """GPT-2 keeps its matrices as [in, out] ("Conv1D"), and q, k and v of a layer in one."""
    state = {"embedding.weight": given.take("wte.weight"), "input.learned.weight": given.take("wpe.weight")}
    for i in range(layers):
        ours, theirs = f"decoder.layers.{i}", f"h.{i}"
        state |= given.pair(f"{theirs}.ln_1", f"{ours}.residuals.0.norm")
        state |= given.pair(f"{theirs}.ln_2", f"{ours}.residuals.1.norm")
        both = {part: given.take(f"{theirs}.attn.c_attn.{part}").chunk(3, -1) for part in ("weight", "bias")}
        for j, name in enumerate("qkv"):
            state |= {f"{ours}.self_attention.{name}.{part}": both[part][j].t().clone() for part in both}
        for name, foreign in (
            ("self_attention.output", "attn.c_proj"),
            ("feed_forward.inner", "mlp.c_fc"),
            ("feed_forward.outer", "mlp.c_proj"),
        ):
            pair = given.pair(f"{theirs}.{foreign}", f"{ours}.{name}")
            state |= {key: weight.t().contiguous() for key, weight in pair.items()}
    return state | given.pair("ln_f", "decoder.norm")


# -- BERT -------------------------------------------------------------------------------------------------------


def read_bert(directory: Path) -> Bert:
    """BERT with both heads, as save_pretrained of BertForPreTraining writes it; raises ModelError for what is not it.

    Weights without heads (BertModel, BertForMaskedLM) are refused: what they lack cannot be guessed.
    """
    settings, weights = read(directory, "bert")
    refuse_others(directory, settings, _BERT_ONLY)
    activation = choose(directory, settings, "hidden_act", _ACTIVATIONS)
    config = shape(directory, settings, BertConfig, _BERT, activation)
    given = Sorter(directory, weights, "bert.", ("position_ids",))  # which are 0, 1, 2, ...
    state = _bert_renamed(given, config.layers)
    given.spare("cls.predictions.decoder.weight", state["embedding.weight"], "the token table")
    given.spare("cls.predictions.decoder.bias", state["word_bias"], "cls.predictions.bias")
    given.finish()
    return filled(directory, lambda: Bert(config, len(state["embedding.weight"])), state)


def _bert_renamed(given: Sorter, layers: int) -> dict[str, Tensor]:
    state = {
        "embedding.weight": given.take("embeddings.word_embeddings.weight"),
        "positions.weight": given.take("embeddings.position_embeddings.weight"),
        "segments.weight": given.take("embeddings.token_type_embeddings.weight"),
        "word_bias": given.take("cls.predictions.bias"),
    }
    for theirs, ours in (
        ("embeddings.LayerNorm", "norm"),
        ("pooler.dense", "pooler"),
        ("cls.predictions.transform.dense", "word"),
        ("cls.predictions.transform.LayerNorm", "word_norm"),
    ):
        state |= given.pair(theirs, ours)
    # There label 0 says that the second sentence follows, here 1 does.
    state |= {name: weight.flip(0) for name, weight in given.pair("cls.seq_relationship", "next").items()}
    for i in range(layers):
        ours, theirs = f"encoder.layers.{i}", f"encoder.layer.{i}"
        for foreign, own in (
            ("attention.self.query", "self_attention.q"),
            ("attention.self.key", "self_attention.k"),
            ("attention.self.value", "self_attention.v"),
            ("attention.output.dense", "self_attention.output"),
            ("attention.output.LayerNorm", "residuals.0.norm"),
            ("intermediate.dense", "feed_forward.inner"),
            ("output.dense", "feed_forward.outer"),
            ("output.LayerNorm", "residuals.1.norm"),
        ):
            state |= given.pair(f"{theirs}.{foreign}", f"{ours}.{own}")
    return state


def import_bert(directory: Path, output: Path) -> Vocabulary:
    """Write the model in `directory` to `output`; returns its tokens.

    Raises ModelError for a directory without vocab.txt, or with one that is not of this model.
    """
    model = read_bert(directory)
    words = _pieces(directory)
    if len(words) != model.embedding.num_embeddings:
        raise ModelError(
            f"{directory}: {PIECES} has {len(words):,} tokens, and the model has "
            f"{model.embedding.num_embeddings:,}: it is the vocabulary of another model"
        )
    places = {word: i for i, word in enumerate(words)}
    if missing := [word for word in (*THEIRS, MASK) if word not in places]:
        raise ModelError(f"{directory}: {PIECES} lacks {', '.join(missing)}")
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


def _pieces(directory: Path) -> list[str]:
    try:
        return (directory / PIECES).read_text(encoding="utf-8").split("\n")[:-1]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{directory} has no {PIECES}, the tokens of the model by id: {error}") from error


def _lower(directory: Path) -> bool:
    """Whether the model was trained on small letters; BERT's tokenizer does so unless told otherwise."""
    path = directory / TOKENIZER_CONFIG
    if not path.exists():
        return True
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("do_lower_case", True))
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
