"""The beam as a tree in a terminal, dead branches kept. Searches nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from dragoman.explain.terminal.drawing import Lines, Screen, heading, number, prose
from dragoman.explain.trace.values import Beam, Node

if TYPE_CHECKING:
    from dragoman.explain.trace.trace import Trace

_NAMED = 3  # dead ends of one beginning that are named; the others are counted

# A trace tells in English why a beginning was given up; these are the sentences that say it to a reader.
_WHY = {
    "pruned": re.compile(r"rank (\d+) of a beam of (\d+)"),
    "outside": re.compile(r"it ends here, but rank (\d+) is outside a beam of (\d+)"),
    "over": re.compile(r"(the search was over): (.*)"),
}


def beam(trace: Trace, screen: Screen) -> Lines:
    """The tree of beginnings; what won stands first at each fork."""
    tree = trace.inference.beam
    return [
        heading(screen.say("terminal.beam.title", width=tree.width)),
        prose(screen.say("terminal.beam.legend"), screen, "dim"),
        *_Tree(tree, screen).lines(),
        prose(_of_the_tree(tree, screen), screen),
    ]


@dataclass(frozen=True)
class _Tree:
    """The nodes of a beam, drawn; a run of tokens without a fork stands in one line."""

    beam: Beam
    screen: Screen

    def lines(self) -> Lines:
        """From the root down. A stack and no recursion: a branch may be hundreds of tokens long."""
        children: dict[int | None, list[Node]] = defaultdict(list)
        for node in self.beam.nodes:
            children[node.parent].append(node)
        winners = self._winners()
        drawn: Lines = []
        todo = [(root, "", "") for root in children[None]]
        while todo:
            node, lead, below = todo.pop()
            run = [node]
            while len(grown := children[run[-1].id]) == 1 and grown[0].state != "pruned":
                run.append(grown[0])
            drawn.append(Text(lead, style="dim").append_text(self._run(run, winners, not grown)))
            alive = [child for child in grown if child.state != "pruned"]
            alive.sort(key=lambda child: (child.id in winners, child.total))
            dead = [child for child in grown if child.state == "pruned"]
            if dead:
                drawn.append(Text(f"{below}{'|-' if alive else '`-'}{self._given_up(dead)}", style="dim"))
            for place, child in enumerate(alive):
                last = place == 0  # the first to be put on the stack is the last to be drawn
                todo.append((child, below + ("`-" if last else "|-"), below + ("  " if last else "| ")))
        return drawn

    def _winners(self) -> set[int]:
        """The node that won and all it came from."""
        by_id = {node.id: node for node in self.beam.nodes}
        found: set[int] = set()
        at = next((node.id for node in self.beam.nodes if node.state == "won"), None)
        while at is not None:
            found.add(at)
            at = by_id[at].parent
        return found

    def _run(self, run: Sequence[Node], winners: set[int], childless: bool) -> Text:
        won, last = run[-1].id in winners, run[-1]
        mark = "* " if won else "= " if last.state == "finished" else ""
        text = Text(mark + " ".join(node.token.piece for node in run), style="bold" if won else "")
        if last.parent is not None:
            text.append(f"  {number(last.total)}", style="not bold dim")
        if last.score is not None:
            text.append(self.screen.say("terminal.beam.score", score=number(last.score)), style="not bold")
        elif childless:
            text.append(self._end(last), style="not bold dim")
        return text

    def _end(self, leaf: Node) -> str:
        """Why a beginning that was kept goes no further."""
        if leaf.t == max(node.t for node in self.beam.nodes):
            return self.screen.say("terminal.beam.open")
        return self.screen.say("terminal.beam.starved")

    def _given_up(self, dead: Sequence[Node]) -> str:
        """Dead ends of one beginning in one line, and why the best of them is one."""
        best = sorted(dead, key=lambda node: -node.total)
        named = "  ".join(f"{node.token.piece} {number(node.total)}" for node in best[:_NAMED])
        more = len(best) - _NAMED
        rest = self.screen.say("terminal.beam.more", n=more) if more > 0 else ""
        reason = self.screen.say("terminal.beam.reason", why=_reason(best[0].why, self.screen))
        return f"x {named}{rest}  {reason}"


def _reason(why: str, screen: Screen) -> str:
    """In the trace's own words where no sentence is known for it."""
    for name, pattern in _WHY.items():
        if found := pattern.fullmatch(why):
            return screen.say(f"terminal.beam.why.{name}", rank=found[1], width=found[2])
    return why


def _of_the_tree(tree: Beam, screen: Screen) -> str:
    states = [node.state for node in tree.nodes]
    dead, ended = states.count("pruned"), states.count("finished") + states.count("won")
    counted = screen.say("beam.counted", n=len(states) - 1, dead=dead, ended=ended)
    return screen.say("terminal.beam.best", counted=counted)
