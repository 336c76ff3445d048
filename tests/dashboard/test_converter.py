"""The converter: exact amounts, its route, errors, stablecoins."""

import csv
from importlib import resources

import pytest

from gateway.queries.conversion.assets import STABLECOINS
from rates.source import Source
from tests.dashboard.browser import PHONE, Browser, ContextOptions
from tests.dashboard.conftest import Market
from tests.e2e.processes import ROOT
from tests.lengths import only_long

BTC, ETH = "BTC/USDT", "ETH/USDT"
RESULT = "(document.querySelector('.result')?.innerText ?? '').replace(/\\s+/g, ' ')"
OUTPUT = "document.querySelector('.result output')?.innerText"
ERRORS = "[...document.querySelectorAll('.conversion .error')].map(each => each.innerText)"

LOOKS = [
    {"viewport": {"width": 320, "height": 568}},
    *only_long(
        {"colorScheme": "light"},
        {"colorScheme": "dark", **PHONE},
        {"forcedColors": "active", "reducedMotion": "reduce"},
    ),
]

live = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.servers]


def test_the_stablecoins_are_those_of_the_gateway_that_are_reviewed() -> None:
    """The page and the gateway mean the same by a stablecoin, with the same ids."""
    table = resources.files("instruments.identity").joinpath("assets.csv").read_text("utf-8")
    reviewed = {
        (row["code"], row["asset_id"])
        for row in csv.DictReader(table.splitlines())
        if row["code"] in STABLECOINS
    }
    page = (ROOT / "dashboard" / "src" / "converter" / "stablecoins.ts").read_text("utf-8")
    listed = {
        (line.split('code: "')[1].split('"')[0], line.split('id: "')[1].split('"')[0])
        for line in page.splitlines()
        if 'code: "' in line
    }
    assert listed == reviewed


class TestConverter:
    """On a gateway whose rates the test writes."""

    pytestmark = live

    async def test_an_amount_is_converted_exactly_and_live(self, market: Market, page: Browser) -> None:
        """Digit for digit, with price, market and age of each step; a new rate changes it."""
        await market.reset()
        async with market.serving():
            await market.write(BTC, "60000.00")
            await page.open("/?view=converter&amount=0.000000000000000001&from=BTC&to=USDT")
            await page.until(f"{OUTPUT} === '0.00000000000006'")
            assert "BTC \N{RIGHTWARDS ARROW} USDT \N{MULTIPLICATION SIGN} 60,000.00 BTC/USDT Binance" in str(
                await page.evaluate(RESULT)
            )
            await market.write(BTC, "60001.50")
            await page.until(f"{OUTPUT} === '0.0000000000000600015'")

    async def test_what_is_typed_stands_in_the_address(self, market: Market, page: Browser) -> None:
        """Two steps over USDT; the swap turns them round; a reload keeps all."""
        await market.reset()
        async with market.serving():
            await market.write(BTC, "60000.00")
            await market.write(ETH, "3000.00")
            await page.open("/?view=converter&from=ETH&to=BTC")
            await page.until(f"{OUTPUT} === '0.05'")
            await page.click(".field[data-part=amount] input")
            await page.type_text("0")
            await page.until(
                f"location.search.includes('amount=10') && {OUTPUT} === '0.50'.replace('0.50', '0.5')"
            )
            await page.click(".swap")
            await page.until(f"{OUTPUT} === '200'")
            await page.reload()
            await page.until(f"{OUTPUT} === '200'")

    async def test_errors_say_what_to_do(self, market: Market, page: Browser) -> None:
        """Of the amount, of an unknown asset, and of a route that does not exist."""
        await market.reset()
        async with market.serving():
            await market.write(BTC, "60000.00")
            await page.open("/?view=converter&amount=1,500&from=BTC&to=USDT")
            await page.until(f"{ERRORS}[0]?.includes('1,500 can mean 1500 or 1.500')")
            await page.open("/?view=converter&amount=1,5&from=BTC&to=USDT", locale="de-DE")
            await page.until(f"{OUTPUT} === '90.000,00'")
            await page.open("/?view=converter&amount=1&from=BTC&to=ATLANTIS")
            await page.until(f"{ERRORS}[0]?.includes('No tracked instrument has ATLANTIS')")
            await page.open("/?view=converter&amount=1&from=SOL&to=USDT")
            await page.until(f"{RESULT}.includes('There is no answer')")

    async def test_stablecoins_show_their_distance_from_a_dollar(self, market: Market, page: Browser) -> None:
        """By the market, not by their promise; those without a market are named."""
        await market.reset()
        async with market.serving():
            await market.write("USDT/USD", "0.9985", Source.KRAKEN)
            await page.open("/?view=converter")
            stable = "(document.querySelector('.stable')?.innerText ?? '').replace(/\\s+/g, ' ')"
            await page.until(f"/USDT Tether 0.998500 .15 bps USDT.USD Kraken/.test({stable})")
            await page.shows("No tracked market connects these with USD")

    async def test_the_result_goes_on_after_a_restart(self, market: Market, page: Browser) -> None:
        """While the gateway is away, the page says that it is not up to date."""
        await market.reset()
        await market.write(BTC, "60000.00")
        async with market.serving() as gateway:
            await page.open("/?view=converter")
            await page.until(f"{OUTPUT} === '60,000.00'")
            await gateway.kill()
            await page.until(f"{RESULT}.includes('not up to date')")
        async with market.serving():
            await market.write(BTC, "60002.00")
            await page.until(f"{OUTPUT} === '60,002.00' && !{RESULT}.includes('not up to date')")

    @pytest.mark.parametrize("look", LOOKS, ids=["320px", "light", "phone", "forced"])
    async def test_axe_finds_nothing_in_any_look(
        self, market: Market, page: Browser, look: ContextOptions
    ) -> None:
        """No finding of any level, with an error on the page too; nothing is wider than the window."""
        await market.reset()
        async with market.serving():
            await market.write(BTC, "60000.00")
            await market.write("USDT/USD", "0.9985", Source.KRAKEN)
            await page.open("/?view=converter&amount=123456789.123456789", **look)
            await page.until(f"{OUTPUT} !== undefined && document.querySelector('.stable') !== null")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await page.axe() == []
            await page.open("/?view=converter&amount=x", **look)
            await page.until(f"{ERRORS}.length === 1")
            assert await page.axe() == []
