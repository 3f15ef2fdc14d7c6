"""Dragoman attacked at random and counted: what is promised, tried until it fails. No part of the package: nothing
imports it.

python -m attacks --help
"""
