"""What `envgen diff` says of two sides, whole: the page, the comment, the file of HTML, the JSON, and the list of a lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from unit import told
from unit.lock_texts import entry, lock_text
from unit.small import real_matrix
from unit.test_diff import CPU, CUDA, GPU, TORCH_CPU, TORCH_CUDA

from envgen.diff import markdown, page, report
from envgen.diff.compare import compare
from envgen.diff.list import list_text
from envgen.diff.model import Difference, Snapshot
from envgen.formats.conda_lock import read_lock
from envgen.model.packages import Lock, LockedPackage
from envgen.model.run import Download

OTHER, PIXI = "environments/other/cpu/conda-lock.yml", "pixi.lock"
FEED = "https://conda.anaconda.org/conda-forge/linux-64"
NUMPY, OLD_NUMPY, PYTHON = "numpy 2.2.6 py312h1_0", "numpy 2.1.3 py312h1_0", "python 3.12.11 h9_0_cpython"
MANY = [f"p{number:02} 1.0 h0_0" for number in range(40)]
MANY_NEW = [f"p{number:02} 1.{number + 1} h0_0" for number in range(40)]
MANY_AGAIN = [f"p{number:02} 1.0 h1_1" for number in range(40)]


def lock(*specs: str, platforms: str = "linux-64", **more: object) -> Lock:
    """A lock of these packages, on each platform."""
    text = lock_text((entry(spec, platform) for platform in platforms.split(", ") for spec in specs), platforms)
    return replace(read_lock(text, "l.yml"), **more)  # type: ignore[arg-type]


def changed(found: Lock, **packages: Mapping[str, object]) -> Lock:
    """The lock in which some packages have other values."""
    return replace(found, packages=tuple(replace(row, **packages.get(row.name, {})) for row in found.packages))  # type: ignore[arg-type]


def side(name: str, locks: Mapping[str, Lock | Sequence[Lock]], **more: object) -> Snapshot:
    rows = {path: (one,) if isinstance(one, Lock) else tuple(one) for path, one in locks.items()}
    return Snapshot(**{"name": name, "names": frozenset(rows), "locks": rows, **more})  # type: ignore[arg-type]


def sizes(**platforms: int) -> dict[str, Download]:
    return {name.replace("_", "-"): Download(1, size, exact=True) for name, size in platforms.items()}


BASE = lock(
    *GPU,
    "tomli 2.0 h0_0",
    "zlib 1.3 h0_0",
    "jpeg 9e h1_0",
    "odd 1 h0_0",
    "far 1 h0_0",
    "near 1 h0_0",
    "wheel 1 h0_0",
    "bare 1 h0_0",
    "torchvision 0.22.0 cuda126_py312_h0_0",
)
HEAD = changed(
    lock("pytorch 2.7.1 cpu_mkl_py312_h0_100", "cuda-version 12.6 h0_3", "cudnn 9.13.0.50 h0_0", OLD_NUMPY, "python 3.13.5 h9_0_cp313", "rich 14.0 h0_0", "zlib 1.3 h1_1", "jpeg 9f h1_0", "odd 1 h0_0", "far 1 h0_0", "near 1 h0_0", "pip wheel 1.5", "bare 1 h0_0", "torchvision 0.22.1 cuda126_py312_h0_0"),
    odd={"sha256": "ab" * 32}, far={"url": "https://conda.anaconda.org/other/linux-64/far-1-h0_0.conda", "sha256": "cd" * 32}, near={"url": "https://mirror.example/conda-forge/linux-64/near-1-h0_0.conda"}, bare={"sha256": None},
)  # fmt: skip
FLIPPED = ("pytorch 2.7.1 cpu_mkl_py312_h0_100", *GPU[1:])
BOTH = "linux-64, win-64"
PAIRS: Mapping[str, tuple[Snapshot, Snapshot]] = {
    "the same": (side("main", {CPU: BASE, CUDA: BASE}), side("branch", {CPU: BASE, CUDA: BASE})),
    "a change of every kind": (side("main", {CUDA: BASE}), side("branch", {CUDA: HEAD})),
    "frameworks that come and go": (
        side("main", {CUDA: lock(*GPU, "tensorflow 2.18.0 cuda126py312h0_0"), CPU: lock("jaxlib 0.7.2 cpu_py312h0_0", NUMPY)}),
        side("branch", {CUDA: lock(*GPU[1:], "jaxlib 0.7.2 cuda126py312h0_0", "pip torch 2.7.1+cu126"), CPU: lock("pip jax 0.7.2", NUMPY)}),
    ),
    "a build that names no CUDA": (
        side("main", {CUDA: lock(TORCH_CUDA, "cuda-version 12.6 h0_3")}),
        side("branch", {CUDA: lock("pytorch 2.7.1 mkl_py312_h0_100", "cuda-version 12.6 h0_3")}),
    ),
    "another CUDA of a framework alone": (
        side("main", {CUDA: lock(*GPU)}),
        side("branch", {CUDA: lock("pytorch 2.8.0 cuda129_mkl_py312_h0_300", *GPU[1:])}),
    ),
    "another CUDA": (side("main", {CUDA: lock(*GPU)}), side("branch", {CUDA: lock("pytorch 2.9.0 cuda130_mkl_py312_h0_300", "cuda-version 13.0 h0_3", *GPU[2:])})),
    "apart from now on": (
        side("main", {CPU: lock(TORCH_CPU, NUMPY, PYTHON, platforms=BOTH), CUDA: lock(*GPU, platforms=BOTH), OTHER: lock(NUMPY)}),
        side("branch", {CPU: lock(TORCH_CPU, OLD_NUMPY, PYTHON, platforms=BOTH), CUDA: lock(*GPU, "zlib 1.3 h0_0", platforms=BOTH), OTHER: lock(NUMPY)}),
    ),
    "apart before": (
        side("main", {CPU: lock(TORCH_CPU, OLD_NUMPY), CUDA: lock(*GPU)}),
        side("branch", {CPU: lock(TORCH_CPU, "numpy 2.1.2 py312h1_0"), CUDA: lock(*GPU)}),
    ),
    "apart because a target comes": (side("main", {CPU: lock(TORCH_CPU, OLD_NUMPY)}), side("branch", {CPU: lock(TORCH_CPU, OLD_NUMPY), CUDA: lock(*GPU)})),
    "apart because a target is for CPU now": (
        side("main", {CPU: lock(TORCH_CUDA, "cuda-version 12.6 h0_3", OLD_NUMPY), CUDA: lock(*GPU)}),
        side("branch", {CPU: lock(TORCH_CPU, OLD_NUMPY), CUDA: lock(*GPU)}),
    ),
    "apart where not each target has it": (
        side("main", {CPU: lock(TORCH_CPU, NUMPY), CUDA: lock(*GPU), "environments/app/cu129/conda-lock.yml": lock("pytorch 2.7.1 cuda129_mkl_py312_h0_300", "cuda-version 12.9 h0_3")}),
        side("branch", {CPU: lock(TORCH_CPU, OLD_NUMPY), CUDA: lock(*GPU), "environments/app/cu129/conda-lock.yml": lock("pytorch 2.7.1 cuda129_mkl_py312_h0_300", "cuda-version 12.9 h0_4")}),
    ),
    "a part of a framework in another version": (
        side("main", {CUDA: lock(*GPU, "libtorch 2.7.1 cuda126_mkl_h0_300", "jpeg 9e h0_0")}),
        side("branch", {CUDA: lock("pytorch 2.8.0 cuda126_mkl_py312_h0_300", *GPU[1:], "libtorch 2.7.2 cuda126_mkl_h0_300", "jpeg 10 h0_0")}),
    ),
    "parts of a framework that move alike": (
        side("main", {CUDA: lock(*GPU, "libtorch 2.7.1 cuda126_mkl_h0_300")}),
        side("branch", {CUDA: lock("pytorch 2.8.0 cpu_mkl_py312_h0_300", *GPU[1:], "libtorch 2.8.0 cpu_mkl_h0_300")}),
    ),
    "another content of a framework": (side("main", {CUDA: lock(*GPU)}), side("branch", {CUDA: changed(lock(*GPU), pytorch={"sha256": "ab" * 32})})),
    "one environment of a file": (
        side("main", {PIXI: lock(NUMPY, format="pixi 6", environment="default"), "x.lock": lock(NUMPY, environment="e")}),
        side("branch", {PIXI: lock(OLD_NUMPY, format="pixi 6", environment="default"), "x.lock": lock(OLD_NUMPY, environment="e")}),
    ),
    "only a lock that comes": (side("main", {CPU: lock(NUMPY)}), side("branch", {CPU: lock(NUMPY), OTHER: lock(*GPU)})),
    "only a lock that goes": (side("main", {CPU: lock(NUMPY), OTHER: lock(*GPU)}), side("branch", {CPU: lock(NUMPY)})),
    "only another name": (side("main", {CPU: lock(NUMPY)}), side("branch", {OTHER: lock(NUMPY)})),
    "only what cannot be read": (side("main", {CPU: lock(NUMPY)}), side("branch", {}, names=frozenset({CPU}), unread={CPU: "no lock"})),
    "what cannot be read any more, and comes again": (
        side("main", {}, names=frozenset({CPU}), unread={CPU: "no lock"}),
        side("branch", {CPU: lock(NUMPY), "folder/a.lock": lock("a 1 h0_0", NUMPY), "folder/b.lock": lock("a 1 h0_0", "b 1 h0_0")}),
    ),
    "two locks that could be one": (side("main", {"a.lock": lock(*MANY), "b.lock": lock(*MANY)}), side("branch", {"c.lock": lock(*MANY)})),
    "packages without a URL": (
        side("main", {"a.lock": changed(lock("a 1 h0_0", "b 1 h0_0"), a={"url": ""}, b={"url": ""})}),
        side("branch", {"b.lock": changed(lock("a 1 h0_0", "b 2 h0_0"), a={"url": ""}, b={"url": ""})}),
    ),
    "packages without a URL that move": (
        side("main", {"a.lock": changed(lock("a 1 h0_0", "b 1 h0_0", "c 1 h0_0"), a={"url": ""}, b={"url": ""}, c={"url": ""})}),
        side("branch", {"b.lock": changed(lock("a 1 h0_0", "b 2 h0_0", "c 2 h0_0"), a={"url": ""}, b={"url": ""}, c={"url": ""})}),
    ),
    "packages of another channel": (
        side("main", {"a.lock": lock("a 1 h0_0")}),
        side("branch", {"b.lock": changed(lock("a 1 h0_0"), a={"url": "https://conda.anaconda.org/x/linux-64/a-1-h0_0.conda"})}),
    ),
    "locks of two folders": (
        side("main", {"x/cpu.lock": lock(TORCH_CPU, NUMPY), "x/cuda.lock": lock(*GPU), "y/cpu.lock": lock(TORCH_CPU, NUMPY)}),
        side("branch", {"x/cpu.lock": lock(TORCH_CPU, NUMPY), "x/cuda.lock": lock(*GPU), "y/cpu.lock": lock(TORCH_CPU, OLD_NUMPY)}),
    ),
    "six locks of seven": (
        side("main", {f"{n}.lock": lock(NUMPY) for n in range(7)}),
        side("branch", {**{f"{n}.lock": lock(OLD_NUMPY) for n in range(6)}, "6.lock": lock(NUMPY, "a 1 h0_0")}),
    ),
    "CUDA in the place of CPU": (side("main", {CUDA: lock(TORCH_CPU, NUMPY)}), side("branch", {CUDA: lock(*GPU)})),
    "many upgrades": (side("main", {CPU: lock(*MANY)}), side("branch", {CPU: lock(*MANY_NEW)})),
    "many builds": (side("main", {CPU: lock(*MANY)}), side("branch", {CPU: lock(*MANY_AGAIN)})),
    "many that come": (side("main", {CPU: lock(NUMPY)}), side("branch", {CPU: lock(NUMPY, *MANY)})),
    "another content of many": (side("main", {CPU: lock(*MANY)}), side("branch", {CPU: changed(lock(*MANY), **{f"p{n:02}": {"sha256": f"{n:064}"} for n in range(40)})})),
    "locks that come, go, and have another name": (
        side("main", {CPU: lock(NUMPY, *MANY), OTHER: lock(NUMPY), "a.lock": lock("a 1 h0_0"), "b.lock": lock(*MANY[:30])}, unread={"old.lock": "no lock"}),
        side("branch", {"environments/app/small/conda-lock.yml": lock(OLD_NUMPY, *MANY), CUDA: lock(*GPU), "c.lock": lock(*MANY[:29], NUMPY), OTHER: changed(lock(NUMPY), numpy={"sha256": "ab" * 32})}, unread={"new.lock": "`x` | y\nz"}),
    ),
    "what is downloaded": (
        side("main", {CPU: lock(NUMPY, platforms=BOTH), CUDA: lock(*GPU), **{f"{n}.lock": lock(NUMPY) for n in range(6)}}, downloads={CPU: sizes(linux_64=10_000_000, win_64=1_000), CUDA: sizes(linux_64=2_000_000_000), **{f"{n}.lock": sizes(linux_64=100_000) for n in range(1, 6)}, "0.lock": sizes(linux_64=5_000_000_000)}),
        side("branch", {CPU: lock(OLD_NUMPY, platforms=BOTH), CUDA: lock(*GPU[:-1]), **{f"{n}.lock": lock(OLD_NUMPY) for n in range(6)}}, downloads={CPU: sizes(linux_64=12_500_000, win_64=2_000), CUDA: sizes(linux_64=1_000_000_000), **{f"{n}.lock": sizes(linux_64=200_000 + n) for n in range(1, 6)}, "0.lock": sizes(linux_64=5_000_060_000)}),
    ),
    "environments of a file": (
        side("main", {PIXI: [lock(NUMPY, format="pixi 6", environment="default"), lock(*GPU, format="pixi 6", environment="gpu", machine="server")], "uv.lock": lock("pip a 1", format="uv 1", environment="demo"), "two.lock": [lock("a 1 h0_0", environment="x"), lock("a 1 h0_0", environment="y")]}),
        side("branch", {PIXI: [lock(OLD_NUMPY, format="pixi 6", environment="default"), lock(*FLIPPED, format="pixi 6", environment="gpu", machine="server")], "uv.lock": lock("pip a 2", format="uv 1", environment="demo"), "two.lock": [lock("a 1 h0_0", environment="x"), lock("a 2 h0_0", environment="y")]}),
    ),
    "names that are markup": (
        side("ma`in", {CPU: lock("a 1 h0_0")}),
        side("<b>", {CPU: changed(lock("a 1 h0_0"), a={"version": "`2`", "url": "https://$U:$P@h.example/c`d/linux-64/a-2-h0_0.conda", "sha256": "ab" * 32})}),
    ),
}  # fmt: skip
WHOLE = ("a change of every kind", "locks that come, go, and have another name", "environments of a file", "names that are markup")


def found(title: str) -> Difference:
    return compare(*PAIRS[title], real_matrix())


def lines_of(title: str) -> Iterator[str]:
    difference = found(title)
    yield from report.diff_text(difference).splitlines()
    if title.startswith("many") or title == "another content of many":
        yield from ("-- all", *report.diff_text(difference, everything=True).splitlines())
        yield from ("-- a short comment", *markdown.diff_markdown(difference, 2_900).splitlines())
    if title in WHOLE:
        yield from ("-- a comment", *markdown.diff_markdown(difference).splitlines())
        yield from ("-- HTML", *page.diff_page(difference).partition("<body>")[2].splitlines())
    if title == "what is downloaded":
        text = page.diff_page(difference)
        yield from ("-- HTML", *text.replace(page._STYLE, "STYLE").splitlines())
        yield from ("-- a comment", *markdown.diff_markdown(difference).splitlines())
    if title in (*WHOLE[1:3], "one environment of a file"):
        yield from ("-- JSON", *report.diff_json(difference).splitlines())


def test_the_file_has_all_pairs(update_golden: bool) -> None:
    if update_golden:
        told.write("diff.txt", {title: list(lines_of(title)) for title in PAIRS})
    assert list(told.written("diff.txt")) == list(PAIRS)


@pytest.mark.parametrize("title", PAIRS)
def test_everything_is_said_as_it_was_written_down(title: str) -> None:
    assert list(lines_of(title)) == told.written("diff.txt")[title]


def test_a_list_tells_where_each_package_is_from() -> None:
    rows = (
        LockedPackage(name="b", version="1", build="h0_0", manager="conda", platform="linux-64", url=f"{FEED}/b-1-h0_0.conda", sha256="ab"),
        LockedPackage(name="a", version="1", build="", manager="pip", platform="linux-64", url="https://u:p@w.example/x/a-1.whl", md5="cd"),
        LockedPackage(name="a", version="2", build="h", manager="conda", platform="linux-64", url="a-2-h.conda"),
        LockedPackage(name="c", version="", build="", manager="pip", platform="noarch"),
    )  # fmt: skip
    plain = lock("z 1 0", packages=rows, environment="x")
    lines = ["a 2 h ? no-hash", "pip a 1 ***@w.example md5:cd", "b 1 h0_0 conda-forge sha256:ab"]
    expected = [*(f"linux-64 {line}" for line in lines), "noarch pip c ? no-hash"]
    assert list_text([plain]).splitlines() == expected
    for kind in ("pixi 6", "uv 1"):
        assert list_text([replace(plain, format=kind)]).splitlines() == [f"[x] {line}" for line in expected]
    machine = replace(plain, format="pixi 6", environment="", machine="server")
    assert list_text([machine]).splitlines() == [f"server {line.partition(' ')[2]}" for line in expected]


def test_nothing_is_no_code() -> None:
    assert (markdown.code(""), page._code("")) == ("", "")
