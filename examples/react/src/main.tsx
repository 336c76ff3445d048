// The page: the gateway is that of `make run`, or `?url=…`; the symbols are `?symbols=BTC/USDT,ETH/USDT`.
import { ApolloProvider } from "@apollo/client/react";
import { StrictMode, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { createApolloClient } from "./client";
import { LiveRates } from "./LiveRates";

const parameters = new URLSearchParams(location.search);
const url = parameters.get("url") ?? "http://localhost:8000/graphql";
const symbols = parameters.get("symbols")?.split(",") ?? ["BTC/USDT", "ETH/USDT"];

function Page() {
  const [isConnected, setConnected] = useState(false);
  const client = useMemo(() => createApolloClient(url, setConnected), []);
  return (
    <ApolloProvider client={client}>
      <h1>Live rates</h1>
      <LiveRates symbols={symbols} isConnected={isConnected} />
    </ApolloProvider>
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><Page /></StrictMode>);
