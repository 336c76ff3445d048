// The dashboard at `/`.
import "./browser/theme";
import { createRoot } from "react-dom/client";
import { App } from "./app";

const place = document.getElementById("dashboard");
if (place === null) throw new Error("index.html has no element #dashboard");
createRoot(place).render(<App />);
