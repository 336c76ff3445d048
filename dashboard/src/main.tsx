// The dashboard at `/`.
import "./browser/theme";
import { createRoot } from "react-dom/client";
import { App, beginFirstView } from "./app";
import { currentAddress } from "./browser/address";

const place = document.getElementById("dashboard");
if (place === null) throw new Error("index.html has no element #dashboard");
beginFirstView(currentAddress());
createRoot(place).render(<App />);
