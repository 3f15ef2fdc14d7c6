"""A cluster of three raylets on this machine, of which two are killed while a command works on it. Run as a program.

python raylets.py OUTPUT WORDS...: `dragoman WORDS... --ray ADDRESS`; the two go when a first file is in OUTPUT.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ray.cluster_utils import Cluster


def main() -> int:
    output, words = Path(sys.argv[1]), sys.argv[2:]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    others = [cluster.add_node(num_cpus=1) for _ in range(2)]
    try:
        command = subprocess.Popen([sys.executable, "-m", "dragoman", *words, "--ray", cluster.address])
        while command.poll() is None and not list(output.glob("*.txt")):
            time.sleep(0.05)
        for node in others:
            cluster.remove_node(node, allow_graceful=False)
        return command.wait()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
