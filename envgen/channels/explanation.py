"""What the solver says of why there is no solution, read for the package that is to blame. Pure.

rattler tells it in words alone. No other module reads them, and tests hold them to what rattler says: with other words the reasons
that are found here would go missing without an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_NODE = re.compile(r"^(?P<indent>(?:[│ ]  )*)[├└]─ (?P<text>.*)$")
_NOT_FOUND = re.compile(r"No candidates were found for (.+?)\.?$")
_BLOCKED = re.compile(r"^(?P<name>[\w.-]+) .*cannot be installed because there are no viable options:?$")
_NOT_PROMISED = re.compile(r"(__\w+ .+?), for which no candidates were found")
_PYTHON = ("python", "python_abi")


def blocking_package(explanation: str) -> str:
    """The last package of the first chain of reasons that does not end at another Python; `something` if there is none.

    The explanation is rattler's: a sentence, and below it a tree in which each level requires the next.
    """
    first, *tree = explanation.splitlines() or [""]
    sentence = first.partition("because of: ")[2]
    not_found = _NOT_FOUND.match(sentence)
    if not_found:
        return not_found[1]
    for branch in _branches(tree):
        last = branch[-1].partition(" ")[0]
        if last not in _PYTHON:
            return (_blocked(branch) or [last])[-1]
    return (_blocked([sentence]) or ["something"])[-1]


def not_promised(explanation: str) -> str:
    """The virtual package, with its version, that something needs and nothing promises; "" where that is not the reason."""
    found = _NOT_PROMISED.search(explanation)
    return found[1] if found else ""


def _blocked(texts: Iterable[str]) -> list[str]:
    """The packages of which these lines say that they cannot be installed."""
    return [found["name"] for text in texts if (found := _BLOCKED.match(text))]


def _branches(tree: Iterable[str]) -> list[Sequence[str]]:
    """Each branch of the first level, as the texts on the way down to its first leaf."""
    branches: list[list[str]] = []
    for line in tree:
        node = _NODE.match(line)
        depth = len(node["indent"]) // 3 if node else 0
        if node and depth == 0:
            branches.append([node["text"]])
        elif node and branches and depth >= len(branches[-1]):
            branches[-1].append(node["text"])
    return list(branches)
