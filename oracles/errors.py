"""What the world may do to an oracle, in words a forester knows.

Every message is one line, Chinese first, then English after a middle dot. The facts are attributes too, so that a
caller never parses a message. Assertions elsewhere in the package are about our own mistakes; everything a user can
cause is here.
"""

from collections.abc import Sequence

from ledger_service.domain.bilingual import Words


class OracleError(Exception):
    """Anything the oracle refuses to do; `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} · {en}")
        self.zh = zh
        self.en = en


# --- Files and their cells ------------------------------------------------------------------------


class InventoryError(OracleError):
    """Something in a file that keeps it from being used.

    `row` counts records from 1, the header being row 1; `row`, `column` and `value` are None where the fault has none
    of its own.
    """

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        file: str,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        place_zh = file
        place_en = file
        if row is not None:
            place_zh += f" 第 {row} 行"
            place_en += f" row {row}"
        if column is not None:
            place_zh += f" {column} 列"
            place_en += f", column {column}"
        if value is not None:
            place_zh += f" “{_one_line(value)}”"
            place_en += f", “{_one_line(value)}”"
        super().__init__(f"{place_zh}：{zh}", f"{place_en}: {en}")
        self.file = file
        self.row = row
        self.column = column
        self.value = value


class MissingFile(InventoryError):
    """A file that is not there, or cannot be read."""

    def __init__(self, *, file: str, reason: Words) -> None:
        super().__init__(f"读不到（{reason.zh}）", f"it cannot be read ({reason.en})", file=file)
        self.reason = reason


class EmptyFile(InventoryError):
    """A file without a single record."""

    def __init__(self, *, file: str) -> None:
        super().__init__("文件是空的，没有任何记录", "the file is empty, it holds no record", file=file)


class NotUtf8(InventoryError):
    """Text in another encoding; on Chinese computers usually GB18030, as Excel saves it."""

    def __init__(self, *, file: str, row: int, byte_offset: int) -> None:
        super().__init__(
            f"第 {byte_offset} 字节起不是 UTF-8 文本；若由 Excel 导出，多半是 GB18030，请另存为“CSV UTF-8（逗号分隔）”",
            f"not UTF-8 text at byte offset {byte_offset}; an Excel export is probably GB18030,"
            " save it as “CSV UTF-8 (comma delimited)”",
            file=file,
            row=row,
        )
        self.byte_offset = byte_offset


class NotATable(InventoryError):
    """Text whose rows and columns cannot be told apart for certain."""


class NotAShape(InventoryError):
    """A parcel whose boundary is no usable polygon, or stands in unknown coordinates."""


class NotARaster(InventoryError):
    """An image that cannot be laid over parcels."""


class DamagedJournal(OracleError):
    """A line of a journal of frames that is no frame, and not the last one; `line` counts from 1."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__(f"{file} 第 {line} 行损坏，请从备份恢复", f"{file} line {line} is damaged, restore a backup")
        self.file = file
        self.line = line


class SourceUnavailable(OracleError):
    """A service that does not give its data; `url` is where it is."""

    def __init__(self, url: str, reason: Words) -> None:
        super().__init__(f"{url} 取不到数据（{reason.zh}）", f"{url} gives no data ({reason.en})")
        self.url = url
        self.reason = reason


class MissingColumn(InventoryError):
    """A column that must be there is not."""

    def __init__(self, *, file: str, table: str, column: str, present: Sequence[str]) -> None:
        super().__init__(
            f"{table}缺少列 {column}（现有：{', '.join(present)}）",
            f"lacks column {column} (it has: {', '.join(present)})",
            file=file,
            row=1,
            column=column,
        )
        self.present = tuple(present)


class UnknownUnit(InventoryError):
    """A quantity in a unit that the file format does not have."""

    def __init__(self, *, file: str, column: str, expected: str) -> None:
        super().__init__(
            f"单位不认识，请换算后改列名为 {expected}",
            f"unknown unit, convert the figures and name the column {expected}",
            file=file,
            row=1,
            column=column,
        )
        self.expected = expected


