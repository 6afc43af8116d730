"""A channel has one spelling: rattler's. What has none is not a channel."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rattler import Channel
from rattler.exceptions import InvalidChannelError

from envgen.channels.canonical import canonical_channel
from envgen.channels.channel import locate
from envgen.model.errors import BadInput

SCHEMES = st.sampled_from(["http", "https", "HTTP", "Https"])
HOSTS = st.sampled_from(
    [
        "h",
        "h.example",
        "H.Example",
        "localhost",
        "127.0.0.1",
        "1.1",
        "[::1]",
        "[x",
        "münchen.de",
        "xn--mnchen-3ya.de",
        "xn--",
        "h.",
        "a_b",
    ]
)
PORTS = st.sampled_from(["", ":80", ":443", ":8000", ":08000", ":0", ":", ":99999", ":x"])
SEGMENTS = st.sampled_from(
    [
        "c",
        "C",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "a.b",
        "...",
        "ü",
        "%C3%BC",
        "{}",
        "a|b",
        "`",
        "^",
        "~",
        "%7E",
        "a+b",
        "a:b",
        "@",
        "",
        "a,b",
        "'",
    ]
)
URLS = st.builds(
    "{}://{}{}{}".format,
    SCHEMES,
    HOSTS,
    PORTS,
    st.lists(SEGMENTS, max_size=4).map(lambda parts: "".join(f"/{part}" for part in parts)),
)


@given(URLS)
@example("http://h:8000/a/../c")
def test_a_url_is_spelled_as_rattler_spells_it(url: str) -> None:
    text = url.rstrip("/")
    try:
        theirs = Channel(text).base_url.rstrip("/")
    except InvalidChannelError:
        theirs = None
    try:
        ours = canonical_channel(url)
    except BadInput:
        ours = None
    assert ours == theirs


@given(URLS)
def test_a_spelling_does_not_change_again(url: str) -> None:
    try:
        once = canonical_channel(url)
    except BadInput:
        return
    assert canonical_channel(once) == once
    assert locate(once) == locate(url)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("conda-forge", "conda-forge"),
        ("conda-forge/label/dev/", "conda-forge/label/dev"),
        ("HTTPS://Conda.Anaconda.org:443/conda-forge/", "https://conda.anaconda.org/conda-forge"),
        ("http://$USER:${WORD}@H:80/a/../c", "http://$USER:${WORD}@h/c"),
        ("https://H/t/$TOKEN/c", "https://h/t/$TOKEN/c"),
        ("https://h/${A}b/$C", "https://h/${A}b/$C"),
        ("https://$HOST/./c", "https://$HOST/c"),
        ("teamX/", "teamX"),
        ("https://h/./teamX/", "https://h/teamX"),
    ],
)
def test_names_and_variables_stay(text: str, spelled: str) -> None:
    assert canonical_channel(text) == spelled


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://[x/c", "not a channel: invalid IPv6 address"),
        ("http://h:99999/c", "not a channel: invalid port number"),
        ("http://", "not a channel"),
        ("../c", "not a channel"),
        ("a/./b", "not a channel"),
        ("/tmp/c", "not a channel"),
        ("~/c", "not a channel"),
        ("conda-forge[linux-64]", "not a channel"),
        ("http://h/c?x=1", "not a channel"),
        ("http://h/a\nb", "not a channel"),
        ("", "not a channel"),
    ],
)
def test_what_is_no_channel_is_bad_input(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(reason)}\n\nhint: write conda-forge, or the URL of a channel"):
        canonical_channel(text)
