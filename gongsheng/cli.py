"""`gongsheng …`: the commands of the ledger."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gongsheng import demo as demonstration
from gongsheng import serials, service
from gongsheng.demo import Outcome
from ledger_service.domain.errors import LedgerError
from ledger_service.settings import Settings
from oracles.commands import app as oracle_commands
from oracles.errors import OracleError

BAD_INPUT = 2

app = typer.Typer(
    help="共生账本 · The ledger that rural carbon and shared income can be trusted on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(oracle_commands, name="oracle")


@app.command()
def demo(
    inventory: Annotated[
        Path | None,
        typer.Option(
            help="FIA 清查数据文件夹；不给则生成示范县 · folder of FIA tables; a generated county if not given"
        ),
    ] = None,
    first_year: Annotated[int, typer.Option(help="复测首年（真实清查）· first year of later visits")] = 2009,
    last_year: Annotated[int, typer.Option(help="复测末年（真实清查）· last year of later visits")] = 2018,
    folder: Annotated[Path, typer.Option(help="状态文件夹，先清空 · folder of state, cleared first")] = Path(
        "var/demo"
    ),
) -> None:
    """从样地到银行流水，一次走完并对账 · The whole path, from plots to a reconciled bank statement."""
    console = Console()
    outcome = demonstration.run_demo(
        folder, console=console, inventory=inventory, first_year=first_year, last_year=last_year
    )
    if outcome is Outcome.DIFFERS:
        console.print("[bold red]账目不符 · figures differ[/bold red]")
        raise typer.Exit(1)
    if outcome is Outcome.AGREES:
        console.print(
            f"\n下一步 · next: gongsheng up --folder {folder}  →  http://{service.HOST}:{service.PORT}/docs",
            highlight=False,
        )


@app.command()
def up(
    folder: Annotated[Path, typer.Option(help="状态文件夹 · folder of state")] = Path("var/up"),
    port: Annotated[int, typer.Option(help="服务端口 · port of the service")] = service.PORT,
    chain_port: Annotated[int, typer.Option(help="内嵌链端口 · port of the embedded chain")] = service.CHAIN_PORT,
) -> None:
    """启动内嵌链、索引与服务，直到 Ctrl-C · Starts chain, indexer and service and leaves them running."""
    service.run(folder, port=port, chain_port=chain_port, console=Console())


@app.command()
def index(
    chain: Annotated[
        str | None, typer.Option(help="链节点，默认 GONGSHENG_CHAIN_URL · JSON-RPC of the chain's node")
    ] = None,
    deployment: Annotated[
        Path | None, typer.Option(help="部署记录，默认 GONGSHENG_DEPLOYMENT_FILE · record of the deployment")
    ] = None,
    books: Annotated[
        str | None,
        typer.Option(help="账簿数据库，默认 GONGSHENG_DATABASE_URL · URL of the books, SQLite or PostgreSQL"),
    ] = None,
    finality_blocks: Annotated[
        int, typer.Option(help="最新几个区块先不读 · how many of the newest blocks to leave alone", min=0)
    ] = 0,
) -> None:
    """跟随任一条链，把事件记入账簿，直到 Ctrl-C · Follows a chain into the books that the service reads."""
    given = {"chain_url": chain, "deployment_file": deployment, "database_url": books}
    settings = Settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    service.index(settings, finality_blocks=finality_blocks, console=Console())


serial_commands = typer.Typer(help="序列号 · Serials of the credits.", no_args_is_help=True)
app.add_typer(serial_commands, name="serials")


@serial_commands.command()
def export(
    folder: Annotated[Path, typer.Option(help="状态文件夹 · folder of state, of demo or up")] = Path("var/up"),
    output: Annotated[Path, typer.Option(help="写入的 CSV 文件 · CSV file to write")] = Path("serials.csv"),
) -> None:
    """导出每个批次的序列号区间：签发、注销、取消、逆转、流通与缓冲 · Writes where every serial is, to the kilogram."""
    count = serials.export(folder, output)
    Console().print(
        f"{output}：{count} 个区间 · {count} intervals\n"
        "下一步：与服务的 /batches、/certificates 核对 · next: compare with /batches and /certificates of the service",
        highlight=False,
        soft_wrap=True,
    )


def main() -> None:
    """Runs a command. What a person can mend is one clear line on standard error, and the exit code 2."""
    # A polite kill unwinds like Ctrl-C does, so that the embedded chain writes its state and stops.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except (LedgerError, OracleError) as failure:
        print(failure, file=sys.stderr)
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
