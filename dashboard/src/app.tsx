// The page: its frame, and the view that the address names.
import { useAddress } from "./address";
import { InstrumentView } from "./instrument/view";
import { MarketView } from "./market/view";
import { Banners } from "./shell/banner";
import { Header } from "./shell/header";
import { SourceStrip } from "./sources/strip";

export function App() {
  const address = useAddress();
  return (
    <>
      <Header />
      <Banners />
      <SourceStrip />
      {address.symbol === null ? <MarketView address={address} /> : <InstrumentView key={address.symbol} symbol={address.symbol} />}
    </>
  );
}
