// Links within the page, with real URLs that can be copied and opened in a new tab.
import { formatAddress, go, parseAddress } from "../browser/address";

interface Link {
  href: string;
  onClick(event: { button: number; metaKey: boolean; ctrlKey: boolean; shiftKey: boolean; preventDefault(): void }): void;
}

function linkTo(symbol: string | null): Link {
  return {
    href: formatAddress({ ...parseAddress(location.search), symbol }),
    onClick: (event) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      go({ symbol }, "push");
    },
  };
}

export function instrumentLink(symbol: string): Link {
  return linkTo(symbol);
}

export function marketLink(): Link {
  return linkTo(null);
}
