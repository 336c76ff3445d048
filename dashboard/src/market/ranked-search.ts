// The order in which the gateway finds instruments for words: codes before names, large markets before small ones.
import { useEffect, useState } from "react";
import { type InstrumentFilter, SearchInstrumentsDocument, type SourceId } from "../graphql/generated";
import { retryMs } from "../live/backoff";
import { refusalIn } from "../live/refusal";
import { gateway, market } from "../stores/session";
import type { SearchQuery } from "./search-query";

/** Letters follow one another faster. */
const SETTLE_MS = 120;
const LONGEST_SEARCH = 100;
const MOST_WORDS = 8;

export interface Ranking {
  /** The words that it answers. */
  words: string;
  /** Place of each symbol. */
  places: ReadonlyMap<string, number>;
  /** Whether the gateway has found more than it has sent. */
  hasMore: boolean;
}

/** The gateway's ranking of the words; null without words, until it has come, and while the gateway does not answer. */
export function useRanking({ words, sources, quotes }: SearchQuery): Ranking | null {
  const [ranking, setRanking] = useState<Ranking | null>(null);
  const source = onlyKnown(sources, market.sources);
  const quote = onlyKnown(quotes, [...new Set([...market.rows.values()].map((row) => row.quote))]);
  const key = [words, source, quote].join("\n");
  useEffect(() => {
    if (words === "" || words.length > LONGEST_SEARCH || words.split(" ").length > MOST_WORDS) return;
    let isOver = false;
    let failures = 0;
    const ask = async () => {
      const filter: InstrumentFilter = { search: words, ...(source !== undefined && { source: source as SourceId }), ...(quote !== undefined && { quote }) };
      const { data, error } = await gateway.client.query(SearchInstrumentsDocument, { filter }).toPromise();
      if (isOver) return;
      if (!data?.instruments) {
        const refusal = error === undefined ? null : refusalIn(error);
        // A search that is refused would be refused again, unless the gateway says when to come back.
        if (refusal === null || refusal.retryAfterMs !== null) timer = window.setTimeout(() => void ask(), retryMs(failures, refusal?.retryAfterMs ?? null));
        failures += 1;
        return;
      }
      const places = new Map<string, number>();
      for (const { symbol } of data.instruments.nodes) if (!places.has(symbol)) places.set(symbol, places.size);
      setRanking({ words: key, places, hasMore: data.instruments.pageInfo.hasNextPage });
    };
    let timer = window.setTimeout(() => void ask(), SETTLE_MS);
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [words, source, quote, key]);
  return ranking !== null && ranking.words === key ? ranking : null;
}

/** The one code if the gateway knows it: it refuses others. With several, the page filters alone. */
function onlyKnown(codes: readonly string[], known: readonly string[]): string | undefined {
  const [code] = codes;
  return codes.length === 1 && code !== undefined && known.includes(code) ? code : undefined;
}
