"""The rooms and who may enter them: read from the source with ast, so that the layers in DESIGN stay true."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "envgen"
FILES = {path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in FILES.items()}
MODULES = sorted(TREES)

# From the ground up. A room imports only from rooms below its own, never from its neighbours on the same floor.
LEVELS: tuple[tuple[str, ...], ...] = (
    (
        "__init__",
        "commands.__init__",
        "environment.__init__",
        "environment.clean",
        "errors",
        "facts.__init__",
        "hearsay",
        "machine.__init__",
        "probing.__init__",
        "probing.inside",
        "proof.__init__",
        "registry",
        "talk",
        "why.__init__",
        "why.sparing",
    ),
    (
        "channel",
        "environment.running",
        "environment.staging",
        "layout",
        "model",
    ),
    (
        "decisions",
        "environment.prefixes",
        "facts.nouns",
        "facts.rows",
        "fleet",
        "index",
        "machine.nouns",
        "options",
        "packages",
        "reader",
    ),
    (
        "cell",
        "document",
        "environment.wheels",
        "facts.verify_report",
        "machine.gpu",
        "machine.outside",
        "machine.report",
        "probing.answer",
        "proof.builds",
        "proof.nouns",
        "recorded",
        "run",
        "solve",
        "writing",
    ),
    (
        "advice",
        "environment.inventory",
        "facts.axes",
        "facts.question",
        "facts.rules",
        "facts.verdicts",
        "hardware",
        "lockfile",
        "machine.surroundings",
        "machine.symptoms",
        "offers",
        "probing.journal",
        "probing.loaded",
        "probing.report",
        "proof.rules",
        "render",
        "report",
        "values",
        "words",
    ),
    (
        "environment.linking",
        "facts.claims",
        "facts.grid",
        "facts.hardware",
        "facts.reach",
        "hearing",
        "machine.fit",
        "pin",
        "probing.interview",
        "probing.unseen",
        "proof.demands",
        "proof.foreign",
        "proof.truth",
        "search",
        "shapes",
        "wishes",
    ),
    (
        "conditions",
        "facts.constraints",
        "facts.evidence",
        "facts.page",
        "facts.proposal",
        "facts.releases",
        "facts.show",
        "probing.environment",
        "probing.verdict",
        "projectfile",
        "proof.integrity",
        "resolve",
    ),
    (
        "facts.schemas",
        "facts.specs",
        "facts.splice",
        "proof.verify",
        "sayings",
        "settle",
        "why.nouns",
        "why.words",
    ),
    (
        "facts.solving",
        "facts.spelling",
        "matrix",
        "project",
        "proof.report",
        "why.demands",
        "why.report",
    ),
    (
        "facts.asked",
        "facts.lint",
        "plan",
        "probing.probe",
        "starting",
        "why.limits",
    ),
    (
        "environment.asked",
        "facts.refresh",
        "facts.report",
        "facts.verify",
        "machine.diagnose",
        "proof.story",
        "why.conflict",
    ),
    (
        "environment.install",
        "facts.refresh_report",
        "why.choice",
        "why.ways",
    ),
    (
        "environment.guide",
        "why.story",
    ),
    ("why.refuted",),
    ("pipeline",),
    (
        "commands.doctor",
        "commands.install",
        "commands.lock",
        "commands.matrix",
        "commands.probe",
        "commands.verify",
    ),
    ("cli",),
    ("__main__",),
)

# Libraries, and the rooms that may know them.
OWNERS = {
    "click": {
        "cli",
        "commands.doctor",
        "commands.install",
        "commands.lock",
        "commands.matrix",
        "commands.probe",
        "commands.verify",
        "options",
    },
    "conda_lock": {"pin"},
    "jinja2": {"render"},
    "platformdirs": {"index"},
    "pydantic": {"document", "facts.schemas", "projectfile", "shapes", "values"},
    "pydantic_core": {"document", "projectfile", "values"},
    "pynvml": {"machine.gpu"},
    "rattler": {"environment.linking", "facts.evidence", "facts.specs", "index", "proof.demands", "proof.foreign", "solve"},
    "rich": {"environment.inventory", "probing.report", "report", "talk"},
    "yaml": {"document", "environment.prefixes", "lockfile", "pin", "reader", "render", "starting"},
    "zstandard": {"index"},
}
EVERYWHERE = {"packaging"}
LONGEST_FUNCTION, LONGEST_MODULE = 80, 350
CATCH_ALL = {
    "pin": "conda_lock raises what it likes",
    "probing.inside": "runs without envgen, inside the environment that is probed: whatever a framework raises is an answer",
}


def imports(module: str, *, typing_too: bool = True) -> Iterator[str]:
    """Dotted names that a module imports, anywhere in it; with `envgen.` in front for its own."""

    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not typing_too:
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are written out"
            yield from (_module(str(node.module), alias.name) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(TREES[module])


def _module(source: str, name: str) -> str:
    """What `from source import name` imports: a module of ours by its whole name, of others the source."""
    inner = f"{source}.{name}".removeprefix("envgen.")
    if source.split(".", maxsplit=1)[0] != "envgen" or source.removeprefix("envgen.") in TREES:
        return source
    return f"envgen.{inner}" if inner in TREES else f"{source}.__init__"


def rooms(module: str) -> set[str]:
    """The modules of envgen that a module imports."""
    return {name.removeprefix("envgen.") for name in imports(module) if name.startswith("envgen.")}


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, methods and inner ones included."""
    yield from (node for node in ast.walk(TREES[module]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_module_has_its_floor() -> None:
    assert sorted(name for floor in LEVELS for name in floor) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_below(module: str) -> None:
    floor = next(number for number, names in enumerate(LEVELS) if module in names)
    below = {name for names in LEVELS[:floor] for name in names}
    assert rooms(module) <= below


def test_no_module_imports_itself_in_a_circle() -> None:
    left = {module: rooms(module) for module in MODULES}
    while free := {module for module, needs in left.items() if not needs & set(left)}:
        left = {module: needs for module, needs in left.items() if module not in free}
    assert not left


@pytest.mark.parametrize("module", MODULES)
def test_a_library_is_known_only_in_its_rooms(module: str) -> None:
    import sys

    outside = {name.split(".")[0] for name in imports(module)} - {"envgen", "__future__"} - set(sys.stdlib_module_names)
    assert outside <= {*OWNERS, *EVERYWHERE}
    assert {library for library in outside if module not in OWNERS.get(library, {module})} == set()


def test_no_library_is_granted_to_a_room_that_does_not_use_it() -> None:
    used = {
        library: {module for module in MODULES if library in {name.split(".")[0] for name in imports(module)}} for library in OWNERS
    }
    assert used == OWNERS


@pytest.mark.parametrize(
    "module",
    [
        "advice",
        "cell",
        "decisions",
        "environment.clean",
        "errors",
        "facts.axes",
        "facts.claims",
        "facts.constraints",
        "facts.grid",
        "facts.hardware",
        "facts.nouns",
        "facts.proposal",
        "facts.question",
        "facts.reach",
        "facts.releases",
        "facts.rows",
        "facts.rules",
        "facts.show",
        "facts.specs",
        "facts.spelling",
        "facts.splice",
        "facts.verdicts",
        "fleet",
        "hardware",
        "hearing",
        "hearsay",
        "machine.fit",
        "machine.symptoms",
        "model",
        "offers",
        "probing.answer",
        "probing.loaded",
        "probing.unseen",
        "probing.verdict",
        "proof.builds",
        "proof.demands",
        "proof.integrity",
        "proof.rules",
        "proof.truth",
        "proof.verify",
        "resolve",
        "search",
        "settle",
        "why.choice",
        "why.conflict",
        "why.demands",
        "why.limits",
        "why.nouns",
        "why.refuted",
        "why.sparing",
        "why.story",
        "why.ways",
        "why.words",
        "wishes",
        "words",
    ],
)
def test_the_pure_rooms_touch_neither_disk_nor_clock_nor_process(module: str) -> None:
    world = {"os", "time", "subprocess", "socket", "tempfile", "shutil", "random", "threading", "logging", "sys", "io"}
    assert not world & {name.split(".")[0] for name in imports(module)}
    called = {node.func.id for node in ast.walk(TREES[module]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"open", "print", "input", "exec", "eval"}


def test_only_one_room_knows_the_folder_names() -> None:
    for module in set(MODULES) - {"layout"}:
        texts = {node.value for node in ast.walk(TREES[module]) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert not texts & {
            "matrices",
            "templates",
            "schemas",
            "environments",
            "environment.yml",
            "conda-lock.yml",
            "virtual-packages.yml",
            "project.yaml",
        } - (
            {"matrices", "templates"} if module in ("matrix", "plan", "pipeline") else set()  # as text in addresses
        ), module


@pytest.mark.parametrize("module", MODULES)
def test_functions_and_modules_are_short(module: str) -> None:
    long = {
        f.name: f.end_lineno - f.lineno + 1
        for f in functions(module)
        if f.end_lineno and f.end_lineno - f.lineno >= LONGEST_FUNCTION
    }
    assert not long
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_a_docstring(module: str) -> None:
    assert ast.get_docstring(TREES[module])
    tree = TREES[module]
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    outer = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    bare = [node.name for node in (*classes, *outer) if not node.name.startswith("_") and not ast.get_docstring(node)]
    rows = {node.name for node in classes if any(isinstance(base, ast.Name) and base.id == "Row" for base in node.bases)}
    assert set(bare) <= rows  # the shapes of files: their fields say it all


@pytest.mark.parametrize("module", MODULES)
def test_errors_are_caught_by_name(module: str) -> None:
    lines = FILES[module].read_text(encoding="utf-8").splitlines()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{module}:{node.lineno}: a bare except"
            caught = {item.id for item in ast.walk(node.type) if isinstance(item, ast.Name)}
            if caught & {"Exception", "BaseException"}:
                assert module in CATCH_ALL, f"{module}:{node.lineno}: catches everything"
                assert "  # " in lines[node.lineno - 1], f"{module}:{node.lineno}: says not why"


@pytest.mark.parametrize("module", MODULES)
def test_no_shell_no_eval_no_exit_from_the_middle(module: str) -> None:
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            assert not any(word.arg == "shell" for word in node.keywords), f"{module}:{node.lineno}: shell="
            name = ast.unparse(node.func)
            assert name not in {"eval", "exec", "os.system", "os.popen", "yaml.unsafe_load", "pickle.loads"}, (
                f"{module}:{node.lineno}"
            )
            if name in {"sys.exit", "exit", "quit", "os._exit"}:
                assert module == "cli", f"{module}:{node.lineno}: only the command line exits"


def test_importing_the_nouns_loads_nothing_heavy() -> None:
    """`envgen --help` pays for what it imports: click and the errors, at the head of the file."""
    loaded = ["cli", "options", *(module for module in MODULES if module.startswith("commands."))]
    heads = {
        name.split(".")[0]
        for module in loaded
        for node in TREES[module].body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert not heads & {"rattler", "conda_lock", "yaml", "pydantic", "jinja2", "rich", "pynvml"}
    tops = {node.module for module in loaded for node in TREES[module].body if isinstance(node, ast.ImportFrom)}
    assert {name for name in tops if name and name.startswith("envgen")} <= {
        "envgen",
        "envgen.commands",
        "envgen.errors",
        "envgen.options",
    }


def test_the_page_about_the_architecture_names_every_room() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    hidden = {"__main__", *(module for module in MODULES if module.endswith("__init__") or module.startswith("commands."))}
    assert [module for module in MODULES if module not in hidden and f"`{module}`" not in page] == []
