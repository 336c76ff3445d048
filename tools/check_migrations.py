"""Run `alembic check` on a new SQLite database: models and migrations must agree."""

import asyncio
import tempfile

from instruments.migrations import check_models, migrate


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/check.sqlite"
        await migrate(url)
        await check_models(url)


if __name__ == "__main__":
    asyncio.run(main())
