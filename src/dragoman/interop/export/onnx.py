"""A Transformer as two graphs that ONNX Runtime computes: the encoder once, and one step of the decoder with its cache.

    encoder.onnx   source [B, S], source_mask [B, S] -> memory_keys_i, memory_values_i [B, H, S, K]
    decoder.onnx   tokens [R, 1], source_mask [R, S], memory_*_i [R, H, S, K], past_keys_i, past_values_i [R, H, t, K]
                   -> logits [R, V], present_keys_i, present_values_i [R, H, t + 1, K]

The graphs are written node by node, after Figure 1, and not traced: a trace keeps the lengths of its example. A search
stands beside them, in scripts/onnx_translate.py.

Dimensions: B batch, S source, T target, D model, H heads, K head width, R rows (beams), t tokens so far, V vocabulary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dragoman.decoding.options import DecodingOptions
from dragoman.errors import ConfigError, MissingExtraError
from dragoman.files import write_new
from dragoman.interop.ctranslate2 import LAYER_NORM_EPSILON, SINUSOIDAL_POSITIONS, WAVES
from dragoman.interop.export.ctranslate2 import SETTINGS, SOURCE, TARGET, decoding
from dragoman.interop.export.cutting import cutter
from dragoman.interop.export.gate import Runtime
from dragoman.model.directory import ModelDirectory
from dragoman.text.mapped import MappedTokenizer
from dragoman.transformer.description import NUMBERS, Computes, unlisted

OPSET, IR = 20, 10  # the first with Gelu; of 2023 and 2024
HIDDEN = -1e9  # is added to a score that may not be looked at
UNHEEDED = ("min_length", "no_repeat_ngram")  # rules that the script's search does not know
SCRIPT = Path(__file__).parent / "scripts" / "onnx_translate.py"
COMPUTES: Computes = {
    **NUMBERS,
    "kind": ("transformer",),
    "norm": ("post", "pre"),
    "activation": ("relu", "gelu", "gelu_tanh", "swish", "swiglu"),
    "output_bias": (False, True),
    "source_eos": (False, True),
    "norm_epsilon": None,
    "positions": ("sinusoidal", "fairseq", "learned"),
    "tie": ("all", "target", "none"),
    "attention_dropout": None,  # of training
}


def refusal(model: ModelDirectory) -> str | None:
    """What of a model there are no nodes for here, or None."""
    if why := unlisted(model.config["model"], COMPUTES):
        return f"the ONNX graphs have no {why}"
    asked = decoding(model)
    for name in UNHEEDED:
        if asked[name]:
            return f"the search beside the ONNX graphs does not heed decoding.{name} = {asked[name]}"
    return None


def write(model: ModelDirectory, directory: Path) -> None:
    """Both graphs, the tokenizers, the settings of the search, and a script that translates with them."""
    if why := refusal(model):
        raise ConfigError(f"an ONNX export is not possible: {why}")
    write_new(directory / "encoder.onnx", _encoder(model))
    write_new(directory / "decoder.onnx", _decoder(model))
    for name, tokenizer in ((SOURCE, model.source_tokenizer), (TARGET, model.target_tokenizer)):
        write_new(directory / name, tokenizer.sentencepiece)
    write_new(directory / SETTINGS, json.dumps(_settings(model), indent=1).encode())
    write_new(directory / "translate.py", SCRIPT.read_bytes())


def _settings(model: ModelDirectory) -> dict[str, Any]:
    """For the script: the search, and what it has to know of the tokens."""
    words = {
        name: tokenizer.vocabulary()
        for name, tokenizer in (("source", model.source_tokenizer), ("target", model.target_tokenizer))
        if isinstance(tokenizer, MappedTokenizer)  # else SentencePiece's own numbers are the ids
    }
    reads_end = model.config["model"].get("source_eos", True)
    return {**decoding(model), "source_eos": reads_end, **({"vocabularies": words} if words else {})}


# -- nodes --------------------------------------------------------------------------------------------------------


def _onnx() -> Any:
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            "an ONNX export needs onnx: install it with  pip install 'dragoman[onnx]'"
        ) from error
    return onnx


class Graph:
    """Nodes in the order in which they are computed, and the arrays that they use."""

    def __init__(self, model: ModelDirectory) -> None:
        self.onnx, self.weights, self.settings = _onnx(), model.weights, model.config["model"]
        self.nodes: list[Any] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.heads = int(self.settings["n_heads"])
        self.width = int(self.settings["d_model"]) // self.heads
        self.epsilon = float(self.settings.get("norm_epsilon", LAYER_NORM_EPSILON))

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """A node with one output, and the name of that."""
        found = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [found], **attributes))
        return found

    def array(self, name: str, values: Any, kind: type = np.float32) -> str:
        if name not in self.arrays:
            self.arrays[name] = np.ascontiguousarray(values, kind)
        return name

    def whole(self, *values: int) -> str:
        return self.array(f"whole_{'_'.join(map(str, values))}", values, np.int64)

    def weight(self, name: str) -> str:
        return self.array(name, self.weights[name])

    def linear(self, x: str, name: str) -> str:
        """x W' + b."""
        turned = self.array(f"{name}.turned", self.weights[f"{name}.weight"].T)
        return self.node("Add", self.node("MatMul", x, turned), self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=self.epsilon)

    def heads_of(self, x: str, name: str = "") -> str:
        """[B, T, D] -> [B, H, T, K]."""
        split = self.node("Reshape", x, self.whole(0, 0, self.heads, self.width))
        return self.node("Transpose", split, perm=[0, 2, 1, 3], name=name)

    def attend(self, q: str, k: str, v: str, hidden: str | None, output: str) -> str:
        """q [B, H, T, K], k and v [B, H, S, K], hidden [B, 1, 1, S] -> [B, T, D]."""
        scale = self.array("scale", 1 / math.sqrt(self.width))
        scores = self.node("MatMul", self.node("Mul", q, scale), self.node("Transpose", k, perm=[0, 1, 3, 2]))
        if hidden is not None:
            scores = self.node("Add", scores, hidden)
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=-1), v)
        merged = self.node("Transpose", mixed, perm=[0, 2, 1, 3])
        return self.linear(self.node("Reshape", merged, self.whole(0, 0, self.heads * self.width)), output)

    def feed_forward(self, x: str, name: str) -> str:
        inner, kind = self.linear(x, f"{name}.inner"), self.settings["activation"]
        if kind == "swiglu":
            gated = self.node("Mul", self.swish(self.linear(x, f"{name}.gate")), inner)
            return self.linear(gated, f"{name}.outer")
        if kind == "swish":
            return self.linear(self.swish(inner), f"{name}.outer")
        if kind == "relu":
            return self.linear(self.node("Relu", inner), f"{name}.outer")
        way = "tanh" if kind == "gelu_tanh" else "none"
        return self.linear(self.node("Gelu", inner, approximate=way), f"{name}.outer")

    def swish(self, x: str) -> str:
        return self.node("Mul", x, self.node("Sigmoid", x))

    def embed(self, tokens: str, side: str, first: str, last: str) -> str:
        """tokens [B, T], which stand at the positions from first to before last -> [B, T, D]."""
        table = "embedding.weight" if self.settings["tie"] == "all" else f"{side}_embedding.weight"
        scale = self.array("embedding_scale", math.sqrt(self.heads * self.width))
        words = self.node("Mul", self.node("Gather", self.weight(table), tokens), scale)
        if self.settings["positions"] == "learned":
            places = self.weight(f"{side}_input.learned.weight")
        else:
            waves = WAVES[self.settings["positions"]]
            places = self.array("sinusoids", waves(SINUSOIDAL_POSITIONS, self.heads * self.width))
        return self.node("Add", words, self.node("Slice", places, first, last, self.whole(0)))

    def before(self, x: str, residual: str) -> str:
        """What a sublayer reads."""
        return self.norm(x, f"{residual}.norm") if self.settings["norm"] == "pre" else x

    def after(self, x: str, y: str, residual: str) -> str:
        """Add & Norm."""
        total = self.node("Add", x, y)
        return total if self.settings["norm"] == "pre" else self.norm(total, f"{residual}.norm")

    def hidden(self) -> str:
        """source_mask [B, S] -> what is added to the scores [B, 1, 1, S]."""
        absent = self.node("Cast", self.node("Not", "source_mask"), to=self.onnx.TensorProto.FLOAT)
        far = self.node("Mul", absent, self.array("far", HIDDEN))
        return self.node("Unsqueeze", far, self.whole(1, 2))

    def length(self, of: str, axis: int) -> str:
        """The length of an axis, as a list of one."""
        return self.node("Shape", of, start=axis, end=axis + 1)

    def serialised(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
        """The graph, once onnx has found nothing wrong with it."""
        arrays = [self.onnx.numpy_helper.from_array(array, key) for key, array in self.arrays.items()]
        graph = self.onnx.helper.make_graph(self.nodes, name, inputs, outputs, arrays)
        opsets = [self.onnx.helper.make_opsetid("", OPSET)]
        model = self.onnx.helper.make_model(
            graph, opset_imports=opsets, ir_version=IR, producer_name="dragoman"
        )
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def value(self, name: str, kind: str, *shape: str | int) -> Any:
        """An input or output; a letter is a dimension of any size."""
        return self.onnx.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, kind), shape)

    def cache(self, name: str, layer: int, *shape: str) -> Iterator[Any]:
        for part in ("keys", "values"):
            yield self.value(f"{name}_{part}_{layer}", "FLOAT", shape[0], self.heads, shape[1], self.width)


