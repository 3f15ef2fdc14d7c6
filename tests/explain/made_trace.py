"""A trace made of random numbers, in the published form, for tests of what only draws. Translates nothing.

Its attention is true arithmetic on its own q, k and v; its words and its losses are invented.
S source tokens, T target tokens, D model, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

Json = dict[str, Any]
BOS = {"id": 2, "piece": "<s>", "text": "", "span": None, "byte": False}
EOS = {"id": 3, "piece": "</s>", "text": "", "span": None, "byte": False}
HEADS = 4


def made_trace(
    source: Sequence[str] = ("▁Are", "▁you", "▁OK", "▁?"),
    target: Sequence[str] = ("▁你", "好", "吗", "？"),
    *,
    encoder_layers: int = 2,
    decoder_layers: int = 2,
    d_model: int = 32,
    training: bool = True,
    kept: int | None = None,
    seed: int = 0,
) -> Json:
    """One record; `source` and `target` are the pieces without the special tokens.

    `kept` cuts the arrays to so many positions a side, as limits.py does.
    """
    chance = np.random.default_rng(seed)
    read = [*_tokens(source), EOS]
    written = [*_tokens(target), EOS]
    fed = [BOS, *written[:-1]]
    s, t = min(len(read), kept or len(read)), min(len(written), kept or len(written))
    sizes = (s, t, d_model, encoder_layers, decoder_layers)
    cut = (s, t) != (len(read), len(written))
    steps = [_step(chance, t, fed[t], written[t], len(read)) for t in range(len(written))]
    text = "".join(target).replace("▁", "")
    return {
        "format": "dragoman.trace",
        "version": 1,
        "model": {
            "name": "made",
            "kind": "transformer",
            "languages": ["en", "zh"],
            "vocabulary": 100,
            "config": {
                "d_model": d_model,
                "n_heads": HEADS,
                "encoder_layers": encoder_layers,
                "decoder_layers": decoder_layers,
            },
            "specials": {"pad": 0, "unk": 1, "bos": 2, "eos": 3},
            "fingerprint": "0" * 64,
        },
        "removed": None,
        "source": {
            "text": "".join(source).replace("▁", " ").strip(),
            "prepared": "".join(source).replace("▁", " ").strip(),
            "tokens": read,
            "padded_to": len(read) + 3,
            "mask": [1] * len(read) + [0] * 3,
            "padded": None
            if s < len(read)
            else tensor(_softmax(chance.normal(size=(t, s))), "target", "source"),
        },
        "inference": {
            "text": text,
            "tokens": written,
            "options": {"beam_size": 2, "length_penalty": 1.0},
            "encoder_passes": 1,
            "decoder_passes": len(written),
            "rows_computed": len(written),
            "seconds": {"encoder": 0.01, "decoder": 0.02},
            "steps": steps,
            "beam": _beam(chance, written),
            "stop": {"reason": "end", "t": len(written) - 1},
            "served": {"engine": "torch", "text": text, "same": True},
            "pass": _pass(chance, *sizes, mask="none"),
        },
        "training": _training(chance, text, fed, written, _pass(chance, *sizes, mask="causal"))
        if training
        else None,
        "influence": {
            "attention": tensor(_softmax(chance.normal(size=(t, s))), "target", "source"),
            "value_zeroing": tensor(_softmax(chance.normal(size=(t, s))), "target", "source"),
            "agreement": 0.41,
        },
        "positions": tensor(_sinusoids(max(s, t), d_model), "position", "feature"),
        "proofs": [
            {
                "id": "rows_sum_to_one",
                "statement": "Rows sum to 1.",
                "value": 1e-7,
                "limit": 1e-6,
                "passed": True,
            },
            {
                "id": "no_future",
                "statement": "Nothing flows back.",
                "value": 0.0,
                "limit": 0.0,
                "passed": True,
            },
        ],
        "limits": {"truncated": cut, "kept_source": s, "kept_target": t, "note": "arrays are cut" * cut},
        "environment": {"dragoman": "0", "torch": "0", "threads": 1, "seconds": 0.1},
    }


def tensor(values: np.ndarray, *dims: str) -> Json:
    data = base64.b64encode(values.astype("<f2").tobytes()).decode()
    return {"shape": list(values.shape), "dims": list(dims), "dtype": "float16", "data": data}


def _tokens(pieces: Sequence[str]) -> list[Json]:
    made, place = [], 0
    for number, piece in enumerate(pieces):
        text = piece.replace("▁", "")
        place += piece.startswith("▁") and number > 0
        token = {
            "id": 10 + number,
            "piece": piece,
            "text": text,
            "span": [place, place + len(text)],
            "byte": False,
        }
        made.append(token)
        place += len(text)
    return made


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _sinusoids(length: int, d_model: int) -> np.ndarray:
    angle = np.arange(length)[:, None] / 10_000 ** (np.arange(0, d_model, 2) / d_model)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, d_model)


def _choice(token: Json, p: float) -> Json:
    return {"id": token["id"], "piece": token["piece"], "p": p}


def _top(chance: np.random.Generator, token: Json) -> list[Json]:
    shares = np.sort(_softmax(chance.normal(size=12) * 2))[::-1][:10]
    others = [
        {"id": 50 + number, "piece": f"w{number}", "p": float(p)} for number, p in enumerate(shares[1:])
    ]
    return [_choice(token, float(shares[0])), *others]


def _step(chance: np.random.Generator, t: int, fed: Json, chosen: Json, length: int) -> Json:
    top = _top(chance, chosen)
    return {
        "t": t,
        "input": fed,
        "from": "chosen" if t else "start",
        "so_far": ["<s>"],
        "top": top,
        "chosen": {**top[0], "rank": 1},
        "cache": {"before": t, "after": t + 1, "memory": length},
        "beams": 2,
        "milliseconds": 1.5,
    }


def _beam(chance: np.random.Generator, written: list[Json]) -> Json:
    root = {"id": 0, "parent": None, "t": -1, "token": BOS, "logp": 0.0, "total": 0.0, "state": "root"}
    nodes: list[Json] = [{**root, "why": "", "score": None}]
    last, total = 0, 0.0
    for t, token in enumerate(written):
        logp = -float(chance.uniform(0.1, 0.9))
        state = "won" if t == len(written) - 1 else "live"
        score = (total + logp) / (t + 1) if state == "won" else None
        new = {"id": len(nodes), "parent": last, "t": t, "token": token, "logp": logp, "total": total + logp}
        lost = {
            "id": len(nodes) + 1,
            "parent": last,
            "t": t,
            "token": EOS,
            "logp": -3.0,
            "total": total - 3.0,
        }
        nodes += [
            {**new, "state": state, "why": "", "score": score},
            {**lost, "state": "pruned", "why": "rank 3 of a beam of 2", "score": None},
        ]
        last, total = new["id"], total + logp
    return {"width": 2, "nodes": nodes}


def _training(chance: np.random.Generator, text: str, fed: list[Json], labels: list[Json], run: Json) -> Json:
    steps, own = [], []
    for t, (word, label) in enumerate(zip(fed, labels, strict=True)):
        p = float(chance.uniform(0.05, 0.95))
        wrong = t == 1
        said = {"id": 60, "piece": "错", "p": 0.6} if wrong else _choice(label, p)
        loss = {"loss": -float(np.log(p)), "smoothed_loss": -float(np.log(p)) + 0.4}
        at = {"t": t, "input": word, "label": label, "prediction": said, "p_label": p, "rank": 1 + wrong}
        steps.append({**at, **loss, "top": _top(chance, label)})
        heard = {"id": 60, "piece": "错", "text": "错", "span": None, "byte": False} if t == 2 else word
        own.append({"t": t, "input": heard, "prediction": said, "p_label": p})
    losses = [step["loss"] for step in steps]
    kept = len(run["logits"])
    return {
        "reference": text,
        "input": fed,
        "labels": labels,
        "encoder_passes": 1,
        "decoder_passes": 1,
        "causal_mask": np.tril(np.ones((kept, kept), int)).tolist(),
        "steps": steps,
        "loss": {
            "sum": sum(losses),
            "mean": sum(losses) / len(losses),
            "smoothed_mean": sum(losses) / len(losses) + 0.4,
            "tokens": len(losses),
            "label_smoothing": 0.1,
        },
        "free_running": {"tokens": labels, "steps": own, "first_difference": 2},
        "pass": run,
    }


def _pass(
    chance: np.random.Generator, s: int, t: int, d: int, encoder_layers: int, decoder_layers: int, mask: str
) -> Json:
    """`mask` is that of the decoder's self-attention: with a cache a step has no future to hide."""
    future = np.tril(np.ones((t, t), bool))
    free = np.ones((s, s), bool)
    encoder = [
        {
            "self": _attention(chance, f"encoder.{n + 1}.self", "encoder_self", free, d, "padding"),
            "feed_forward": _feed_forward(chance, s),
            "residuals": [_residual(chance, f"encoder.{n}.residuals.{i}", s) for i in range(2)],
        }
        for n in range(encoder_layers)
    ]
    decoder = [
        {
            "self": _attention(chance, f"decoder.{n + 1}.self", "decoder_self", future, d, mask),
            "cross": _attention(
                chance, f"decoder.{n + 1}.cross", "cross", np.ones((t, s), bool), d, "padding"
            ),
            "feed_forward": _feed_forward(chance, t),
            "residuals": [_residual(chance, f"decoder.{n}.residuals.{i}", t) for i in range(3)],
        }
        for n in range(decoder_layers)
    ]
    word = {"id": 10, "piece": "▁你", "p": 0.4}
    embedding = {side: _embedding(chance, length, d) for side, length in (("source", s), ("target", t))}
    return {
        "embedding": embedding,
        "encoder": encoder,
        "decoder": decoder,
        "memory": tensor(chance.normal(size=(s, d)), "source", "feature"),
        "hidden": tensor(chance.normal(size=(t, d)), "target", "feature"),
        "lens": [[word] * t for _ in range(decoder_layers)],
        "logits": [{"max": 5.0, "logsumexp": 5.9, "top": [{**word, "logit": 5.0}]} for _ in range(t)],
    }


