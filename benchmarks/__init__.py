"""Dragoman measured against its peers, in turn and on the same machine. No part of the package: nothing imports it.

python -m benchmarks --help
"""
