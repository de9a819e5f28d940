"""Quantities with their unit: one that exists is valid, and two units cannot be mixed up."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Final, Self

from ledger_service.domain.errors import LedgerError

MAX_QUANTITY: Final = 2**128 - 1
"""The largest amount that the contracts and the core can share: 128 bits, unsigned."""
WHOLE_BPS: Final = 10_000
"""All of it, in basis points."""
_PERIOD_TEXT = re.compile(r"([0-9]{4,})-(0[1-9]|1[0-2])")


class QuantityInvalid(LedgerError):
    """A number is no valid quantity of its unit."""

    def __init__(self, unit: str, value: object, maximum: int) -> None:
        self.unit = unit
        self.value = value
        self.maximum = maximum
        super().__init__(
            f"{unit} 的数值无效：{value!r}，须为 0 至 {maximum} 的整数 · "
            f"{value!r} is not a whole number of {unit} from 0 to {maximum}"
        )


class YuanNotWholeFen(LedgerError):
    """A yuan amount has more than two decimals."""

    def __init__(self, yuan: Decimal) -> None:
        self.yuan = yuan
        super().__init__(f"{yuan} 元不是整数分 · {yuan} yuan is not a whole number of fen")


class PeriodInvalid(LedgerError):
    """Text does not name a month."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"“{text}”不是月份，应写作 2018-12 · “{text}” is no month, write it like 2018-12")


@dataclass(frozen=True, slots=True, order=True)
class _Quantity:
    value: int

    unit: ClassVar[str]
    maximum: ClassVar[int] = MAX_QUANTITY

    def __post_init__(self) -> None:
        if type(self.value) is not int or not 0 <= self.value <= self.maximum:
            raise QuantityInvalid(self.unit, self.value, self.maximum)

    def __int__(self) -> int:
        return self.value

    def __add__(self, other: Self) -> Self:
        return type(self)(self.value + other.value) if type(other) is type(self) else NotImplemented

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.value - other.value) if type(other) is type(self) else NotImplemented


@dataclass(frozen=True, slots=True, order=True)
class Fen(_Quantity):
    """Money: 0.01 yuan."""

    unit: ClassVar[str] = "fen"

    @classmethod
    def from_yuan(cls, yuan: Decimal) -> Self:
        """Refuses fractions of a fen: money is never rounded on its way in."""
        if not yuan.is_finite() or (fen := Fraction(yuan) * 100).denominator != 1:
            raise YuanNotWholeFen(yuan)
        return cls(fen.numerator)

    @property
    def yuan(self) -> Decimal:
        return Decimal(_point(self.value, 2, ""))

    def __str__(self) -> str:
        return yuan_text(self.value)


@dataclass(frozen=True, slots=True, order=True)
class Kg(_Quantity):
    """Credits: kilograms of CO2e."""

    unit: ClassVar[str] = "kg CO2e"

    @property
    def tonnes(self) -> Decimal:
        """What registries sell, to the kilogram: always three decimals."""
        return Decimal(_point(self.value, 3, ""))

    def __str__(self) -> str:
        return tonnes_text(self.value)


@dataclass(frozen=True, slots=True, order=True)
class SquareMetres(_Quantity):
    """Area. 1 mu is 10,000/15 m², shown and never stored."""

    unit: ClassVar[str] = "m²"

    def __str__(self) -> str:
        return f"{_point(self.value * 15, 4)} 亩 · {_point(self.value, 4)} ha"


@dataclass(frozen=True, slots=True, order=True)
class Bps(_Quantity):
    """A share of a whole: 10,000 basis points are all of it."""

    unit: ClassVar[str] = "bps"
    maximum: ClassVar[int] = WHOLE_BPS

    def __str__(self) -> str:
        return f"{_point(self.value, 2).rstrip('0').rstrip('.')} %"


@dataclass(frozen=True, slots=True, order=True)
class Period(_Quantity):
    """A month in UTC, counted from January 1970: 587 is 2018-12."""

    unit: ClassVar[str] = "months since 1970-01"
    maximum: ClassVar[int] = 2**32 - 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "2018-12"."""
        match = _PERIOD_TEXT.fullmatch(text)
        if match is None or int(match[1]) < 1970:
            raise PeriodInvalid(text)
        return cls((int(match[1]) - 1970) * 12 + int(match[2]) - 1)

    @property
    def starts_at(self) -> int:
        """Its first second, UTC."""
        return int(datetime(1970 + self.value // 12, self.value % 12 + 1, 1, tzinfo=UTC).timestamp())

    @property
    def ends_at(self) -> int:
        """The first second after it: periods are half-open."""
        return Period(self.value + 1).starts_at

    def __str__(self) -> str:
        return f"{1970 + self.value // 12:04}-{self.value % 12 + 1:02}"


def period_of(timestamp: int) -> Period:
    """The month that contains a moment in UTC seconds."""
    moment = datetime.fromtimestamp(timestamp, UTC)
    return Period((moment.year - 1970) * 12 + moment.month - 1)


def yuan_text(fen: int) -> str:
    """Fen as a person reads them, also below zero: ¥1,234.56."""
    return f"{'-' if fen < 0 else ''}¥{_point(abs(fen), 2)}"


def tonnes_text(kg: int) -> str:
    """Kilograms of CO2e as a person reads them, also below zero: 1,234.567 tCO2e."""
    return f"{'-' if kg < 0 else ''}{_point(abs(kg), 3)} tCO2e"


def feed_text(feed: str, value: int) -> str:
    """A figure of an oracle feed as a person reads it, also below zero.

    The words of a feed's name say its unit: `carbon-kg`, `delivered-value-fen`, `processed-volume-kg`. Figures of a
    feed that names none are shown as they are.
    """
    words = feed.split("-")
    if "fen" in words:
        return yuan_text(value)
    if "kg" in words:
        return tonnes_text(value) if "carbon" in words else f"{value:,} kg"
    return f"{value:,}"


def _point(value: int, decimals: int, separator: str = ",") -> str:
    """Sets the decimal point without dividing: `Decimal` would round what has more than 28 digits."""
    whole, part = divmod(value, 10**decimals)
    grouped = f"{whole:,}".replace(",", separator)
    return f"{grouped}.{part:0{decimals}}"
