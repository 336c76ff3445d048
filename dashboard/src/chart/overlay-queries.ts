// Reads closing prices for the further lines of a chart.
import type { AnyVariables, Client, TypedDocumentNode } from "urql";
import { type CandleInterval, ClosesDocument, ConsensusCandlesDocument, type ConsensusCandlesQueryVariables, type ClosesQueryVariables } from "../graphql/generated";
import type { CandleSeries } from "./candle-stream";
import { HistoryProblem } from "./history-problem";
import type { OverlayCandle, OverlayRange } from "./overlay-feed";

/** An answer with candles of six sources stays far below the limit of the gateway. */
export const CONSENSUS_PAGE = 200;
export const CLOSES_PAGE = 400;

interface Closes {
  source: string;
  items: readonly OverlayCandle[];
}

export async function loadCloses(client: Client, series: CandleSeries, range: OverlayRange): Promise<Closes> {
  const { candles } = await ask(client, ClosesDocument, { ...series, ...range } as ClosesQueryVariables);
  if (candles === null) throw new HistoryProblem("unavailable", "the gateway sent no candles");
  return { source: candles.source.code, items: candles.items };
}

export async function loadConsensus(client: Client, series: { symbol: string; interval: CandleInterval }, range: OverlayRange): Promise<readonly OverlayCandle[]> {
  return (await askConsensus(client, { ...series, ...range })).items;
}

/** The sources that mean the same by a symbol: only their prices are compared. */
export async function loadComparable(client: Client, symbol: string): Promise<readonly string[]> {
  const { sources } = await askConsensus(client, { symbol, interval: "M1", from: null, to: null, last: 1 });
  return sources.map(({ code }) => code);
}

async function askConsensus(client: Client, variables: ConsensusCandlesQueryVariables) {
  const { consensusCandles } = await ask(client, ConsensusCandlesDocument, variables);
  if (consensusCandles === null) throw new HistoryProblem("unavailable", "the gateway sent no candles");
  return consensusCandles;
}

/** Raises the error of the client, which sets the time limit, or a `HistoryProblem` without candles. */
async function ask<Data, Variables extends AnyVariables>(client: Client, document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const { data, error } = await client.query(document, variables).toPromise();
  if (error !== undefined) throw error;
  if (data === undefined) throw new HistoryProblem("unavailable", "the gateway sent no candles");
  return data;
}
