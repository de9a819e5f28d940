"""Where the service finds its parts. A setting is a URL or a path, never a way of working of its own."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment: `GONGSHENG_CHAIN_URL`, `GONGSHENG_DATABASE_URL` and so on."""

    model_config = SettingsConfigDict(env_prefix="GONGSHENG_", frozen=True)

    chain_url: str = Field("http://127.0.0.1:8545", description="JSON-RPC of any EVM node.")
    database_url: str = Field("sqlite:///var/books.sqlite", description="SQLAlchemy URL of the books.")
    deployment_file: Path = Field(Path("var/deployment.json"), description="Record of the deployment.")
    registers_folder: Path = Field(Path("var/registers"), description="Share registers, named by their roots.")