def _embedding(chance: np.random.Generator, length: int, d: int) -> Json:
    token, positions = chance.normal(size=(length, d)) * d**-0.5, _sinusoids(length, d)
    parts = {"token": token, "scaled": token * d**0.5, "positions": positions}
    parts["sum"] = parts["scaled"] + positions
    return {name: tensor(values, "position", "feature") for name, values in parts.items()}


def _attention(
    chance: np.random.Generator, name: str, kind: str, allowed: np.ndarray, d: int, mask: str
) -> Json:
    t, s = allowed.shape
    width = d // HEADS
    q = chance.normal(size=(HEADS, t, width)) * 1.6
    k, v = chance.normal(size=(HEADS, s, width)) * 1.6, chance.normal(size=(HEADS, s, width))
    scores = q @ k.swapaxes(-1, -2)
    weights = _softmax(np.where(allowed, scores / width**0.5, -np.inf))
    origin = "memory" if kind == "cross" else "x"
    rows, keys = (
        ("source", "source")
        if kind == "encoder_self"
        else ("target", "source" if origin != "x" else "target")
    )
    stored = {"q": q, "k": k, "v": v, "scores": scores, "weights": weights, "output": weights @ v}
    dims = {"k": (keys, "feature"), "v": (keys, "feature"), "scores": (rows, keys), "weights": (rows, keys)}
    return {
        "name": name,
        "kind": kind,
        "q_from": "x",
        "k_from": origin,
        "v_from": origin,
        "scale": width**-0.5,
        "mask": mask,
        "code": "transformer/attention.py:17",
        "shapes": _shapes(kind, t, s, d),
        **{part: tensor(x, "head", *dims.get(part, (rows, "feature"))) for part, x in stored.items()},
        "allowed": allowed.astype(int).tolist(),
    }


