"""Run a template that may come from a stranger: it reads nothing but its values and `templates/`, and it ends.

Jinja's sandbox keeps a template out of Python. Time and memory are bounded by a budget: every pass through a loop, a macro, a block
or a file, and every character that is put together, takes a unit of it. No other operation of a template takes long: those that
could (powers, repetition, formatting, calls of anything but macros and a few methods of strings) are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_sort
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from envgen.formats.selectors import scalar
from envgen.lock.template_text import text_of_template
from envgen.model.address import Address
from envgen.model.errors import BadInput

BUDGET = 250_000
"""Units of one run. The largest environment of a thousand packages takes about 35,000."""

_TEMPLATES = 64  # whose code is remembered

_NUMBER = 1_000_000_000  # what a template can compute with
_METHODS = {
    *("startswith", "endswith", "split", "rsplit", "splitlines", "partition", "rpartition", "strip", "lstrip", "rstrip"),
    *("removeprefix", "removesuffix", "upper", "lower", "title", "capitalize", "count", "find", "isdigit", "isupper", "islower"),
}
_OF_MAPPINGS = {"items", "keys", "values", "get"}


def run(templates: Path, template: str, shown: str, values: Mapping[str, Any]) -> str:
    """The text that a template renders. `shown` is the folder in messages. Raises BadInput with the template and its line."""
    jinja = _sandbox(templates, shown)
    jinja.left = BUDGET
    where, hint = Address(f"{shown}/{template}", 1, 1), f"a template can use {', '.join(sorted(values))} and the filter `scalar`"
    try:
        text = jinja.get_template(template).render(values)
        text.encode()
    except TemplateSyntaxError as error:
        where = Address(f"{shown}/{error.name or template}", error.lineno, 1)
        raise BadInput(f"not a template: {error.message}", where=where, hint="fix the line and run again") from None
    except BadInput as error:  # of an included template
        raise BadInput(error.what, where=_place(error, shown) or where, hint=error.hint) from None
    except TemplateError as error:
        raise BadInput(f"cannot be rendered: {error}", where=_place(error, shown) or where, hint=hint) from None
    except Exception as error:  # noqa: BLE001 - whatever the code of a template raises is an error in the template
        what = f"cannot be rendered: {str(error) or type(error).__name__}"
        raise BadInput(what, where=_place(error, shown) or where, hint=hint) from None
    return text


def _place(error: BaseException, shown: str) -> Address | None:
    """The last line of a template in the traceback."""
    place, trace = None, error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(f"{shown}/"):
            place = Address(file, trace.tb_lineno, 1)
        trace = trace.tb_next
    return place


class _Loader(BaseLoader):
    """Reads templates from one folder; each is known by its path in messages."""

    def __init__(self, templates: Path, shown: str) -> None:
        self._templates, self._shown = templates, shown

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        text = text_of_template(self._templates, template)
        return text, f"{self._shown}/{template}", lambda: text_of_template(self._templates, template) == text

    def load(self, environment: Any, name: str, globals: Any = None) -> Template:  # noqa: A002 - Jinja calls it so
        """The same text has the same code, whichever folder it is in."""
        text, file, is_current = self.get_source(environment, name)
        return Template.from_code(environment, _compiled(text, name, file), globals or {}, is_current)


@lru_cache(_TEMPLATES)
def _compiled(text: str, name: str, file: str) -> CodeType:
    """The code of a template. Raises TemplateSyntaxError."""
    return _empty_sandbox().compile(text, name, file)


@cache
def _sandbox(templates: Path, shown: str) -> _Sandbox:
    jinja = _empty_sandbox()
    jinja.loader = _Loader(templates, shown)
    return jinja


def _empty_sandbox() -> _Sandbox:
    """A sandbox that finds no templates."""
    jinja = _Sandbox(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        optimized=False,  # nothing is computed when a template is read
        finalize=_written,
    )
    jinja.globals = {}
    jinja.filters = {"scalar": scalar, "join": _join, "sort": _sort}
    return jinja


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with a budget."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    left = 0

    def charge(self, units: int) -> bool:
        """Take units of the budget; always True. Raises SecurityError when none are left."""
        self.left -= units
        if self.left < 0:
            raise SecurityError(f"it takes more than {BUDGET} steps and characters")
        return True

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, blocks, loops, and the methods of texts and mappings that take no longer than to read them."""
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str):
            return name in _METHODS
        if isinstance(owner, dict):
            return name in _OF_MAPPINGS
        return isinstance(obj, Macro | BlockReference | LoopContext) or isinstance(owner, LoopContext) or obj == self.charge

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what may be called, after it was paid for."""
        if not self.is_safe_callable(obj):
            raise SecurityError(f"a template cannot call {getattr(obj, '__name__', type(obj).__name__)!r}")
        self.charge(_size((getattr(obj, "__self__", ""), *args)))
        return context.call(obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Small numbers are computed, and texts and lists added."""
        both = (left, right)
        if all(isinstance(value, int | float) and abs(value) <= _NUMBER for value in both) and operator != "**":
            return super().call_binop(context, operator, left, right)
        if operator == "+" and (all(isinstance(value, str) for value in both) or all(isinstance(v, list | tuple) for v in both)):
            self.charge(_size(both))
            return super().call_binop(context, operator, left, right)
        raise SecurityError(f"a template cannot compute `{operator}` of these")

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = _Metered().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree  # type: ignore[no-any-return]