# -- Figure 1 -----------------------------------------------------------------------------------------------------


def _encoder(model: ModelDirectory) -> bytes:
    g = Graph(model)
    x = g.embed("source", "source", g.whole(0), g.length("source", 1))
    hidden = g.hidden()
    for i in range(g.settings["encoder_layers"]):
        layer, first, second = (f"encoder.layers.{i}{end}" for end in ("", ".residuals.0", ".residuals.1"))
        read = g.before(x, first)
        q, k, v = (g.heads_of(g.linear(read, f"{layer}.self_attention.{part}")) for part in "qkv")
        x = g.after(x, g.attend(q, k, v, hidden, f"{layer}.self_attention.output"), first)
        x = g.after(x, g.feed_forward(g.before(x, second), f"{layer}.feed_forward"), second)
    if g.settings["norm"] == "pre":
        x = g.norm(x, "encoder.norm")
    outputs: list[Any] = []
    for i in range(g.settings["decoder_layers"]):
        for part, name in (("k", "keys"), ("v", "values")):
            made = g.linear(x, f"decoder.layers.{i}.cross_attention.{part}")
            g.heads_of(made, f"memory_{name}_{i}")
        outputs += g.cache("memory", i, "B", "S")
    inputs = [g.value("source", "INT64", "B", "S"), g.value("source_mask", "BOOL", "B", "S")]
    return g.serialised("encoder", inputs, outputs)


