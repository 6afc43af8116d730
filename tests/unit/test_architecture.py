"""The rooms and who may enter them: read from the source with ast, so that the layers in DESIGN stay true.

A rule about every module is one test, which lists every place that breaks it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from unit.small import assert_none, real_matrix

PACKAGE = Path(__file__).parents[2] / "envgen"
FILES = {path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", "."): path for path in sorted(PACKAGE.rglob("*.py"))}
TEXTS = {module: path.read_text(encoding="utf-8") for module, path in FILES.items()}
LINES = {module: text.splitlines() for module, text in TEXTS.items()}
MODULES = sorted(FILES)

# Package -> the packages that it may import, beside `model`. A module at the top level is a package of its own.
ARROWS: dict[str, set[str]] = {
    "model": set(),
    "targets": set(),
    "cache": set(),
    "files": set(),
    "outputs": set(),
    "revisions": set(),
    "table": set(),
    "yamlfile": set(),
    "channels": {"cache"},
    "matrix": {"cache", "channels", "yamlfile"},
    "resolver": {"matrix"},
    "formats": {"yamlfile"},
    "project": {"cache", "channels", "formats", "matrix", "resolver", "targets", "yamlfile"},
    "pip": {"cache", "channels", "formats"},
    "explain": {"matrix", "resolver"},
    "verify": {"channels", "formats", "matrix", "outputs", "table", "targets"},
    "diff": {"channels", "files", "formats", "revisions", "verify"},
    "machine": {"formats", "matrix", "table", "targets"},
    "lock": {
        *("cache", "channels", "explain", "files", "formats", "matrix", "pip", "project", "resolver", "targets"),
        *("verify", "yamlfile"),
    },
    "migrate": {"channels", "composition", "formats", "project", "targets", "yamlfile"},
    "shards": {"cache", "channels", "formats", "lock", "matrix", "project", "revisions", "verify"},
    "merge": {"cache", "channels", "formats", "lock", "matrix", "project", "revisions"},
    "composition": {"channels", "formats", "table"},
    "export": {"channels", "formats"},
    "install": {"cache", "channels", "formats", "machine", "matrix", "project", "table", "targets", "verify"},
    "probe": {"formats", "machine", "matrix", "table"},
    "curate": {"channels", "formats", "matrix", "resolver"},
    "curate.lint": {"cache", "files", "matrix", "project", "resolver", "yamlfile"},
    "curate.records": {"channels", "curate", "table", "verify"},
    "curate.refresh": {"channels", "curate", "files", "formats", "matrix", "yamlfile"},
    "curate.show": {"export", "files", "formats", "matrix", "resolver", "table"},
    "curate.update": {"files", "matrix", "yamlfile"},
    "review": {
        *("cache", "channels", "composition", "curate.lint", "explain", "files", "formats", "lock", "matrix", "outputs", "project"),
        *("resolver", "verify", "yamlfile"),
    },
    "cli": {
        *(
            "channels",
            "composition",
            "export",
            "formats",
            "curate",
            "curate.lint",
            "curate.records",
            "curate.refresh",
            "curate.show",
            "curate.update",
            "diff",
            "explain",
        ),
        *(
            "files",
            "install",
            "lock",
            "machine",
            "matrix",
            "merge",
            "migrate",
            "pip",
            "probe",
            "project",
            "resolver",
            "review",
            "revisions",
            "shards",
        ),
        *("table", "targets", "verify", "yamlfile"),
    },
    "__main__": {"cli"},
}

# Libraries, and the modules that may use them; a name that ends in a dot is a whole package.
OWNERS = {
    "click": {"cli."},
    "conda_lock": {"lock.condalock"},
    "distributed": {"shards.executors"},
    "filelock": {"lock.one_writer", "install.transaction"},
    "jinja2": {"lock.sandbox"},
    "platformdirs": {"cache", "channels.conda_settings"},
    "pydantic": {
        "yamlfile.schema",
        "curate.lint.json_schema",
        "project.schema",
        "matrix.channel_field",
        "project.limits_schema",
        "matrix.schema",
        "matrix.hardware_schema",
        "matrix.withdrawn_schema",
        "matrix.advice_schema",
        "matrix.package_schema",
        "matrix.fields",
    },
    "pydantic_core": {"matrix.channel_field", "yamlfile.schema", "project.schema", "project.limits_schema", "matrix.fields"},
    "pynvml": {"machine.nvml"},
    "tomli": {"formats.toml_text"},
    "pytest": {"cli.pytest_plugin"},
    "rattler": {
        "install.contents",
        "install.arrivals",
        "install.fetch",
        "install.link",
        "install.records",
        "curate.published",
        "curate.lint.rules_specs",
        "channels.alternatives",
        "channels.canonical",
        "channels.certain",
        "channels.client",
        "channels.counted",
        "channels.index",
        "channels.kept",
        "channels.live",
        "channels.mirrors",
        "channels.query",
        "channels.versions",
        "export.pixi_files",
        "formats.pixi",
        "project.package_spec",
        "channels.solve",
    },
    "rich": {"table", "cli.console"},
    "uv": {"pip.process"},
    "yaml": {
        "channels.conda_settings",
        "yamlfile.document",
        "install.prefixes",
        "formats.conda_lock",
        "formats.environment_file",
        "lock.lock_text",
        "yamlfile.nodes",
        "lock.render",
        "migrate.environment_files",
        "formats.selectors",
        "cli.scaffold",
        "cli.team",
    },
    "zstandard": {"channels.cache"},
}
EVERYWHERE = {"packaging"}
LONGEST_FUNCTION, LONGEST_MODULE = 80, 350
CATCH_ALL = {
    "channels.watch": "what the work of another thread raises is raised again by the thread that waits for it",
    "cli.main": "a fault of envgen itself is one line that asks for a report, not a traceback",
    "lock.sandbox": "whatever the code of a template raises is an error in the template",
    "probe.child": "runs without envgen, inside the environment that is probed: whatever a framework raises is an answer",
}


@cache
def tree(module: str) -> ast.Module:
    """A module, parsed when a test first asks: whoever only collects tests does not wait for it."""
    return ast.parse(TEXTS[module])


@cache
def nodes(module: str) -> tuple[ast.AST, ...]:
    """All nodes of a module."""
    return tuple(ast.walk(tree(module)))


@cache
def imports(module: str) -> frozenset[str]:
    """Dotted names that a module imports, anywhere in it; with `envgen.` in front for its own."""
    found: set[str] = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are written out"
            found |= {_module(str(node.module), alias.name) for alias in node.names}
    return frozenset(found)


def _module(source: str, name: str) -> str:
    """What `from source import name` imports: a module of ours by its whole name, of others the source."""
    inner = f"{source}.{name}".removeprefix("envgen.")
    if source.split(".", maxsplit=1)[0] != "envgen" or source.removeprefix("envgen.") in FILES:
        return source
    return f"envgen.{inner}" if inner in FILES else f"{source}.__init__"


def rooms(module: str) -> set[str]:
    """The modules of envgen that a module imports."""
    return {name.removeprefix("envgen.") for name in imports(module) if name.startswith("envgen.")}


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function, methods and inner ones included."""
    yield from (node for node in nodes(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def package(module: str) -> str:
    """The package whose boundary a module stands behind; each program of `curate` is one of its own."""
    head, *rest = module.split(".")
    return f"{head}.{rest[0]}" if f"{head}.{'.'.join(rest[:1])}" in ARROWS else head


def arrows() -> dict[str, set[str]]:
    """Package -> the packages that it imports."""
    found: dict[str, set[str]] = {package(module): set() for module in MODULES if module != "__init__"}
    for module in MODULES:
        if module != "__init__":
            found[package(module)] |= {package(other) for other in rooms(module) if other != "__init__"} - {
                package(module),
                "model",
            }
    return found


def test_packages_import_just_what_the_list_allows() -> None:
    """Both ways: nothing that is not listed, and nothing listed that is not used."""
    assert arrows() == ARROWS


def test_no_package_is_in_a_circle() -> None:
    left = {name: needs & set(ARROWS) for name, needs in ARROWS.items()}
    while free := {name for name, needs in left.items() if not needs & set(left)}:
        left = {name: needs for name, needs in left.items() if name not in free}
    assert not left


def test_every_package_says_what_comes_in_what_goes_out_and_what_it_may_import() -> None:
    wrong = []
    for name in sorted(set(ARROWS) - {"__main__", "cache", "cli", "model", "targets", "files", "outputs", "revisions", "table"}):
        flows, found, allowed = " ".join((ast.get_docstring(tree(f"{name}.__init__")) or "").split()).partition(" May import ")
        if not found:
            wrong.append(f"{name}: does not say what it may import")
        if name != "curate" and not ("In: " in flows and "Out: " in flows):
            wrong.append(f"{name}: does not say what comes in and what goes out")
        if set(re.findall(r"`([a-z.]+)`", allowed)) - {"model"} != ARROWS[name]:
            wrong.append(f"{name}: says that it may import {allowed}")
    assert_none(wrong)


def test_no_module_imports_itself_in_a_circle() -> None:
    left = {module: rooms(module) for module in MODULES}
    while free := {module for module, needs in left.items() if not needs & set(left)}:
        left = {module: needs for module, needs in left.items() if module not in free}
    assert not left


def test_a_library_is_used_only_by_its_modules() -> None:
    own = {"envgen", "__future__", *sys.stdlib_module_names, *EVERYWHERE}
    used = [(module, library) for module in MODULES for library in libraries(module) - own]
    assert_none(place for place in used if not any(owns(owner, place[0]) for owner in OWNERS.get(place[1], ())))


def test_every_module_that_may_use_a_library_does() -> None:
    unused = {
        library: [owner for owner in owners if not any(owns(owner, module) and library in libraries(module) for module in MODULES)]
        for library, owners in OWNERS.items()
    }
    assert {library: owners for library, owners in unused.items() if owners} == {}


def libraries(module: str) -> set[str]:
    """The top-level packages that a module imports."""
    return {name.split(".")[0] for name in imports(module)}


def owns(owner: str, module: str) -> bool:
    """Whether an entry of OWNERS covers a module."""
    return module.startswith(owner) if owner.endswith(".") else module == owner


def test_the_pure_rooms_touch_neither_disk_nor_clock_nor_process() -> None:
    pure = [
        "composition.graph",
        "composition.licenses",
        "composition.report",
        "composition.sizes",
        "diff.apart",
        "diff.cell",
        "diff.compare",
        "diff.list",
        "diff.markdown",
        "diff.model",
        "diff.places",
        "diff.report",
        "merge.packages",
        "migrate.channels",
        "migrate.conditions",
        "migrate.draft",
        "migrate.merge",
        "migrate.model",
        "migrate.pip_lines",
        "migrate.pixi_manifest",
        "migrate.rapids",
        "migrate.report",
        "migrate.roots",
        "migrate.text",
        "migrate.toml_lines",
        "migrate.translate",
        "migrate.variants",
        "migrate.versions",
        "migrate.wheel_indexes",
        "explain.advice",
        "explain.as_wheels",
        "export.conda_files",
        "export.dockerfile",
        "export.model",
        "export.pixi_files",
        "export.wheel_files",
        "resolver.cells",
        "matrix.constraints",
        "matrix.hardware",
        "model.resolution",
        "install.clean_env",
        "model.errors",
        "curate.show.axes",
        "curate.facts",
        "curate.lint.rules_constraints",
        "curate.show.grid",
        "curate.show.groups",
        "curate.lint.rules_hardware",
        "curate.model",
        "curate.refresh.edits",
        "curate.show.query",
        "curate.lint.satisfiable",
        "curate.lint.rules_builds",
        "curate.refresh.rows",
        "curate.lint.registry",
        "curate.show.table",
        "curate.update.merge",
        "curate.update.report",
        "curate.lint.rules_specs",
        "curate.lint.rules_style",
        "yamlfile.edit",
        "yamlfile.rows",
        "curate.records.checks",
        "channels.explanation",
        "matrix.gpu_names",
        "matrix.drivers",
        "project.notes",
        "project.sections",
        "project.draft",
        "project.edit",
        "model.alignment",
        "model.changes",
        "model.dates",
        "targets",
        "model.advice",
        "model.catalogue",
        "matrix.packages",
        "formats.conda_specs",
        "formats.content_hash",
        "lock.hold",
        "lock.inputs",
        "lock.lock_text",
        "machine.fit",
        "machine.symptoms",
        "model.facts",
        "resolver.candidates",
        "probe.model",
        "probe.gpu_code",
        "probe.journal",
        "probe.libraries",
        "probe.quote",
        "probe.rules_answer",
        "probe.rules_no_answer",
        "probe.rules_no_gpu",
        "probe.verdict",
        "formats.builds",
        "model.impact",
        "outputs",
        "review.check_report",
        "review.impact_report",
        "review.made",
        "review.registry",
        "review.rules_choices",
        "review.rules_content",
        "review.rules_files",
        "review.rules_reading",
        "review.rules_repository",
        "verify.rules_promises",
        "verify.rules_integrity",
        "verify.registry",
        "verify.rules_builds",
        "verify.check",
        "verify.entries",
        "verify.judgements",
        "resolver.resolve",
        "resolver.search",
        "project.newest",
        "explain.alternatives",
        "explain.conflict",
        "explain.edits",
        "explain.requirements",
        "explain.facts",
        "explain.model",
        "explain.unsolvable",
        "resolver.target_choices",
        "explain.minimize",
        "explain.explain",
        "explain.repairs",
        "explain.phrases",
        "project.merge",
        "project.aliases",
    ]
    world = {"os", "time", "subprocess", "socket", "tempfile", "shutil", "random", "threading", "logging", "sys", "io"}
    effects = {"open", "print", "input", "exec", "eval"}
    touched = {}
    for module in pure:
        calls = (node.func for node in nodes(module) if isinstance(node, ast.Call))
        called = {func.id for func in calls if isinstance(func, ast.Name)}
        touched[module] = (world & libraries(module)) | (effects & called)
    assert_none(row for row in touched.items() if row[1])


def test_only_one_room_knows_the_folder_names() -> None:
    folders = {"matrices", "templates", "schemas", "environments"}
    files = {"environment.yml", "conda-lock.yml", "virtual-packages.yml", "project.yaml"}
    in_addresses = {module: {"matrices", "templates"} for module in ("matrix.load", "lock.plan", "lock.pipeline")}
    in_addresses["formats.pylock"] = {"environments"}  # a key of pylock.toml
    in_addresses |= {"migrate.rapids": {"matrices"}, "migrate.pixi_manifest": {"environments"}}  # keys of other tools' files
    named = {}
    for module in set(MODULES) - {"model.layout"}:
        texts = {node.value for node in nodes(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        named[module] = texts & (folders | files) - in_addresses.get(module, set())
    assert_none(row for row in named.items() if row[1])


def test_functions_and_modules_are_short() -> None:
    sizes = [(module, f.name, f.end_lineno - f.lineno + 1) for module in MODULES for f in functions(module) if f.end_lineno]
    long = [(module, len(lines)) for module, lines in LINES.items() if len(lines) > LONGEST_MODULE]
    assert_none([*long, *(row for row in sizes if row[-1] > LONGEST_FUNCTION)])


def test_every_public_name_has_a_docstring() -> None:
    bare = [module for module in MODULES if not ast.get_docstring(tree(module))]
    for module in MODULES:
        for node in tree(module).body:
            named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
            if named and not ast.get_docstring(node) and not is_shape_of_a_file(node):
                bare.append(f"{module}:{node.lineno}: {node.name}")
    assert_none(bare)


def is_shape_of_a_file(node: ast.stmt) -> bool:
    """Whether a class is read from a file: its fields say it all."""
    return isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id == "Row" for base in node.bases)


def test_errors_are_caught_by_name() -> None:
    wrong = []
    for module in MODULES:
        for node in (node for node in nodes(module) if isinstance(node, ast.ExceptHandler)):
            caught = {item.id for item in ast.walk(node.type) if isinstance(item, ast.Name)} if node.type else set()
            everything = bool(caught & {"Exception", "BaseException"})
            if node.type is None:
                wrong.append(f"{module}:{node.lineno}: a bare except")
            if everything and module not in CATCH_ALL:
                wrong.append(f"{module}:{node.lineno}: catches everything")
            if everything and "  # " not in LINES[module][node.lineno - 1]:
                wrong.append(f"{module}:{node.lineno}: does not say why")
    assert_none(wrong)


def test_no_shell_no_eval_no_exit_from_the_middle() -> None:
    wrong = []
    for module in MODULES:
        for node in (node for node in nodes(module) if isinstance(node, ast.Call)):
            name = ast.unparse(node.func)
            if any(word.arg == "shell" for word in node.keywords):
                wrong.append(f"{module}:{node.lineno}: shell=")
            if name in {"eval", "exec", "os.system", "os.popen", "yaml.unsafe_load", "pickle.loads"}:
                wrong.append(f"{module}:{node.lineno}: {name}")
            if name in {"sys.exit", "exit", "quit", "os._exit"} and module != "cli.main":
                wrong.append(f"{module}:{node.lineno}: only the command line exits")
    assert_none(wrong)


def test_importing_the_nouns_loads_nothing_heavy() -> None:
    """`envgen --help` pays for what it imports: click and the errors, at the head of the file."""
    loaded = [
        f"cli.{name}"
        for name in (
            "main",
            "options",
            "check",
            "diff",
            "doctor",
            "impact",
            "init",
            "install",
            "lock",
            "matrix",
            "merge_driver",
            "probe",
            "resolve",
            "verify",
        )
    ]
    heads = {
        name.split(".")[0]
        for module in loaded
        for node in tree(module).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    }
    assert not heads & {"rattler", "conda_lock", "yaml", "pydantic", "jinja2", "rich", "pynvml"}
    tops = {node.module for module in loaded for node in tree(module).body if isinstance(node, ast.ImportFrom)}
    assert {name for name in tops if name and name.startswith("envgen")} <= {
        "envgen",
        "envgen.cli",
        "envgen.cli.console",
        "envgen.cli.options",
        "envgen.model.errors",
        "envgen.model.regular",
    }


def test_the_page_about_the_architecture_lists_every_package_below_what_it_imports() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    place = {name: rows.find(f"`{name.replace('.', '/')}") for name in ARROWS if name != "__main__"}
    assert [name for name, found in place.items() if found < 0] == []
    assert [(name, other) for name, found in place.items() for other in ARROWS[name] if place[other] >= found] == []


# --- packages are facts ----------------------------------------------------------------------------------------------------

# A probe script is about one framework. `cuda` and `cudnn` are keys of the matrix files as well as packages; NVIDIA makes drivers.
PROBES, WORDS = "probe.scripts.", {"cuda", "cudnn", "nvidia"}
LIBRARIES = {
    "machine.cuda_paths": {"cudart"},  # the file whose name tells the version of an installed toolkit
    "cli.overview": {"pytorch", "jax"},  # examples of the help
}


@cache
def known_names() -> frozenset[str]:
    """Every framework, module, package and shared library that the matrices name, without `*`."""
    catalogue = real_matrix().catalogue
    packages = {name for row in catalogue.packages for name in (*row.conda, *row.pip)}
    found = {*packages, *catalogue.frameworks, *catalogue.imports, *catalogue.libraries, *catalogue.compilers}
    return frozenset(name.partition("*")[0].rstrip("-_").lower() for name in found) - WORDS - {""}


def texts(module: str) -> Iterator[tuple[int, str]]:
    """The strings of a module and the lines that they begin on; a docstring without its examples, which stand in backticks."""
    owners = (node for node in nodes(module) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef))
    docs = {id(node.body[0].value) for node in owners if node.body and isinstance(node.body[0], ast.Expr)}
    for node in nodes(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, re.sub(r"`[^`]*`", "", node.value) if id(node) in docs else node.value


def test_no_module_names_a_framework_or_a_package_of_cuda() -> None:
    names = "|".join(map(re.escape, sorted(known_names(), key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w-])(?:{names})(?![\w-])", re.IGNORECASE)
    modules = [module for module in MODULES if not module.startswith(PROBES)]
    found = [(module, line, name) for module in modules for line, text in texts(module) for name in pattern.findall(text)]
    assert_none(row for row in found if row[-1].lower() not in LIBRARIES.get(row[0], ()))


def test_a_noun_has_one_name() -> None:
    """No two classes or type aliases of the program share a name: whoever reads one knows which it is."""
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for node in tree(module).body:
            named = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.Assign) and not ast.unparse(node.value).startswith("TypeVar("):
                named = [target.id for target in node.targets if isinstance(target, ast.Name)]
            for name in named:
                if re.fullmatch(r"[A-Z]\w*[a-z]\w*", name):
                    places.setdefault(name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_values_with_more_than_three_fields_are_made_by_keyword() -> None:
    """A call then says what each of its values is."""
    wrong = []
    for module in MODULES:
        for node in (node for node in nodes(module) if isinstance(node, ast.ClassDef)):
            marks = [ast.unparse(mark) for mark in node.decorator_list if ast.unparse(mark).startswith("dataclass")]
            values = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            own = [item for item in values if ast.unparse(item.target).startswith("_") or "init=False" in ast.unparse(item)]
            fields = [item for item in values if item not in own]
            if marks and len(fields) > 3 and "kw_only=True" not in marks[0]:
                wrong.append(f"{module}:{node.lineno}: {node.name}")
    assert_none(wrong)
