"""Import what commands import while they run, and build the schema, in the process to fork.

Each `ratewire` process would spend most of its processor time until it is ready on these.
"""

import gc
from importlib import import_module

from gateway.schema.build import build_schema
from rates.source import Source

# Modules of libraries that are imported at their first use.
LATE = (
    "aiosqlite",
    "anyio._backends._asyncio",
    "certifi",
    "encodings.idna",
    "h11",
    "httpcore",
    # FastAPI looks for its models when it gets a route.
    "pydantic.v1",
    "typer._adapters",
    "uvicorn.lifespan.off",
)

for each in LATE:
    import_module(each)
for source in Source:
    import_module(f"pipeline.sources.{source.value}.factory")
# It holds no state.
build_schema()
# Searches for garbage in a fork would visit all of it, and copy its pages.
gc.collect()
gc.freeze()
