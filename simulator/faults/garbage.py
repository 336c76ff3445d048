"""Malformed answers and messages, in observed forms [exchanges.md 2.5 and 7 item 12]."""

HTML = (
    "<!DOCTYPE html><html><head><title>Attention Required!</title></head>"
    "<body><h1>Sorry, you have been blocked</h1></body></html>"
)


def garble(form: str, text: str) -> str:
    """Return the malformed text in place of a valid one."""
    match form:
        case "html":
            return HTML
        case "cut":
            return text[: len(text) // 2]
        case "shape":
            return '{"unexpected":["shape"],"data":17}'
    return "Throttled"
