"""Generates a C file of any size for compilers to work on; it includes nothing and is the same each time."""

import random
from collections.abc import Iterator
from typing import Final

_HEAD: Final = """\
typedef unsigned long word;
struct record { word key; int count; double weight; struct record *next; char name[24]; };
extern word sink(word);
"""

_OPERATORS: Final = ("+", "-", "*", "^", "|", "&")
_PARAMETERS: Final = ("a", "b", "c")


def c_source(functions: int) -> str:
    """The text of a translation unit with `functions` functions of some 40 lines each."""
    choice = random.Random(functions)
    return "\n".join([_HEAD, *(_function(number, choice) for number in range(functions))])


def _function(number: int, choice: random.Random) -> str:
    """One function: of every fourth there is a static one too, which the compiler may inline."""
    helper = number % 4 == 0
    inlined = (
        f"static double helper{number}(double x) {{ return x * {number}.5 + x / 3.0; }}\n" if helper else ""
    )
    return inlined + "\n".join(
        [
            f"word function{number}(word a, word b, word c, struct record *list, int *table)",
            "{",
            f"    word sum = {choice.randrange(1 << 30)}ul;",
            *_loop(choice),
            *_switch(choice),
            *_list_walk(number - number % 4, choice),
            f"    return sum + {_call(number, choice)};",
            "}",
        ]
    )


def _loop(choice: random.Random) -> Iterator[str]:
    """A loop over an array, which the compiler may unroll and vectorise."""
    step = choice.choice((1, 2, 4))
    yield f"    for (int i = 0; i < {choice.randrange(20, 2000)}; i += {step}) {{"
    yield f"        table[i] = table[i] * {choice.randrange(1, 99)} + (int)({_expression(choice, 2)});"
    yield f"        if (table[i] {choice.choice('<>')} {choice.randrange(1000)}) sum += (word)table[i];"
    yield "    }"


def _switch(choice: random.Random) -> Iterator[str]:
    """A switch that becomes a jump table or a tree of compares."""
    yield f"    switch (({_expression(choice, 2)}) % 32) {{"
    for case in sorted(choice.sample(range(32), choice.randrange(4, 12))):
        yield f"    case {case}: sum {choice.choice('+-^')}= {_expression(choice, 3)}; break;"
    yield f"    default: sum = sink(sum ^ {_expression(choice, 1)});"
    yield "    }"


def _list_walk(helper: int, choice: random.Random) -> Iterator[str]:
    """A walk along a list with floating point arithmetic and text."""
    yield "    for (struct record *at = list; at; at = at->next) {"
    yield f"        at->weight = helper{helper}(at->weight) - {choice.randrange(100)}.25;"
    yield f"        at->count += (int)({_expression(choice, 2)});"
    yield f"        for (int i = 0; i < {choice.randrange(4, 24)}; i++) at->name[i] ^= (char)(at->key >> i);"
    yield f"        if (at->key == {choice.randrange(1 << 20)}ul) break;"
    yield "        sum += at->key;"
    yield "    }"


def _call(number: int, choice: random.Random) -> str:
    """A call of an earlier function."""
    return f"function{choice.randrange(number)}(c, a, sum, list, table)" if number else "sink(a)"


def _expression(choice: random.Random, depth: int) -> str:
    if depth == 0:
        return choice.choice((*_PARAMETERS, f"{choice.randrange(1, 1 << 16)}ul"))
    shift = f" >> {choice.randrange(1, 30)}" if choice.random() < 0.3 else ""
    left, right = _expression(choice, depth - 1), _expression(choice, depth - 1)
    return f"(({left} {choice.choice(_OPERATORS)} {right}){shift})"
