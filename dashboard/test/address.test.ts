import { expect, test } from "vitest";
import { formatAddress, parseAddress, SORT_KEYS } from "../src/browser/address";

test("an address that is written is read as the same", () => {
  for (const sort of SORT_KEYS)
    for (const descending of [true, false])
      for (const symbol of [null, "BTC/USDT"])
        for (const search of ["", "bitcoin usdt", "a&b=c/d?"]) {
          const address = { search, sort, descending, favouritesOnly: descending, symbol };
          const written = formatAddress(address);
          expect(parseAddress(written.slice(written.indexOf("?") < 0 ? written.length : written.indexOf("?")))).toEqual(address);
        }
});

test("what it does not know is as on a first visit", () => {
  expect(parseAddress("?sort=nonsense&dir=sideways&favourites=yes")).toEqual({ ...parseAddress(""), descending: false });
  expect(formatAddress(parseAddress(""))).toBe("/");
});
