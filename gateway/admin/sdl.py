"""Write `schema-admin.graphql` from the code: `python -m gateway.admin.sdl`.

With `--check`, only tell whether they agree.
"""

import sys
from pathlib import Path

from gateway.admin.schema import build_admin_schema

ADMIN_SDL_PATH = Path(__file__).parents[2] / "schema-admin.graphql"


def main(arguments: list[str]) -> int:
    """Write or check the file; the exit code is 1 if they differ."""
    sdl = build_admin_schema().as_str() + "\n"
    if arguments != ["--check"]:
        ADMIN_SDL_PATH.write_text(sdl, encoding="utf-8")
        return 0
    if ADMIN_SDL_PATH.is_file() and ADMIN_SDL_PATH.read_text(encoding="utf-8") == sdl:
        return 0
    sys.stderr.write("schema-admin.graphql differs from the code: run python -m gateway.admin.sdl\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
