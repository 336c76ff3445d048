"""The settings as Markdown tables: `docs/configuration.md`, and the excerpt in the README."""

from collections.abc import Iterable, Iterator

from pydantic_settings import BaseSettings

from ratewire.env_file import GROUPS, Setting, read_settings

# Those that most installations change first; the page has all others.
OFTEN_CHANGED = (
    "RATEWIRE_PRODUCER_INTERVAL_S",
    "RATEWIRE_STREAM_FLUSH_INTERVAL_MS",
    "RATEWIRE_COINGECKO_PLAN",
    "RATEWIRE_COINGECKO_API_KEY",
    "RATEWIRE_GATEWAY_HOST",
    "RATEWIRE_GATEWAY_PORT",
    "RATEWIRE_GATEWAY_TTL_S",
    "RATEWIRE_GATEWAY_SOURCE_PREFERENCE",
    "RATEWIRE_GATEWAY_ALLOWED_ORIGINS",
    "RATEWIRE_GATEWAY_MAX_SUBSCRIPTIONS",
    "RATEWIRE_REDIS_URL",
    "RATEWIRE_AMQP_URL",
    "RATEWIRE_DATABASE_URL",
    "RATEWIRE_LOG_FORMAT",
)
_INTRODUCTION = """\
# Configuration

Every setting is an environment variable. `ratewire show-env` prints them all as an env file. This page is generated
from the settings classes too; `make check` compares it with them. An invalid value ends the start with exit code 2 and
a message that says what was expected.
"""


def format_page() -> str:
    """Format the whole page: one table per group."""
    tables = (f"## {_title(group)}\n\n{format_table(read_settings(group))}" for group in GROUPS)
    return "\n".join([_INTRODUCTION, *tables])


def format_excerpt() -> str:
    """Format the table of `OFTEN_CHANGED`, each with the first sentence of its description."""
    known = {setting.variable: setting for group in GROUPS for setting in read_settings(group)}
    return format_table(known[variable].shortened() for variable in OFTEN_CHANGED)


def format_table(settings: Iterable[Setting]) -> str:
    """Format one row per setting."""
    return "\n".join(_rows(settings)) + "\n"


def _rows(settings: Iterable[Setting]) -> Iterator[str]:
    yield "| variable | default | what it does |"
    yield "|---|---|---|"
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else ""
        yield f"| `{setting.variable}` | {_cell(default)} | {_cell(setting.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _title(group: type[BaseSettings]) -> str:
    return (group.__doc__ or "").strip().splitlines()[0].rstrip(".")
