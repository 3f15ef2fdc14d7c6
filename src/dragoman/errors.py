"""Every error a user can meet. Holds no logic: raising is the business of the module that knows the value.

    DragomanError            exit code 1: something failed
    ├── UsageError           exit code 2: the user's words were off
    │   ├── ConfigError      a key or value of a configuration, a flag
    │   └── CorpusError      a corpus that cannot be read, or has nothing in it
    ├── ModelError           a model directory with a missing, damaged or foreign part
    ├── TrainingError        training cannot start, go on or be resumed
    └── MissingExtraError    an optional package is not installed

A message says what is wrong, with which value, and what to do about it.
"""

from __future__ import annotations


class DragomanError(Exception):
    """Base of all errors that are told to the user in one sentence, without a traceback."""

    exit_code = 1


class UsageError(DragomanError):
    """What the user asked for cannot be meant."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration key or value, or a flag, is wrong."""


class CorpusError(UsageError):
    """A corpus cannot be read, or nothing in it can be used."""


class ModelError(DragomanError):
    """A model directory has a missing, damaged or foreign part."""


class TrainingError(DragomanError):
    """Training cannot start, go on or be resumed."""


class MissingExtraError(DragomanError):
    """An optional dependency is missing; the message carries the install command."""
