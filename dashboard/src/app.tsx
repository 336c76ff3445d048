// The page: its frame, and the view selected by the address.
import { useEffect } from "react";
import { useAddress } from "./browser/address";
import { InstrumentView } from "./instrument/view";
import { keepWhileVisible } from "./live/visibility";
import { MarketView } from "./market/view";
import { health } from "./stores/session";
import { Banners } from "./shell/banner";
import { Header } from "./shell/header";
import { SourceStrip } from "./sources/strip";

export function App() {
  const address = useAddress();
  // Shared by all views.
  useEffect(() => keepWhileVisible(health), []);
  return (
    <>
      <Header />
      <Banners />
      <SourceStrip />
      {address.symbol === null ? <MarketView address={address} /> : <InstrumentView key={address.symbol} symbol={address.symbol} chart={address.chart} />}
    </>
  );
}
