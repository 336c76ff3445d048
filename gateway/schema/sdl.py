"""Write `schema.graphql` from the code: `python -m gateway.schema.sdl`.

With `--check`, only tell whether they agree.
"""

import sys
from pathlib import Path

from gateway.schema.build import build_schema

SDL_PATH = Path(__file__).parents[2] / "schema.graphql"


def print_sdl() -> str:
    """Return the schema in the schema definition language."""
    return build_schema().as_str() + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the file; the exit code is 1 if they differ."""
    sdl = print_sdl()
    if arguments != ["--check"]:
        SDL_PATH.write_text(sdl, encoding="utf-8")
        return 0
    if SDL_PATH.is_file() and SDL_PATH.read_text(encoding="utf-8") == sdl:
        return 0
    sys.stderr.write("schema.graphql differs from the code: run python -m gateway.schema.sdl\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
