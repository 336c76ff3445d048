// Links within the page, with real URLs that can be copied and opened in a new tab.
import { type Address, formatAddress, go, parseAddress } from "../browser/address";
import type { View } from "../browser/view-address";

interface Link {
  href: string;
  onClick(event: { button: number; metaKey: boolean; ctrlKey: boolean; shiftKey: boolean; preventDefault(): void }): void;
}

function linkTo(change: Partial<Address>): Link {
  return {
    href: formatAddress({ ...parseAddress(location.search), ...change }),
    onClick: (event) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      go(change, "push");
    },
  };
}

export function instrumentLink(symbol: string): Link {
  return linkTo({ symbol });
}

export function marketLink(): Link {
  return viewLink("market");
}

export function viewLink(view: View): Link {
  return linkTo({ symbol: null, view });
}
