"""The mutants of a module: its text with one small change each, which some test should notice.

What is changed stands in functions: comparisons, conditions, arithmetic, constants and texts, what is returned, statements that
are left out. What stands outside of functions (tables, patterns, classes) is not changed.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change: in which function, on which line, what was there and what takes its place."""

    function: str  # as in `__qualname__`
    first: int  # the line on which the function begins, with its decorators
    line: int
    before: str
    after: str
    where: int  # which node of the module is changed
    way: int  # which of the changes of that node
    nth: int  # which of the same changes in this function, from 1
    key: str  # what it is known by as long as its function is the same


def ways(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 - one case for each kind of node
    """What may take the place of a node."""
    match node:
        case ast.Compare(ops=ops):
            for n, op in enumerate(ops):
                if type(op) in COMPARISONS:
                    yield _with(node, ops=[*ops[:n], COMPARISONS[type(op)](), *ops[n + 1 :]])
        case ast.BoolOp(op=op, values=values):
            yield _with(node, op=ast.And() if isinstance(op, ast.Or) else ast.Or())
            for n in range(len(values)):
                rest = [*values[:n], *values[n + 1 :]]
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=op) if type(op) in OPERATORS:
            yield _with(node, op=OPERATORS[type(op)]())
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"{value}XX" if value else "XX")
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[_, *_]):
            yield _with(node, ifs=[])
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and not value.value):  # as false as None
            yield _with(node, value=ast.Constant(None))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Call(keywords=[_, *_] as keywords):
            for n, keyword in enumerate(keywords):
                if keyword.arg not in (None, "strict") and isinstance(keyword.value, ast.Constant):
                    yield _with(node, keywords=[*keywords[:n], *keywords[n + 1 :]])


def _with(node: ast.AST, **changes: object) -> ast.AST:
    """A copy of a node with other fields."""
    made = copy.copy(node)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def mutants(text: str) -> list[Mutant]:
    """All mutants of a module, in its order."""
    tree = ast.parse(text)
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    found = []
    for qualname, function in _functions(tree, ""):
        first = min([function.lineno, *(row.lineno for row in function.decorator_list)])
        known = hashlib.sha256(ast.dump(function).encode()).hexdigest()
        same: Counter[tuple[str, str]] = Counter()
        for number, (node, line) in enumerate(_inside(function)):
            changed = list(ways(node))
            before = _text(node) if changed else ""
            for way, made in enumerate(changed):
                change = before, _text(made)
                same[change] += 1
                found.append(
                    Mutant(
                        function=qualname,
                        first=first,
                        line=line,
                        before=change[0],
                        after=change[1],
                        where=numbers[id(node)],
                        way=way,
                        nth=same[change],
                        key=hashlib.sha256(f"{known}:{number}:{way}".encode()).hexdigest()[:16],
                    )
                )
    return found


def sample(text: str, module: str, number: int, seed: int) -> list[Mutant]:
    """So many mutants of a module, drawn at random; the same for the same functions and seed, and few others after a small edit."""
    drawn = sorted(mutants(text), key=lambda mutant: random.Random(f"{seed}:{module}:{mutant.key}").random())
    return sorted(drawn[:number], key=lambda mutant: (mutant.line, mutant.where, mutant.way))


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    """The outermost functions of a module and of its classes; those inside are changed as a part of them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.If) and "TYPE_CHECKING" not in ast.dump(child.test):
            yield from _functions(child, prefix)


def _inside(function: Function) -> Iterator[tuple[ast.AST, int]]:
    """What may be changed in a function, with its line: not its docstrings, annotations and decorators."""
    stack: list[tuple[ast.AST, int]] = [(row, row.lineno) for row in reversed(function.body)]
    while stack:
        node, line = stack.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        yield node, line
        skipped = {id(getattr(node, name, None)) for name in ("annotation", "returns")}
        children = [child for child in ast.iter_child_nodes(node) if id(child) not in skipped and not _says_nothing(child)]
        stack += [(child, getattr(child, "lineno", line)) for child in reversed(children)]


def _says_nothing(node: ast.AST) -> bool:
    """Whether a node is a parameter, or `strict=True` of a `zip` whose rows are as many as its author knows."""
    return isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg == "strict")


def _text(node: ast.AST) -> str:
    """A node in one short line."""
    try:
        said = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    except (AttributeError, ValueError):
        said = type(node).__name__
    return said if len(said) <= 100 else f"{said[:60]} ... {said[-36:]}"


class _Put(ast.NodeTransformer):
    """Put a node into the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def code_of(text: str, path: str, mutant: Mutant) -> CodeType:
    """The code of the function of a mutant."""
    tree = ast.parse(text)
    old = next(node for number, node in enumerate(ast.walk(tree)) if number == mutant.where)
    new = next(made for way, made in enumerate(ways(old)) if way == mutant.way)
    if hasattr(old, "lineno"):
        ast.copy_location(new, old)
    changed = ast.fix_missing_locations(_Put(old, new).visit(tree))
    found = dict(codes(compile(changed, path, "exec", dont_inherit=True)))
    return found[mutant.function, mutant.first]


def codes(code: CodeType, prefix: str = "") -> Iterator[tuple[tuple[str, int], CodeType]]:
    """The code of each function of a module and of its classes: (its qualified name, its first line)."""
    for row in code.co_consts:
        if isinstance(row, CodeType) and not row.co_name.startswith("<"):
            yield (prefix + row.co_name, row.co_firstlineno), row
            if not row.co_flags & 2:  # CO_NEWLOCALS: a class body has none
                yield from codes(row, f"{prefix}{row.co_name}.")


def telling(text: str, path: str, name: str) -> dict[tuple[str, int], CodeType]:
    """The code of each function of a module such that it first calls the builtin `name` with its qualified name and first line."""
    tree = ast.parse(text)
    for qualname, function in _functions(tree, ""):
        first = min([function.lineno, *(row.lineno for row in function.decorator_list)])
        call = ast.Expr(ast.Call(ast.Name(name, ast.Load()), [ast.Constant(path), ast.Constant(qualname), ast.Constant(first)], []))
        function.body.insert(0, ast.copy_location(call, function.body[0]))
    return dict(codes(compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)))
