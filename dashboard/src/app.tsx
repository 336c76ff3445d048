// The page: its frame, and the view selected by the address.
import { useEffect, useState } from "react";
import { useAddress } from "./browser/address";
import { InstrumentView } from "./instrument/view";
import { keepWhileVisible } from "./live/visibility";
import { MarketView } from "./market/view";
import { health } from "./stores/session";
import { Banners } from "./shell/banner";
import { Header } from "./shell/header";
import { useSourceHealth } from "./stores/source-health";
import { SourceStrip } from "./sources/strip";

/** Without an answer for so long the rest of the page is shown. */
const FRAME_WAIT_MS = 1_500;

export function App() {
  const address = useAddress();
  // Shared by all views.
  useEffect(() => keepWhileVisible(health), []);
  const isFramed = useFrame();
  return (
    <>
      <Header />
      <Banners />
      <SourceStrip />
      <div className="page-body" data-framed={isFramed}>
        {address.symbol === null ? <MarketView address={address} /> : <InstrumentView key={address.symbol} symbol={address.symbol} chart={address.chart} />}
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
