// Help: the meaning of the page and its keys.
import type { RefObject } from "react";
import { KeyForm } from "./key-form";

const KEYS: readonly [string, string][] = [
  ["/", "search"],
  ["↑ ↓", "move in the table"],
  ["← →", "into the cells of a row, for the exact figure; fold a group"],
  ["Enter", "from the search to the table; there, open the instrument"],
  ["Space", "select a row; Shift with the arrows selects several, Ctrl C copies"],
  ["f", "mark in the list that is open, or as favourite"],
  ["Tab", "in the search: complete a filter such as source:kraken, quote:usd, stale, suspect"],
  ["Esc", "let go of a cell or selection, clear the search, or back to the market"],
  ["?", "this help"],
];

export function HelpDialog({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }) {
  return (
    <dialog ref={dialog} className="help" aria-labelledby="help-title">
      <form method="dialog">
        <h2 id="help-title">Reading this page</h2>
        <p>
          A row shows the median of its exchanges where there are several, otherwise the price of one source; <i>By</i> says which. Figures have at most
          seven significant digits, titles and copies have all. Age runs from the source's own time of a price, by the gateway's clock; past its time to
          live a price is <b data-freshness="STALE">stale</b>, past ten times that <b data-freshness="EXPIRED">expired</b>. Spread is how far the fresh
          exchanges stand apart, in basis points (1/100 %). Volumes are in USD.
        </p>
        <h2>Keys</h2>
        <dl>
          {KEYS.map(([key, meaning]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
        <p className="soft">
          Big figures for a screen: the <a href="/wall">wallboard</a>. On paper: the browser prints the table without what can be pressed. The same rates
          for your program: <a href="/graphql">GraphiQL</a> has examples.
        </p>
        {/* Sets the attribute, which React does not render: the dialog then focuses this element instead of the link above. */}
        <button type="submit" ref={(button) => button?.setAttribute("autofocus", "")}>
          Close
        </button>
      </form>
      <KeyForm />
    </dialog>
  );
}
