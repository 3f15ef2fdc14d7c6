"""What is public in training says what it does, and what takes or gives tensors says in which shapes. Runs nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dragoman.training

TRAINING = Path(dragoman.training.__file__).parent
FILES = {str(path.relative_to(TRAINING)): path for path in sorted(TRAINING.rglob("*.py"))}
# Of one dimension: B, 3, R', B + 1, 2 N, or ... for any number of them.
DIMENSION = r"(?:\.\.\.|\d+|(?:\d+ )?[A-Z]\w{0,2}'?(?: [+-] \d+)?)"
SHAPE = re.compile(rf"\[(?:{DIMENSION}(?:, {DIMENSION})*)?\]")  # [] is a number in a tensor
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def definitions(tree: ast.Module) -> Iterator[tuple[Definition, ast.ClassDef | None]]:
    """Classes and functions of a module, and methods with their class; not what stands inside a function."""
    for node in tree.body:
        if isinstance(node, Definition):
            yield node, None
        if isinstance(node, ast.ClassDef):
            yield from ((method, node) for method in node.body if isinstance(method, Function))


def takes_tensors(function: Function) -> bool:
    """Whether an annotation of a parameter or the result names Tensor."""
    arguments = function.args
    given = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    notes = [function.returns, *(argument.annotation for argument in given if argument)]
    return any(
        isinstance(node, ast.Name) and node.id == "Tensor"
        for note in notes
        if note is not None
        for node in ast.walk(note)
    )


def is_abstract(owner: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id in ("ABC", "Protocol") for base in owner.bases)


def described_once() -> set[str]:
    """Names of methods that a protocol or an abstract class describes for all classes that have them."""
    paths = [*FILES.values(), TRAINING.parent / "protocols.py"]
    found = (pair for path in paths for pair in definitions(ast.parse(path.read_text(encoding="utf-8"))))
    return {node.name for node, owner in found if owner and is_abstract(owner) and ast.get_docstring(node)}


def faults(source: str, known: set[str]) -> list[str]:
    """What a file leaves unsaid. A class may say it for its methods: shapes for all, and what forward does."""
    found = []
    for node, owner in definitions(ast.parse(source)):
        name = f"{owner.name}.{node.name}" if owner else node.name
        text = ast.get_docstring(node) or ""
        of_class = (ast.get_docstring(owner) or "") if owner else ""
        if owner and node.name in known and not text:
            continue
        public = not any(part.startswith("_") for part in name.split("."))
        if public and not text and not (of_class and node.name in ("forward", "backward")):
            found.append(f"{name}: no docstring")
        if isinstance(node, Function) and takes_tensors(node) and not SHAPE.search(text + of_class):
            found.append(f"{name}: no shape")
    return found


@pytest.mark.parametrize("name", FILES)
def test_what_is_public_is_described_and_tensors_have_shapes(name: str) -> None:
    assert not faults(FILES[name].read_text(encoding="utf-8"), described_once())


def test_what_is_missing_is_found() -> None:
    source = '''
class Net:
    def forward(self, x: Tensor) -> Tensor: ...
    def size(self) -> int: ...
class Told:
    """x [B, D] -> [B, D]."""
    def forward(self, x: Tensor) -> Tensor: ...
    def rows(self, start: int) -> Told: ...
    def other(self) -> int: ...
def _halve(x: list[Tensor | None]) -> None:
    """Numbers [MASK] are no shape."""
def _whole(x: Tensor) -> None:
    """x [2 N, D + 1]"""
def plain() -> None:
    def inside(x: Tensor) -> None: ...
'''
    assert faults(source, {"rows"}) == [
        "Net: no docstring",
        "Net.forward: no docstring",
        "Net.forward: no shape",
        "Net.size: no docstring",
        "Told.other: no docstring",
        "_halve: no shape",
        "plain: no docstring",
    ]


@pytest.mark.parametrize("shape", ["[]", "[P]", "[B, S]", "[..., D]", "[1, R', D]", "[B + 1]", "[B, ...]"])
def test_shapes_are_recognised(shape: str) -> None:
    assert SHAPE.fullmatch(shape)
