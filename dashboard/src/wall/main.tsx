// The wallboard at `/wall`.
import { createRoot } from "react-dom/client";
import { zone } from "../browser/times";
import { connection, clock, gateway, listenInto } from "../stores/session";
import { MarketStore } from "../stores/market-store";
import { readServedTag, reloadOnNewBuild } from "./new-build";
import { keepScreenOn } from "./screen";
import { Wall } from "./wall";
import { readWall } from "./wall-address";
import { WallFeed } from "./wall-feed";

const place = document.getElementById("wall");
if (place === null) throw new Error("wall.html has no element #wall");
const address = readWall(location.search);
if (address.theme !== null) document.documentElement.dataset.theme = address.theme;
// Of this page only: what the viewer chose on the dashboard stays.
if (address.isUtc) zone.show("UTC");
const store = new MarketStore(clock);
const feed = new WallFeed(gateway, store, address.symbols, address.source, listenInto(store));
keepScreenOn();
reloadOnNewBuild({ readTag: readServedTag, reload: () => location.reload(), random: Math.random });
createRoot(place).render(<Wall address={address} feed={feed} connection={connection} />);
