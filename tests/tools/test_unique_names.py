"""The check that a name has one meaning."""

from tools.unique_names import find_misnamed_files, find_shared_class_names, find_shared_file_names


def test_two_public_classes_of_one_name_are_found() -> None:
    """In all packages; private and nested classes may share a name."""
    first = "class Rate: ...\nclass _Rate: ...\nclass Other:\n    class Meta: ..."
    second = "class Rate: ...\nclass _Rate: ...\nclass Meta: ..."
    (message,) = find_shared_class_names({"rates/a.py": first, "gateway/b.py": second})
    assert message == "class Rate is defined in gateway/b.py and rates/a.py"


def test_two_files_of_one_name_in_a_folder_are_found() -> None:
    """A module beside a package of its name, and a plural beside its singular."""
    paths = (
        "gateway/rate.py",
        "gateway/rates.py",
        "gateway/query.py",
        "gateway/query/x.py",
        "gateway/entry.py",
    )
    messages = list(find_shared_file_names(dict.fromkeys([*paths, "gateway/entries.py"], "")))
    assert messages == [
        "gateway/ has entries and entry",
        "gateway/ has query and query/",
        "gateway/ has rate and rates",
    ]


def test_files_of_one_name_in_two_folders_are_allowed() -> None:
    """One package is one folder."""
    assert not list(
        find_shared_file_names({"gateway/rate.py": "", "gateway/schema/rates.py": "", "rates/rate.py": ""})
    )


def test_a_file_named_for_a_class_of_its_neighbour_is_found() -> None:
    """A reader looks for the class there."""
    modules = {
        "gateway/http_cache.py": "",
        "gateway/b.py": "class HTTPCache: ...",
        "rates/b.py": "class HTTPCache: ...",
    }
    (message,) = find_misnamed_files(modules)
    assert message == "gateway/http_cache.py is named for the class HTTPCache, which gateway/b.py defines"
    assert not list(find_misnamed_files({"gateway/rate.py": "class Rate: ..."}))
