"""The import rules of the dashboard."""

from tools.typescript_layers import find_back_arrows, find_circle, find_imports

TABLE = "dashboard/src/market/table.tsx"
STRIP = "dashboard/src/sources/strip.tsx"
SESSION = "dashboard/src/stores/session.ts"
DECIMAL = "dashboard/src/rates/decimal.ts"
FILES = {TABLE, STRIP, SESSION, DECIMAL}


def test_every_form_of_import_is_found() -> None:
    """Of values and types, over several lines, for side effects, dynamic; but no packages."""
    text = """
        import { a,
          b } from "../stores/session";
        import type { C } from "../rates/decimal";
        import React from "react";
        const later = import("../sources/strip");
        import "./table";
    """
    assert set(find_imports(TABLE, text, FILES)) == FILES


def test_an_import_of_a_lower_layer_is_allowed() -> None:
    """And one inside a folder."""
    imports = {TABLE: {SESSION, DECIMAL, "dashboard/src/market/cells.tsx"}, DECIMAL: set[str]()}
    assert not list(find_back_arrows(imports))


def test_an_import_of_a_higher_layer_or_a_neighbour_is_found() -> None:
    """With both files."""
    (message,) = find_back_arrows({SESSION: {TABLE}})
    assert message == f"{SESSION} imports {TABLE}: stores must not import market"
    (message,) = find_back_arrows({TABLE: {STRIP}})
    assert "market must not import sources" in message


def test_a_folder_without_a_layer_is_found() -> None:
    """A new folder has to be given its place."""
    (message,) = find_back_arrows({"dashboard/src/new/file.ts": set()})
    assert "new has no layer" in message


def test_a_circle_of_files_is_found() -> None:
    """Inside one folder too."""
    assert not find_circle({TABLE: {SESSION}, SESSION: {DECIMAL}, DECIMAL: set()})
    assert set(find_circle({TABLE: {SESSION}, SESSION: {DECIMAL}, DECIMAL: {TABLE}})) == {
        TABLE,
        SESSION,
        DECIMAL,
    }
