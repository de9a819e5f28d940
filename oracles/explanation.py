"""How a figure came about, as a tree: every step with its formula, its numbers and the steps it rests on."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One figure of a computation. `formula` has the numbers put in; `parts` are the figures it was made from."""

    zh: str
    en: str
    value: float
    unit: str
    formula: str = ""
    parts: tuple["Step", ...] = ()

    def lines(self) -> tuple[str, ...]:
        """The tree, a line each, the result first."""
        return tuple(self._lines("", ""))

    def _lines(self, before: str, below: str) -> Iterator[str]:
        formula = f" = {self.formula}" if self.formula else ""
        unit = f" {self.unit}" if self.unit else ""
        yield f"{before}{self.zh} · {self.en}: {self.value:,.6g}{unit}{formula}"
        for index, part in enumerate(self.parts):
            last = index == len(self.parts) - 1
            yield from part._lines(f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}")