def _size(values: Iterable[Any]) -> int:
    return sum(len(value) for value in values if isinstance(value, str | list | tuple | dict))


class _Metered(NodeTransformer):
    """Lets whatever may be passed more than once take units of the budget: one, and one for each character that it writes."""

    def _with_meter(self, node: Any) -> Any:
        self.generic_visit(node)
        units = 1 + sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        node.body.insert(0, nodes.ExprStmt(_charge(units, node.lineno), lineno=node.lineno))
        return node

    visit_Template = visit_Macro = visit_CallBlock = visit_Block = _with_meter  # noqa: N815 - Jinja calls them by these names

    def visit_For(self, node: nodes.For) -> Any:  # noqa: N802
        """The condition of a loop is passed without its body."""
        self._with_meter(node)
        if node.test is not None:
            node.test = nodes.And(_charge(1, node.lineno), node.test, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> Any:  # noqa: N802
        """`a ~ b` is `[a, b] | join`, which takes units."""
        self.generic_visit(node)
        texts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(texts, "join", [], [], None, None, lineno=node.lineno)


def _charge(units: int, line: int) -> nodes.Call:
    meter = nodes.EnvironmentAttribute("charge", lineno=line)
    return nodes.Call(meter, [nodes.Const(units, lineno=line)], [], None, None, lineno=line)


# --- what is written, and filters -----------------------------------------------------------------------------------------


@pass_context
def _written(context: Context, value: Any) -> Any:
    """What `{{ ... }}` writes: a text, a number, or a list; the text of anything else may differ from run to run."""
    if not isinstance(value, str | int | float | list | tuple | dict | StrictUndefined | None):
        raise SecurityError(f"a template cannot write a {type(value).__name__}")
    text = str(value)
    context.environment.charge(len(text))  # type: ignore[attr-defined]
    return text


@pass_context
def _join(context: Context, value: Iterable[Any], separator: str = "") -> str:
    texts = [str(item) for item in value]
    context.environment.charge(_size(texts) + len(texts) * (1 + len(separator)))  # type: ignore[attr-defined]
    return separator.join(texts)


@pass_context
def _sort(context: Context, value: Iterable[Any], *arguments: Any, **options: Any) -> list[Any]:
    items = list(value)
    context.environment.charge(len(items))  # type: ignore[attr-defined]
    return do_sort(context.environment, items, *arguments, **options)
