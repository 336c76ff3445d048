// The header of every view: navigation, connection state and theme.
import { useRef } from "react";
import { AlertBell } from "../alerts/bell";
import icon from "../icon.svg";
import { marketLink, viewLink } from "../market/links";
import { useRemembered } from "../browser/remembered";
import { ConnectionBadge } from "./connection-badge";
import { HelpDialog } from "./help";
import { useShortcut } from "../browser/shortcuts";
import { useAddress } from "../browser/address";
import { type View, VIEWS } from "../browser/view-address";
import { nextZone, zone } from "../browser/times";
import { nextTheme, type Theme, theme } from "../browser/theme";

const VIEW_WORD: Record<View, string> = { market: "Market", spreads: "Spreads", converter: "Converter" };
const THEME_SIGN: Record<Theme, string> = { system: "◐", light: "☀", dark: "☾" };

export function Header() {
  const help = useRef<HTMLDialogElement>(null);
  const chosen = useRemembered(theme);
  const { symbol, view: shown } = useAddress();
  const chosenZone = useRemembered(zone);
  const openHelp = () => help.current?.showModal();
  useShortcut("?", openHelp);
  return (
    <header className="top">
      <a className="brand" {...marketLink()}>
        <img src={icon} alt="Ratewire" width="24" height="24" />
        <span className="word" aria-hidden="true">
          Ratewire
        </span>
      </a>
      <ConnectionBadge />
      <nav aria-label="Main">
        {VIEWS.map((view) => (
          <a key={view} {...viewLink(view)} aria-current={symbol === null && view === shown ? "page" : undefined}>
            {VIEW_WORD[view]}
          </a>
        ))}
        <a href="/graphql">GraphiQL</a>
        <button type="button" aria-label={`Theme: ${chosen}`} title={`Theme: ${chosen}`} onClick={nextTheme}>
          <span aria-hidden="true">{THEME_SIGN[chosen]}</span>
        </button>
        <AlertBell symbol={symbol ?? ""} />
        <button type="button" className="zone" aria-label={`Times: ${chosenZone}`} title={`Times: ${chosenZone === "UTC" ? "UTC" : "your time zone"}`} onClick={nextZone}>
          {chosenZone === "UTC" ? "UTC" : "Local"}
        </button>
        <button type="button" aria-label="Help and keyboard shortcuts" title="Help (?)" aria-keyshortcuts="?" onClick={openHelp}>
          <span aria-hidden="true">?</span>
        </button>
      </nav>
      <HelpDialog dialog={help} />
    </header>
  );
}
