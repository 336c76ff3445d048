"""Compare generated files with their sources, and the migrations with the models.

In one process: to import the packages takes longer than to compare.
"""

import asyncio
import sys
from collections.abc import Callable

import gateway.admin.sdl
import gateway.schema.sdl
from ratewire.env_file import format_env_file
from tools import check_migrations, schema_changes, settings_docs, static_manifest
from tools.tracked_files import ROOT

CHECK = ["--check"]


def compare_env_example() -> int:
    """Return 1 if `.env.example` differs from what `ratewire show-env` prints."""
    if (ROOT / ".env.example").read_text(encoding="utf-8") == format_env_file():
        return 0
    sys.stderr.write(".env.example differs from the settings: run `make env-example`\n")
    return 1


def main() -> int:
    """Make all comparisons, and report each difference; return 1 if there is any.

    Raises what alembic does where models and migrations disagree.
    """
    comparisons: tuple[Callable[[], int], ...] = (
        # First: strawberry describes the types that both have as the schema does that is built later.
        lambda: gateway.admin.sdl.main(CHECK),
        lambda: gateway.schema.sdl.main(CHECK),
        schema_changes.main,
        compare_env_example,
        lambda: settings_docs.main(CHECK),
        lambda: static_manifest.main(CHECK),
    )
    differences = sum(compare() for compare in comparisons)
    asyncio.run(check_migrations.main())
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
