// The cells of a row of the market table that are more than a figure.
import { currentAddress } from "../browser/address";
import type { MarketSummaryFragment } from "../graphql/generated";
import { directionOf, formatChange, sourceName } from "../rates/figures";
import { names } from "../stores/session";
import { type CellView, FigureElement, setAttribute } from "./figure";
import { leadName } from "./lead-name";
import { instrumentLink } from "./links";
import { viewOf } from "./present";
import { missingFigure, quoteFigure } from "./row-figures";
import { pathOf, SPARK_BOX } from "./sparkline";
import { isSuspect } from "./suspect";
import { FAVOURITES, symbolsOf } from "./watchlists";

const SVG = "http://www.w3.org/2000/svg";

/** The price of a source, with its state; or why there is none. */
export function sourceCell(source: string): (cell: HTMLElement) => CellView {
  return (cell) => {
    const whole = new FigureElement();
    const price = new FigureElement();
    const missing = new FigureElement();
    whole.element.prepend(price.element);
    return {
      update(row) {
        const figures = quoteFigure(row, source);
        if (figures === null) missing.show(missingFigure(row, source));
        else {
          price.show(figures.price);
          whole.show(figures.whole);
        }
        const { element } = figures === null ? missing : whole;
        if (cell.firstChild !== element) cell.replaceChildren(element);
      },
    };
  };
}

/** The closes of a day as a line. */
export function sparkCell(cell: HTMLElement): CellView {
  const none = new FigureElement();
  const line = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  line.setAttribute("class", "spark");
  line.setAttribute("viewBox", SPARK_BOX);
  line.setAttribute("preserveAspectRatio", "none");
  line.setAttribute("role", "img");
  line.append(path);
  let drawn: MarketSummaryFragment | null | undefined;
  return {
    update({ summary }) {
      if (summary === drawn) return;
      drawn = summary;
      const shape = summary === null ? "" : pathOf(summary.closes);
      if (summary === null || shape === "") {
        none.show({ className: "soft", text: "–", title: "Fewer than two prices of the last 24 hours are recorded" });
        return cell.replaceChildren(none.element);
      }
      const { changePercent24h: percent, coverage } = summary;
      path.setAttribute("d", shape);
      line.setAttribute("aria-label", `24 hours${percent === null ? "" : `: ${formatChange(percent)}`}${coverage === "COMPLETE" ? "" : ", known in part"}`);
      setAttribute(line, "data-direction", directionOf(percent));
      cell.replaceChildren(line);
    },
  };
}

/** The star, the symbol as a link, the name of the asset, whose price leads the row, and the sources that are suspect. */
export function nameCell(cell: HTMLElement): CellView {
  const star = document.createElement("button");
  star.type = "button";
  star.className = "star";
  star.tabIndex = -1;
  const link = document.createElement("a");
  link.className = "instrument";
  link.tabIndex = -1;
  const [symbol, quote, asset, via] = [part("symbol"), part("soft"), part("asset"), part("via")];
  const base = document.createTextNode("");
  symbol.append(base, quote);
  link.append(symbol, asset, via);
  cell.append(star, link);
  const suspect = part("suspect");
  const sign = part("");
  sign.setAttribute("aria-hidden", "true");
  sign.textContent = "⚠ ";
  let [written, told] = ["", ""];
  return {
    update(row) {
      const name = names.of(row.base);
      const found = [...row.missing.values()].filter(isSuspect);
      const lead = leadName(viewOf(row).headline);
      const list = currentAddress().list ?? FAVOURITES;
      const isOne = symbolsOf(list).has(row.symbol);
      // The link holds the rest of the address.
      const key = [row.symbol, name, list, isOne, location.search].join("\n");
      if (key !== written) {
        written = key;
        star.setAttribute("aria-pressed", String(isOne));
        star.setAttribute("aria-label", list === FAVOURITES ? `Favourite ${row.symbol}` : `${row.symbol} in ${list}`);
        star.textContent = isOne ? "★" : "☆";
        link.setAttribute("href", instrumentLink(row.symbol).href);
        base.data = row.base;
        quote.textContent = `/${row.quote}`;
        // BNB is called BNB.
        asset.textContent = name.toUpperCase() === row.base ? "" : name;
      }
      if (lead !== via.textContent) via.textContent = lead;
      const reasons = found.map(({ message }) => message).join("\n");
      if (reasons === told) return;
      told = reasons;
      if (found.length === 0) return suspect.remove();
      suspect.replaceChildren(sign, `suspect: ${found.map(({ source }) => sourceName(source?.code ?? "")).join(", ")}`);
      suspect.title = reasons;
      link.append(suspect);
    },
  };
}

function part(className: string): HTMLElement {
  const element = document.createElement("span");
  if (className !== "") element.className = className;
  return element;
}