def _shapes(kind: str, t: int, s: int, d: int) -> list[list[Any]]:
    """Pairs of a name and a shape, as passes.py names them."""
    wide, split = {"q": t, "k": s, "v": s}, d // HEADS
    return [
        ["x", [1, t, d]],
        *([["memory", [1, s, d]]] if kind == "cross" else []),
        *([name, [1, rows, d]] for name, rows in wide.items()),
        *([f"split {name}", [1, HEADS, rows, split]] for name, rows in wide.items()),
        ["scores", [1, HEADS, t, s]],
        ["weights", [1, HEADS, t, s]],
        ["heads", [1, HEADS, t, split]],
        ["merged", [1, t, d]],
        ["output", [1, t, d]],
    ]


def _feed_forward(chance: np.random.Generator, length: int) -> Json:
    numbers = {name: chance.uniform(size=length).tolist() for name in ("active", "norm_in", "norm_out")}
    return {**numbers, "code": "transformer/sublayers.py:69"}


def _residual(chance: np.random.Generator, name: str, length: int) -> Json:
    numbers = {
        part: (chance.uniform(size=length) * 4 + 1).tolist() for part in ("x", "sublayer", "sum", "normed")
    }
    return {"name": name, "order": "pre", **numbers, "code": "transformer/sublayers.py:97"}
