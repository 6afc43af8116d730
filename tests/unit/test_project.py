"""Wishes: a whole project file, and the exact message and address of each thing that can be wrong with one."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import PROJECT, data_of, examples, project_of, refused, small_matrix, yaml_of

from envgen.model.dates import NO_LIMIT
from envgen.model.errors import BadInput
from envgen.model.ranges import version_range
from envgen.project.python import WHY

FILE = "environments/demo/project.yaml"
SPEC_HINT = 'for example numpy, "pandas >=2" or conda-forge::numpy'
SECRET_HINT = "put it in an environment variable and write https://$NAME:$WORD@host/... or https://host/t/$TOKEN/..."


def refusal(text: str) -> str:
    """The whole message that a project file gets."""
    with pytest.raises(BadInput) as caught:
        project_of(text)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    """The project file with one part replaced."""
    assert old in PROJECT
    return PROJECT.replace(old, new, 1)


WHOLE = """\
# a comment
python: ">=3.10,<3.13"
frameworks:
  alpha: {version: "2.*", provider: conda-forge, with: [alphavision]}
  beta: "*"
targets:
  cpu:
  cu126:
    platforms: [win-64]
    virtual-packages: {__glibc: "2.35"}
    dependencies: ["nccl >=2"]
platforms: [win-64, linux-64]
channels: [conda-forge, "https://$USER:$WORD@host.example/t/$TOKEN/c"]
dependencies: [numpy, "pandas >=2", "conda-forge::scipy=1.*", "x[version='>=2']"]
pip: ["einops"]
driver: ">=535.54"
gpus: [v100, "8.0"]
align: false
exclude-newer: 2026-06-01
template: other.j2
"""


def test_a_whole_project_file_is_read_as_it_is_meant() -> None:
    project = project_of(WHOLE)
    assert (project.name, project.python_text, str(project.at("gpus"))) == ("demo", ">=3.10,<3.13", f"{FILE}:17:1")
    assert [(w.framework, w.text, w.provider, w.host, str(w.at)) for w in project.frameworks] == [
        ("alpha", "2.*", "conda-forge", "", f"{FILE}:4:3"),
        ("beta", "any version", None, "", f"{FILE}:5:3"),
        ("alphavision", "any version", None, "alpha", f"{FILE}:4:57"),
    ]
    cpu, cuda = project.targets
    assert (cpu.name, cpu.platforms, cpu.virtual, cpu.dependencies) == ("cpu", None, {}, ())
    assert (cuda.name, cuda.platforms, cuda.virtual, [d.name for d in cuda.dependencies]) == (
        "cu126",
        ("win-64",),
        {"__glibc": "2.35"},
        ["nccl"],
    )
    assert project.platforms == ("linux-64", "win-64")
    assert project.channels == ("conda-forge", "https://$USER:$WORD@host.example/t/$TOKEN/c")
    assert [dependency.name for dependency in project.dependencies] == ["numpy", "pandas", "scipy", "x"]
    assert (project.pip, project.driver, tuple(gpu.written for gpu in project.gpus), project.align) == (
        ("einops",),
        Version("535.54"),
        ("V100", "8.0"),
        False,
    )
    assert project.exclude_newer.dates == (("", datetime(2026, 6, 1, tzinfo=timezone.utc)),)
    assert project.template == "other.j2"


def test_what_is_left_out_has_its_default() -> None:
    project = project_of(PROJECT)
    assert (project.dependencies, project.pip, project.driver, project.gpus, project.align) == ((), (), None, (), True)
    assert (project.exclude_newer, project.template) == (NO_LIMIT, "environment.yml.j2")
    assert str(project.at("gpus")) == f"{FILE}:1:1"


def test_targets_as_a_list_and_as_a_mapping_mean_the_same() -> None:
    listed, mapped = project_of(PROJECT), project_of(changed("[cpu, cu126]", "{cpu: {}, cu126: }"))
    assert [(wish.name, wish.platforms, wish.virtual, wish.dependencies) for wish in listed.targets] == [
        (wish.name, wish.platforms, wish.virtual, wish.dependencies) for wish in mapped.targets
    ]


@pytest.mark.parametrize(
    ("channels", "noted"),
    [
        ("[conda-forge, defaults]", ["5:25"]),
        ("[defaults]", ["5:12"]),
        ("[main, https://repo.anaconda.com/pkgs/main, conda-forge]", []),
    ],
)
def test_condas_word_for_several_channels_is_noted_as_the_name_of_none(channels: str, noted: list[str]) -> None:
    project = project_of(changed("[conda-forge]", channels))
    assert [str(note.at).removeprefix(f"{FILE}:") for note in project.notes] == noted
    assert all(note.text.startswith("`defaults` is read as one channel of that name") for note in project.notes)
    assert project.channels == tuple(channels.strip("[]").split(", "))


PYTHONS = {  # as it is written -> the range of minors that it is read as
    "3.12": "3.12",
    "==3.10.*": "==3.10.*",
    "==3.9.4": "3.9",
    "3.9.16": "3.9",
    "=3.9.16": "3.9",
    "~=3.10.2": "3.10",
    ">=3.9.2,<3.12": ">=3.9,<3.12",
    ">=3.8.1,!=3.9.7,<3.12.0": ">=3.8,<3.12",
    ">3.9.2, <=3.11.4": ">=3.9,<3.11",
    "!=3.9.7": "*",
}


@pytest.mark.parametrize("written", PYTHONS)
def test_a_patch_release_of_python_is_read_as_its_minor_with_a_note(written: str) -> None:
    project, read = project_of(changed(">=3.9", written)), PYTHONS[written]
    assert project.python_text == read
    said = f'`python: {written}` is read as python {read} ({WHY}); write `python: "{read}"` instead'
    assert [(note.text, str(note.at)) for note in project.notes] == ([(said, f"{FILE}:1:1")] if read != written else [])


@pytest.mark.parametrize(
    ("written", "read", "todo"),
    [
        ("python=3.10.16", "3.10", 'write `python: "3.10"` instead'),
        ("conda-forge::python=3.10.16=h2782a2a_0_cpython", "3.10", 'write `python: "3.10"` instead'),
        ("Python >=3.10", ">=3.10", 'write `python: ">=3.10"` instead'),
        ("python >=3.8.1,<3.12", ">=3.8,<3.12", 'write `python: ">=3.8,<3.12"` instead'),
        ("python[version='3.10.*']", "3.10.*", 'write `python: "3.10.*"` instead'),
        ("python", "*", "remove it: the rest of the file says the same"),
    ],
)
def test_python_among_the_dependencies_counts_beside_its_key(written: str, read: str, todo: str) -> None:
    project = project_of(PROJECT + f'dependencies: [numpy, "{written}"]\n')
    allowed = version_range(read)
    assert [python for python in small_matrix().pythons if python in project.python] == [
        python for python in small_matrix().pythons if python in allowed
    ]
    assert [dependency.name for dependency in project.dependencies] == ["numpy"]
    assert [note.text for note in project.notes] == [f"`{written}` is read as python {read} ({WHY}); {todo}"]


@pytest.mark.parametrize("text", [">=535", "535", ">= 535 "])
def test_a_driver_is_a_floor_however_it_is_spelled(text: str) -> None:
    assert project_of(PROJECT + f'driver: "{text}"\n').driver == Version("535")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=timezone.utc)),
        ('"2026-06-01"', datetime(2026, 6, 1, tzinfo=timezone.utc)),
        ("2026-06-01T12:30:00Z", datetime(2026, 6, 1, 12, 30, tzinfo=timezone.utc)),
        ("2026-06-01T12:30:00+02:00", datetime(2026, 6, 1, 10, 30, tzinfo=timezone.utc)),
        ("2026-06-01 12:30:00", datetime(2026, 6, 1, 12, 30, tzinfo=timezone.utc)),
    ],
)
def test_a_date_is_its_first_second_in_utc_and_a_moment_is_itself(text: str, moment: datetime) -> None:
    assert project_of(PROJECT + f"exclude-newer: {text}\n").exclude_newer.default == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: python is missing\n\nhint: add it"),
        (changed("platforms:", "platform:"), "4:1: platform: unknown key\n\nhint: did you mean `platforms`?"),
        (changed('">=3.9"', "3.10"), '1:1: python: expected a string, got the number 3.1\n\nhint: put it in quotes: "3.10"'),
        (changed(">=3.9", ">=3.12,<3.10"), "1:1: python: no version is in the range '>=3.12,<3.10'\n\nhint: for example \">=2.5,<3\" or \"2.7.*\""),
        (changed(">=3.9", ">=3.99"), "1:1: python: the matrices know no minor in >=3.99\n\nhint: the matrices know Python 3.9 to 3.12"),
        (changed(">=3.9", ">=3.10.2,<3.10.9"), "1:1: `python: >=3.10.2,<3.10.9` in minors: no version is in the range '>=3.10,<3.10'\n\nhint: write minors, such as 3.12: envgen chooses a minor, and a lock takes its newest patch release"),
        (PROJECT + "dependencies: [python=3.8.2]\n", "6:16: python: the matrices know no minor in 3.8.2\n\nhint: the matrices know Python 3.9 to 3.12"),
        (changed(">=3.9", "3.9.1") + "dependencies: [python=3.10.16]\n", "6:16: `python=3.10.16` requests python 3.10, but 3.9 is requested at environments/demo/project.yaml:1:1\n\nhint: they exclude each other: keep one of the two"),
        (changed("[cpu, cu126]", "{cpu: {dependencies: [python=3.10]}}"), "3:32: `python` is not a dependency of one target\n\nhint: write the version under the key `python:`, which is for all targets"),
        (changed("alpha:", "alhpa:"), "2:14: no framework `alhpa` in matrices/\n\nhint: did you mean `alpha`?"),
        (changed('">=2"', "2.10"), '2:14: frameworks.alpha: expected a string, got the number 2.1\n\nhint: put it in quotes: "2.10"'),
        (changed('">=2"', '{versoin: "2"}'), "2:22: frameworks.alpha.versoin: unknown key\n\nhint: did you mean `version`?"),
        (changed('">=2"', "{provider: conda}"), "2:22: alpha has no provider `conda`\n\nhint: did you mean `conda-forge`?"),
        (changed('">=2"', "{with: [alphavison]}"), "2:29: `alphavison` is not a companion of alpha\n\nhint: did you mean `alphavision`?"),
        (changed("cu126", "cu127"), "3:16: `cu127`: no target has this CUDA version\n\nhint: the nearest are cu118, cu126"),
        (changed("[cpu, cu126]", "{cpu: {}, cpuu: {}}"), "3:20: no target `cpuu` in matrices/targets.yaml\n\nhint: did you mean `cpu`?"),
        (changed("[cpu, cu126]", "[]"), "3:1: targets: expected at least 1 item, not 0\n\nhint: add an item"),
        (changed("[cpu, cu126]", "cpu"), "3:1: targets: expected target names\n\nhint: write [cpu]"),
        (changed("[cpu, cu126]", "{cpu: {plaforms: [win-64]}}"), "3:17: targets.cpu.plaforms: unknown key\n\nhint: did you mean `platforms`?"),
        (changed("[cpu, cu126]", "{cpu: {platforms: [win-46]}}"), "3:29: no target supports the platform `win-46`\n\nhint: did you mean `win-64`?"),
        (changed("[cpu, cu126]", "{cpu: {platforms: []}}"), "3:17: targets.cpu.platforms: expected at least 1 item, not 0\n\nhint: add an item"),
        (changed("[cpu, cu126]", '{cpu: {virtual-packages: {glibc: "2.35"}}}'), '3:36: targets.cpu.virtual-packages.glibc: not the name of a virtual package\n\nhint: for example __glibc: "2.35"'),
        (changed("[cpu, cu126]", "{cpu: {virtual-packages: {__glibc: 2.30}}}"), '3:36: targets.cpu.virtual-packages.__glibc: expected a string, got the number 2.3\n\nhint: put it in quotes: "2.30"'),
        (changed("[linux-64]", "[linux-46]"), "4:13: no target supports the platform `linux-46`\n\nhint: did you mean `linux-64`?"),
        (changed("[conda-forge]", "[]"), "5:1: channels: expected at least 1 item, not 0\n\nhint: add an item"),
        (changed("[conda-forge]", '["conda forge"]'), "5:12: channels[0]: not a channel\n\nhint: write conda-forge, or the URL of a channel"),
        (PROJECT + 'dependencies: [numpy, "pandas>>2 #x"]\n', f"6:23: dependencies[1]: not a conda spec\n\nhint: {SPEC_HINT}"),
        (PROJECT + "dependencies: [1.10]\n", '6:16: dependencies[0]: expected a string, got the number 1.1\n\nhint: put it in quotes: "1.10"'),
        (PROJECT + "dependencies: [alpha 1]\n", "6:16: alpha 1 is requested here, and >=2 at environments/demo/project.yaml:2:14\n\nhint: they exclude each other: keep one of the two"),
        (PROJECT + 'dependencies: ["x::AlphaVision 1"]\n', "6:16: alphavision has no provider `x`\n\nhint: known here: conda-forge"),
        (PROJECT + "driver: 535\n", '6:1: driver: expected a string, got the number 535\n\nhint: put it in quotes: "535"'),
        (PROJECT + 'driver: "<535"\n', '6:1: driver: not a driver version\n\nhint: for example ">=535"'),
        (PROJECT + "gpus: [V1000]\n", '6:8: no GPU `V1000` in matrices/gpus.yaml\n\nhint: write a compute capability, such as "8.0", or a model in matrices/gpus.yaml'),
        (PROJECT + "gpus: [8.0]\n", '6:8: gpus[0]: expected a string, got the number 8.0\n\nhint: put it in quotes: "8.0"'),
        (PROJECT + 'exclude-newer: "yesterday"\n', "6:1: exclude-newer: not a date\n\nhint: for example 2026-06-01, or none"),
        (PROJECT + "align: perhaps\n", "6:1: align: expected a valid boolean\n\nhint: see `envgen help projects`"),
        (PROJECT + "pip: einops\n", "6:1: pip: expected a list\n\nhint: write [einops]"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_line_and_column(text: str, message: str) -> None:
    assert refusal(text) == f"{FILE}:{message}"


@pytest.mark.parametrize(
    "url",
    [
        "https://anna:hunter2@host.example/c",
        "https://anna:hunter2@host.example",
        "https://hunter2@host.example/c",
        "http://:hunter2@host.example/c",
        "https://$USER:hunter2@host.example/c",
        "https://host.example/t/hunter2/c",
        "https://host.example/t/hunter2",
    ],
)
def test_a_password_or_token_in_a_channel_is_refused_and_never_repeated(url: str) -> None:
    message = refusal(changed("[conda-forge]", f'["{url}"]'))
    assert message == f"{FILE}:5:12: channels[0]: this URL contains a password or token\n\nhint: {SECRET_HINT}"
    assert "hun" not in message


@pytest.mark.parametrize("spec", ["https://anna:hunter2@host.example/c::numpy", "https://host.example/t/hunter2/c::numpy"])
def test_a_password_in_a_dependency_is_refused_and_never_repeated(spec: str) -> None:
    assert "hunter2" not in refusal(PROJECT + f'dependencies: ["{spec}"]\n')


def test_a_password_in_a_pip_requirement_is_refused_and_never_repeated() -> None:
    assert "hunter2" not in refusal(PROJECT + 'pip: ["einops @ https://anna:hunter2@host.example/einops.whl"]\n')


def test_a_target_that_is_written_twice_does_not_shift_the_address_of_the_next() -> None:
    message = refusal(changed("[cpu, cu126]", "[cpu, cpu, cu127]"))
    assert message.startswith((f"{FILE}:3:16: ", f"{FILE}:3:21: `cu127`: no target"))


@pytest.mark.parametrize(
    "name",
    ["numpy", "a.b", "_openmp_mutex", "conda-forge::numpy", "numpy=1.2", "numpy 1.2.* py*", "numpy>=1,<2", "numpy[build='x']"],
)
def test_a_conda_spec_is_a_dependency(name: str) -> None:
    (dependency,) = project_of(PROJECT + yaml_of({"dependencies": [name]})).dependencies
    assert dependency.spec == name
    assert re.fullmatch(r"numpy|a\.b|_openmp_mutex", dependency.name)


@pytest.mark.parametrize(
    "name", ["", " ", "numpy\n- evil", "-r x", "a b\nc", "numpy # x", "::x", "a::", "==1", "[x]", "@ file:///x", "../x"]
)
def test_what_is_no_conda_spec_is_refused(name: str) -> None:
    assert refusal(PROJECT + yaml_of({"dependencies": [name]})).endswith(
        f": dependencies[0]: not a conda spec\n\nhint: {SPEC_HINT}"
    )


VALUES = st.recursive(
    st.sampled_from([None, True, 0, -1, 1.5, "", "x", "*", "3.12", ">=3", "cpu", "cu126", "linux-64", "alpha", "$", "\n", "é", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["version", "with", "provider", "platforms", "cpu", "cu126", "alpha", "x", ""]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
KEYS = [
    "python",
    "frameworks",
    "targets",
    "platforms",
    "channels",
    "dependencies",
    "pip",
    "driver",
    "gpus",
    "align",
    "exclude-newer",
    "template",
    "x",
]


@examples(300)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=3))
def test_any_values_are_a_project_or_bad_input_with_an_address(values: dict[str, object]) -> None:
    text = yaml_of({**data_of(PROJECT), **values})
    error = refused(lambda: project_of(text))
    assert error is None or (re.match(rf"{re.escape(FILE)}:[1-9]\d*:[1-9]\d*: .", str(error)) and error.hint)
