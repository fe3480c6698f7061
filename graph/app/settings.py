"""Configuration: the only module that reads the environment and `.env`."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, TypeAlias

from dotenv import dotenv_values
from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph.app.origins import ENV_FILE, misspelt, strangers
from tools.errors import GridwiseError

ModelChoice: TypeAlias = Literal["auto", "gemini", "offline"]
SourceChoice: TypeAlias = Literal["live", "recorded"]

_SECRET = {"GRIDWISE_WEBHOOK_SECRET", "SUPABASE_KEY", "GEMINI_API_KEY", "DATABASE_URL"}
_FIXES = {
    "SUPABASE_URL": "give the project's address, such as https://abcdefgh.supabase.co, or remove it",
    "SUPABASE_KEY": "give the secret key (sb_secret_…) or the legacy service_role key (Project settings, API keys)",
    "DATABASE_URL": "give a PostgreSQL address, such as postgresql://user:password@host:5432/postgres, or remove it",
    "GEMINI_BASE_URL": "give an address, such as https://generativelanguage.googleapis.com, or remove it",
    "GRIDWISE_MODEL": "one of auto, gemini, offline; gemini needs GEMINI_API_KEY",
    "GRIDWISE_SOURCES": "live or recorded",
    "WORKLOAD_POLL_INTERVAL": "seconds between polls, 0.1 to 3600",
    "MAX_WORKLOADS_PER_CYCLE": "runs at a time of one poller, 1 to 500",
    "GRIDWISE_LEASE_SECONDS": "whole seconds, 3 to 3600",
    "GRIDWISE_MAX_ATTEMPTS": "a whole number, 1 to 100",
    "GRIDWISE_HISTORY_DAYS": "days, 1 to 36500",
    "GRIDWISE_PLACES": "auto, sites or regions",
    "GRIDWISE_OBJECTIVE": "balanced, carbon or cost",
    "GRIDWISE_CARBON_PRICE": "GBP per tonne of CO2, 0 or more, or remove it for the price by urgency",
    "GRIDWISE_MIN_SAVING": "per cent, 0 to 100",
    "GRIDWISE_MODEL_RPM": "model requests per minute, more than 0, or remove it for no limit",
}


class ConfigurationError(GridwiseError):
    """A setting is wrong: the message names the variable, its value and the fix. Exit code 2."""


class Settings(BaseSettings):
    """Values of the environment, then of `.env`. Names are the contract's; see README, Configuration."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    supabase_url: HttpUrl | None = Field(default=None, validation_alias="SUPABASE_URL", repr=False)
    supabase_key: SecretStr | None = Field(default=None, validation_alias="SUPABASE_KEY")
    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    data_dir: Path | None = Field(default=None, validation_alias="GRIDWISE_DATA_DIR")
    """Folder of the embedded PostgreSQL; the user's data folder when unset."""
    cache_dir: Path | None = Field(default=None, validation_alias="GRIDWISE_CACHE_DIR")
    """Folder of source answers for commands that open no database; the user's cache folder when unset."""
    xdg_cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")

    gemini_api_key: SecretStr | None = Field(default=None, validation_alias="GEMINI_API_KEY")
    gemini_base_url: HttpUrl | None = Field(default=None, validation_alias="GEMINI_BASE_URL", repr=False)
    model: ModelChoice = Field(default="auto", validation_alias="GRIDWISE_MODEL")
    agent_model: str = Field(default="gemini-3.5-flash-lite", validation_alias="GRIDWISE_AGENT_MODEL")
    """Model of the compute and energy agents."""
    head_model: str = Field(default="gemini-3.6-flash", validation_alias="GRIDWISE_HEAD_MODEL")
    model_timeout_seconds: float = Field(default=60, gt=0, le=600, validation_alias="GRIDWISE_MODEL_TIMEOUT")
    model_rpm: float | None = Field(default=None, gt=0, validation_alias="GRIDWISE_MODEL_RPM")

    sources: SourceChoice = Field(default="live", validation_alias="GRIDWISE_SOURCES")
    neso_base_url: HttpUrl = Field(
        default=HttpUrl("https://api.carbonintensity.org.uk"), validation_alias="NESO_BASE_URL"
    )
    octopus_base_url: HttpUrl = Field(
        default=HttpUrl("https://api.octopus.energy/v1"), validation_alias="OCTOPUS_BASE_URL"
    )

    places: Literal["auto", "sites", "regions"] = Field(default="auto", validation_alias="GRIDWISE_PLACES")
    """Where workloads can run: the active sites where there is one, else the 14 regions; or one of the two always."""
    objective: Literal["balanced", "carbon", "cost"] = Field(default="balanced", validation_alias="GRIDWISE_OBJECTIVE")
    carbon_price_gbp_per_tonne: float | None = Field(default=None, ge=0, validation_alias="GRIDWISE_CARBON_PRICE")
    """In place of the price that follows a workload's urgency."""
    min_saving_pct: float = Field(default=5, ge=0, le=100, validation_alias="GRIDWISE_MIN_SAVING")

    poll_interval_seconds: float = Field(default=10, ge=0.1, le=3600, validation_alias="WORKLOAD_POLL_INTERVAL")
    concurrency: int = Field(default=5, ge=1, le=500, validation_alias="MAX_WORKLOADS_PER_CYCLE")
    lease_seconds: int = Field(default=60, ge=3, le=3600, validation_alias="GRIDWISE_LEASE_SECONDS")
    max_attempts: int = Field(default=5, ge=1, le=100, validation_alias="GRIDWISE_MAX_ATTEMPTS")
    retention_hours: float = Field(default=24 * 7, ge=0, validation_alias="GRIDWISE_RETENTION_HOURS")
    """How long checkpoints of finished runs are kept."""
    history_days: float = Field(default=90, ge=1, le=36500, validation_alias="GRIDWISE_HISTORY_DAYS")
    """How long `gridwise history` remembers an attempt; at least as long as its checkpoints are kept."""
    webhook_url: HttpUrl | None = Field(default=None, validation_alias="GRIDWISE_WEBHOOK_URL")
    """Told when a workload is placed, fails or is cancelled; needs the secret."""
    webhook_secret: SecretStr | None = Field(default=None, validation_alias="GRIDWISE_WEBHOOK_SECRET")
    webhook_allow_private: bool = Field(default=False, validation_alias="GRIDWISE_WEBHOOK_ALLOW_PRIVATE")
    """Addresses inside a network, and http."""
    langgraph_api_key: SecretStr | None = Field(default=None, validation_alias="LANGGRAPH_API_KEY")
    """Of the server that `run --server` names; sent to no other address."""
    log_format: Literal["auto", "text", "json"] = Field(default="auto", validation_alias="GRIDWISE_LOG_FORMAT")
    log_level: Literal["debug", "info", "warning"] = Field(default="info", validation_alias="GRIDWISE_LOG_LEVEL")
    """debug: a line at every step of a run (claimed, thread opened, nodes finished, result written, lease lost)."""
    metrics_host: str = Field(default="127.0.0.1", validation_alias="GRIDWISE_METRICS_HOST")
    """Address that /metrics and /healthz are served on; 0.0.0.0 in a container that others scrape."""

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            msg = "it does not start with postgresql://"
            raise ValueError(msg)
        if value is not None:
            _check_parts(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if (self.supabase_url is None) != (self.supabase_key is None):
            missing = "SUPABASE_KEY" if self.supabase_key is None else "SUPABASE_URL"
            msg = f"{missing} is missing: SUPABASE_URL and SUPABASE_KEY go together. Fix: {_FIXES[missing]}."
            raise ValueError(msg)
        if self.webhook_url is not None and self.webhook_secret is None:
            msg = "GRIDWISE_WEBHOOK_SECRET is missing: events of GRIDWISE_WEBHOOK_URL are signed with it"
            raise ValueError(msg)
        if self.model == "gemini" and self.gemini_api_key is None:
            msg = "GRIDWISE_MODEL=gemini needs GEMINI_API_KEY"
            raise ValueError(msg)
        return self

    @property
    def model_kind(self) -> Literal["gemini", "offline"]:
        """`auto` is Gemini where a key is set; never a fallback for a Gemini that fails."""
        if self.model == "auto":
            return "gemini" if self.gemini_api_key else "offline"
        return self.model

    @property
    def cache_folder(self) -> Path:
        caches = "Library/Caches" if sys.platform == "darwin" else ".cache"
        return self.cache_dir or (self.xdg_cache_home or Path.home() / caches) / "gridwise"

    @property
    def is_embedded(self) -> bool:
        return self.database_url is None


def load_settings(*, sources: SourceChoice | None = None) -> Settings:
    """Read the environment and `.env`; `sources` is what the command itself decides.

    Raises:
        ConfigurationError: one line a wrong variable: its name, its value (secrets masked), the fix.
    """
    env_file = os.environ.get(ENV_FILE)
    if env_file and not Path(env_file).is_file():
        message = f"{ENV_FILE}={env_file!r}: there is no such file. Fix: name an existing one, or remove the variable."
        raise ConfigurationError(message)
    if env_file is None and (found := strangers(os.environ, _dotenv())):
        raise ConfigurationError("\n".join(found))
    try:
        settings = Settings(_env_file=env_file or ".env")
        return settings if sources is None else settings.model_copy(update={"sources": sources})
    except ValidationError as error:
        lines = [_describe(detail["loc"], detail["msg"], detail.get("input")) for detail in error.errors()]
        raise ConfigurationError("\n".join(lines)) from None


def unknown_settings() -> list[str]:
    """One sentence for each variable of the environment or `.env` that is probably meant for us and has no effect."""
    known = (str(field.validation_alias) for field in Settings.model_fields.values())
    return misspelt([*os.environ, *_dotenv()], known)


def _dotenv() -> Mapping[str, str | None]:
    return dotenv_values(os.environ.get(ENV_FILE) or ".env")


def _check_parts(address: str) -> None:
    """Raises `ValueError`, without quoting, where a special character in the password has torn the address apart."""
    from psycopg import ProgrammingError  # commands without a database need not load it
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(address)
    except ProgrammingError:  # its text quotes the address
        parts = {"host": "@"}
    torn = any("@" in str(parts.get(name, "")) for name in ("host", "dbname"))
    if torn or re.fullmatch(r"[\d,]*", str(parts.get("port", ""))) is None:
        msg = "it cannot be taken apart; write special characters of user and password as %XX (@ is %40, / is %2F)"
        raise ValueError(msg)


def _describe(location: tuple[int | str, ...], message: str, value: object) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    name = str(location[0])
    shown = "(hidden)" if name in _SECRET else re.sub(r"//[^/@]*@", "//(hidden)@", repr(value))
    fix = _FIXES.get(name, "see README, Configuration")
    return f"{name}={shown}: {message.removeprefix('Value error, ')}. Fix: {fix}."
