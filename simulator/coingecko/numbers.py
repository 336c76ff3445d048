"""CoinGecko's JSON number format: integers if whole, exponents if small, never a string."""

from decimal import Decimal

SMALLEST_PLAIN = Decimal("0.0001")


def format_json_number(value: Decimal) -> str:
    """Format a number as JSON: `49326`, `0.239526`, `3.97e-06`.

    Source: exchanges.md 2.2 and recordings.
    """
    if value == value.to_integral_value():
        return format(value.to_integral_value(), "f")
    plain = value.normalize()
    if abs(plain) >= SMALLEST_PLAIN:
        return format(plain, "f")
    digits = "".join(map(str, plain.as_tuple().digits))
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    sign = "-" if plain < 0 else ""
    return f"{sign}{mantissa}e-{-plain.adjusted():02d}"


def round_as_published(price: Decimal) -> Decimal:
    """Round a price as CoinGecko does without `precision`.

    Examples: 61834, 2683.81, 6.15, 0.548783, 0.00069972, 3.97e-06.
    """
    if price >= 10_000:
        return price.quantize(Decimal(1))
    if price >= 1:
        return (
            price.quantize(Decimal("0.01")) if price >= Decimal("1.1") else price.quantize(Decimal("0.001"))
        )
    if price >= Decimal("0.1"):
        return price.quantize(Decimal("0.000001"))
    if price >= Decimal("0.0001"):
        return price.quantize(Decimal("0.00000001"))
    return price.quantize(Decimal(1).scaleb(price.adjusted() - 5))
