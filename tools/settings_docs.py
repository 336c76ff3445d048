"""Write the settings into `docs/configuration.md` and the README, or compare them."""

import sys
from pathlib import Path

from ratewire.settings_tables import format_excerpt, format_page

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- settings: made by make env-example -->\n", "<!-- end of settings -->\n"


def expected() -> dict[Path, str]:
    """Return the expected text of each file."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        ROOT / "docs" / "configuration.md": format_page(),
        readme: f"{before}{BEGIN}{format_excerpt()}{END}{after}",
    }


def main(arguments: list[str]) -> int:
    """Write or compare the files; return 1 if `--check` finds a difference."""
    wrong = [path for path, text in expected().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in wrong:
            sys.stderr.write(f"{path.name} differs from the settings: run `make env-example`\n")
        return 1 if wrong else 0
    for path, text in expected().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
