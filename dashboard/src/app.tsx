// The page: its frame, and the view selected by the address.
import { lazy, Suspense, useEffect, useState } from "react";
import { type Address, useAddress } from "./browser/address";
import { useRemembered } from "./browser/remembered";
import { zone } from "./browser/times";
import { keepWhileVisible } from "./live/visibility";
import { health, marketFeed } from "./stores/session";
import { Banners } from "./shell/banner";
import { Header } from "./shell/header";
import { useSourceHealth } from "./stores/source-health";
import { SourceStrip } from "./sources/strip";

/** Without an answer for so long the rest of the page is shown. */
const FRAME_WAIT_MS = 1_500;

// Scripts of their own: a visitor loads the view of the address, and others when they are opened.
const marketScript = () => import("./market/view");
const instrumentScript = () => import("./instrument/view");
const MarketView = lazy(async () => ({ default: (await marketScript()).MarketView }));
const InstrumentView = lazy(async () => ({ default: (await instrumentScript()).InstrumentView }));
const SpreadsView = lazy(() => import("./spreads/view"));
const ConverterView = lazy(() => import("./converter/view"));

/** Begins to load what the first view needs while React makes the frame. The view finds it begun. */
export function beginFirstView({ symbol, view }: Address): void {
  health.start();
  const isMarket = symbol === null && view === "market";
  if (isMarket) marketFeed.start();
  // A script that does not come is asked for again by the view, and missed there.
  if (isMarket || symbol !== null) (isMarket ? marketScript() : instrumentScript()).catch(() => undefined);
}

export function App() {
  const address = useAddress();
  // A chart writes its times once: another zone makes it anew.
  const chosenZone = useRemembered(zone);
  // Shared by all views.
  useEffect(() => keepWhileVisible(health), []);
  const isFramed = useFrame();
  return (
    <>
      <Header />
      <Banners />
      <SourceStrip />
      <div className="page-body" data-framed={isFramed}>
        <Suspense fallback={<main className="waiting" />}>
          <CurrentView key={chosenZone} address={address} />
        </Suspense>
      </div>
    </>
  );
}

/** Whether what stands above a view has come: a view that is seen before would be pushed down by it. */
function useFrame(): boolean {
  const hasSources = useSourceHealth(health).sources.length > 0;
  const [hasWaited, setWaited] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setWaited(true), FRAME_WAIT_MS);
    return () => window.clearTimeout(timer);
  }, []);
  return hasSources || hasWaited;
}

function CurrentView({ address }: { address: Address }) {
  const { symbol, view } = address;
  if (symbol !== null) return <InstrumentView key={symbol} symbol={symbol} chart={address.chart} />;
  if (view === "spreads") return <SpreadsView address={address} />;
  if (view === "converter") return <ConverterView address={address.converter} />;
  return <MarketView address={address} />;
}