class MissingValue(InventoryError):
    """An empty cell where a value is needed."""


class NotANumber(InventoryError):
    """A cell that is no finite decimal number."""

    def __init__(self, *, file: str, row: int, column: str, value: str) -> None:
        super().__init__(
            "不是有限的数字（只写数字和小数点，缺测请留空）",
            "not a finite number (digits and a decimal point only; leave it empty if it was not measured)",
            file=file,
            row=row,
            column=column,
            value=value,
        )


class OutOfRange(InventoryError):
    """A number that no tree, plot or parcel can have. It is refused, never clamped."""


class Duplicate(InventoryError):
    """Something that was recorded twice; `first_row` is where it stands already."""

    def __init__(
        self,
        zh: str,
        en: str,
        *,
        file: str,
        row: int,
        first_row: int,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(
            f"{zh}（第 {first_row} 行已有）",
            f"{en} (row {first_row} has it already)",
            file=file,
            row=row,
            column=column,
            value=value,
        )
        self.first_row = first_row


class DuplicateTree(Duplicate):
    """One tree that was recorded twice."""


class Contradiction(InventoryError):
    """Two records of one thing that cannot both be true."""


class UnknownReference(InventoryError):
    """A record that points to something which is nowhere described: a stratum, a holder, a plot."""


class NothingRefersToIt(InventoryError):
    """Something described that nothing was measured in, so that nothing can be said about it."""


class TooFewPlots(OracleError):
    """A stratum whose plots are too few to have a variance, hence no uncertainty, hence no credits."""

    def __init__(self, *, stratum: str, plots: int) -> None:
        super().__init__(
            f"分层“{stratum}”只有 {plots} 个样地，算不出方差；至少要 2 个，或与相近的分层合并",
            f"stratum “{stratum}” has {plots} plot(s), too few for a variance;"
            " measure at least 2 or merge it with a similar stratum",
        )
        self.stratum = stratum
        self.plots = plots


class MissingMeasurement(InventoryError):
    """A tree that lacks what its biomass equation needs; `tree` names it."""

    def __init__(self, *, file: str, row: int, column: str, tree: str, advice_zh: str, advice_en: str) -> None:
        super().__init__(
            f"{tree}缺测；{advice_zh}", f"missing for {tree}; {advice_en}", file=file, row=row, column=column
        )
        self.tree = tree


class InvalidBundle(OracleError):
    """An archive, or a proof from one, that is not what it says; `file` names it."""

    def __init__(self, file: str, zh: str, en: str) -> None:
        super().__init__(f"{file}：{zh}", f"{file}: {en}")
        self.file = file


# --- Estimation -----------------------------------------------------------------------------------


class InvalidReading(OracleError):
    """A value object that was asked to hold something impossible."""

    def __init__(self, quantity_zh: str, quantity_en: str, value: object, limits: str) -> None:
        super().__init__(
            f"{quantity_zh} {value} 不可能（应为 {limits}）", f"{quantity_en} {value} is impossible (must be {limits})"
        )
        self.value = value
        self.limits = limits


class UnknownMethodology(OracleError):
    """A methodology this oracle does not carry."""

    def __init__(self, key: str, known: Sequence[str]) -> None:
        super().__init__(
            f"没有方法学“{key}”（现有：{', '.join(known)}）", f"no methodology “{key}” (known: {', '.join(known)})"
        )
        self.key = key
        self.known = tuple(known)


class InvalidParameters(OracleError):
    """Parameters of a methodology, or settings of a process, that cannot be right; `file` holds them."""

    def __init__(self, file: str, zh: str, en: str) -> None:
        super().__init__(f"{file}：{zh}", f"{file}: {en}")
        self.file = file


class UnverifiedMethodology(OracleError):
    """A methodology whose parameters nobody has checked against its official text."""

    def __init__(self, key: str, reason_zh: str, reason_en: str) -> None:
        super().__init__(
            f"方法学“{key}”未经核实，拒绝报告：{reason_zh}",
            f"methodology “{key}” is unverified, nothing is reported: {reason_en}",
        )
        self.key = key


class UnknownAllometry(OracleError):
    """A biomass equation this oracle does not carry."""

    def __init__(self, key: str, known: Sequence[str]) -> None:
        super().__init__(
            f"没有生物量方程“{key}”（现有：{', '.join(known)}）",
            f"no biomass equation “{key}” (known: {', '.join(known)})",
        )
        self.key = key
        self.known = tuple(known)


class UselessCovariate(OracleError):
    """A covariate that cannot improve the estimate of a stratum."""

    def __init__(self, stratum: str, reason_zh: str, reason_en: str) -> None:
        super().__init__(f"分层“{stratum}”：{reason_zh}", f"stratum “{stratum}”: {reason_en}")
        self.stratum = stratum


class CannotFitHeights(OracleError):
    """Measured heights from which no height–diameter model can be had."""

    def __init__(self, form: str, reason_zh: str, reason_en: str) -> None:
        super().__init__(
            f"树高模型“{form}”拟合不了：{reason_zh}", f"height model “{form}” cannot be fitted: {reason_en}"
        )
        self.form = form


class NoSuchEvaluation(OracleError):
    """An inventory without an evaluation of the year that was asked for."""

    def __init__(self, *, year: int, available: Sequence[int]) -> None:
        years = ", ".join(str(other) for other in available)
        super().__init__(
            f"清查数据里没有 {year} 年的蓄积评估（有：{years or '无'}）",
            f"no volume evaluation of {year} (there are: {years or 'none'})",
        )
        self.year = year
        self.available = tuple(available)


class UnsupportedDesign(OracleError):
    """An inventory whose sampling design needs an estimator that is not here."""


class NothingMeasured(OracleError):
    """A mean of zero, of which no relative uncertainty can be stated."""


class InvalidRequest(OracleError):
    """Options or arguments that do not belong together."""


# --- Registers, keys and reports ------------------------------------------------------------------


class InvalidMonitoring(OracleError):
    """A monitoring result that contradicts itself."""


class InvalidReport(OracleError):
    """A report field outside what its type on chain can hold, or outside what the oracle contract accepts."""

    def __init__(self, field: str, value: object, limits: str) -> None:
        super().__init__(
            f"报告字段 {field} = {value} 无效（应为 {limits}）",
            f"report field {field} = {value} is invalid (must be {limits})",
        )
        self.field = field
        self.value = value


class KeyFileError(OracleError):
    """A keystore that cannot be created or opened; `file` is its path."""

    def __init__(self, zh: str, en: str, *, file: str) -> None:
        super().__init__(f"{file}：{zh}", f"{file}: {en}")
        self.file = file


class SignerError(OracleError):
    """A remote signer that does not sign, or signs something else; `url` is where it is."""

    def __init__(self, url: str, zh: str, en: str) -> None:
        super().__init__(f"签名服务 {url}：{zh}", f"signer {url}: {en}")
        self.url = url


class WouldEquivocate(OracleError):
    """A result that differs from one this reporter has signed for the same round.

    Both signed would be a proof of equivocation, and exclude the reporter from the round.
    """

    def __init__(self, round_id: bytes, signed: str, computed: str) -> None:
        super().__init__(
            f"本轮 0x{round_id.hex()} 已签过另一个结果（{signed}），现在算得 {computed}；不再签，请查明原因",
            f"another result was signed for round 0x{round_id.hex()} ({signed}), now {computed} is computed:"
            " nothing more is signed, find out why",
        )
        self.round_id = round_id
        self.signed = signed
        self.computed = computed


class NothingToReport(OracleError):
    """A computation whose outcome is that nothing may be issued."""

    def __init__(self, reason: str) -> None:
        zh, _, en = reason.partition(" · ")
        super().__init__(zh, en or zh)


class WrongPassphrase(KeyFileError):
    """A passphrase that does not open this keystore."""

    def __init__(self, *, file: str) -> None:
        super().__init__("口令不对", "wrong passphrase", file=file)


def _one_line(value: str) -> str:
    """Shows a cell on one line, shortened, without control characters."""
    shown = "".join(character if character.isprintable() else "␣" for character in value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