def _decoder(model: ModelDirectory) -> bytes:
    g = Graph(model)
    past = g.length("past_keys_0", 2)
    x = g.embed("tokens", "target", past, g.node("Add", past, g.whole(1)))
    hidden = g.hidden()
    inputs = [g.value("tokens", "INT64", "R", 1), g.value("source_mask", "BOOL", "R", "S")]
    outputs = [g.value("logits", "FLOAT", "R", model.target_tokenizer.vocab_size)]
    for i in range(g.settings["decoder_layers"]):
        x = _decoder_layer(g, x, hidden, i)
        inputs += [*g.cache("memory", i, "R", "S"), *g.cache("past", i, "R", "t")]
        outputs += g.cache("present", i, "R", "t1")
    if g.settings["norm"] == "pre":
        x = g.norm(x, "decoder.norm")
    table = {"all": "embedding.weight", "target": "target_embedding.weight", "none": "output.weight"}
    turned = g.array("output.turned", model.weights[table[g.settings["tie"]]].T)
    last = g.node("Squeeze", x, g.whole(1))
    if g.settings.get("output_bias"):
        g.node("Add", g.node("MatMul", last, turned), g.weight("output_bias"), name="logits")
    else:
        g.node("MatMul", last, turned, name="logits")
    return g.serialised("decoder", inputs, outputs)


def _decoder_layer(g: Graph, x: str, hidden: str, number: int) -> str:
    layer = f"decoder.layers.{number}"
    first, second, third = (f"{layer}.residuals.{j}" for j in range(3))
    read, inside = g.before(x, first), f"{layer}.self_attention"
    q, k, v = (g.heads_of(g.linear(read, f"{inside}.{part}")) for part in "qkv")
    k = g.node("Concat", f"past_keys_{number}", k, axis=2, name=f"present_keys_{number}")
    v = g.node("Concat", f"past_values_{number}", v, axis=2, name=f"present_values_{number}")
    x = g.after(x, g.attend(q, k, v, None, f"{inside}.output"), first)
    asks = f"{layer}.cross_attention"
    q = g.heads_of(g.linear(g.before(x, second), f"{asks}.q"))
    memory = f"memory_keys_{number}", f"memory_values_{number}"
    x = g.after(x, g.attend(q, *memory, hidden, f"{asks}.output"), second)
    return g.after(x, g.feed_forward(g.before(x, third), f"{layer}.feed_forward"), third)


# -- the export at work -------------------------------------------------------------------------------------------


class OnnxRuntime:
    """The directory in ONNX Runtime, through the script that lies in it. See gate.Runtime."""

    def __init__(self, model: ModelDirectory, directory: Path) -> None:
        try:
            from dragoman.interop.export.scripts.onnx_translate import Model
        except ImportError as error:
            raise MissingExtraError(
                "an ONNX export is compared with its model by onnxruntime: install it with  "
                "pip install 'dragoman[onnx]'"
            ) from error
        self.model = Model(directory)
        self.source = cutter(model.source_tokenizer, (directory / SOURCE).read_bytes())
        self.lead = list(model.target_tokenizer.lead)

    def encode(self, text: str) -> list[int]:
        return self.source.encode(text)

    def log_probabilities(self, source: Sequence[int], target: Sequence[int]) -> np.ndarray:
        return self.model.score(list(source), list(target))

    def search(self, source: Sequence[int], options: DecodingOptions) -> list[int]:
        search = options.beam_size, options.length_penalty, options.max_length
        return self.model.search(list(source), *search, self.lead)


def runtime(model: ModelDirectory, directory: Path) -> Runtime:
    return OnnxRuntime(model, directory)
