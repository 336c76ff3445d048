import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Client, type CombinedError, fetchExchange } from "urql";
import { fetchWithin, isLate } from "../src/graphql/fetch-in-time";
import { LateAnswers } from "../src/graphql/late-answers";
import { nameDocument } from "../src/graphql/named-document";
import { AssetNames } from "../src/stores/asset-names";
import { PairIdentities } from "../src/spreads/pair-identities";

const Named = nameDocument<object, object>("query", "sha256:1", "query A { a }");
const Other = nameDocument<object, object>("query", "sha256:2", "query B { b }");
/** Enough for the next attempt. */
const RETRIED_MS = 20_000;
const NO_INSTRUMENTS = { instruments: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } } };

/** A server that takes requests and answers each as the test says. */
class FakeServer {
  requests = 0;
  readonly client: Client;
  answer: () => Promise<Response> = () => Promise.resolve(Response.json({ data: NO_INSTRUMENTS }));

  constructor(request?: typeof fetch, late: LateAnswers = new LateAnswers()) {
    const answered: typeof fetch = () => this.answer();
    this.client = new Client({
      url: "http://localhost/graphql",
      requestPolicy: "network-only",
      preferGetMethod: false,
      exchanges: [late.exchange, fetchExchange],
      fetch: (input, init) => {
        this.requests += 1;
        return (request ?? answered)(input, init);
      },
    });
  }

  async query(document: typeof Named = Named): Promise<CombinedError | undefined> {
    return (await this.client.query(document, {}).toPromise()).error;
  }
}

/** Rejects as a browser does once the signal is aborted, and never otherwise. */
const hang: typeof fetch = (_, init) =>
  new Promise((_resolve, reject) => {
    const signal = init?.signal;
    signal?.addEventListener("abort", () => reject(signal.reason));
  });

const tooLate = () => Promise.reject(new DOMException("late", "TimeoutError"));

test("a request that hangs ends, and the same query is sent again", async () => {
  const server = new FakeServer(fetchWithin(1, hang));
  expect(isLate(await server.query())).toBe(true);
  expect(isLate(await server.query())).toBe(true);
  expect(server.requests).toBe(2);
});

test("an answer that hangs half-way ends too", async () => {
  const halfWay: typeof fetch = async (_, init) => {
    const body = new ReadableStream({
      start: (parts) => {
        parts.enqueue(new TextEncoder().encode('{"data":'));
        init?.signal?.addEventListener("abort", () => parts.error(init.signal?.reason));
      },
    });
    return new Response(body, { headers: { "content-type": "application/json" } });
  };
  expect(isLate(await new FakeServer(fetchWithin(1, halfWay)).query())).toBe(true);
});

test("a query that is given up ends its request at once", async () => {
  const given = new AbortController();
  const answer = fetchWithin(3_600_000, hang)("http://localhost/graphql", { signal: given.signal });
  given.abort(new Error("given up"));
  await expect(answer).rejects.toThrow("given up");
});

test("a refusal and a lost connection are not late", async () => {
  const server = new FakeServer();
  server.answer = () => Promise.reject(new TypeError("no connection"));
  expect(isLate(await server.query())).toBe(false);
  server.answer = () => Promise.resolve(Response.json({ errors: [{ message: "no" }] }));
  expect(isLate(await server.query())).toBe(false);
});

const WINDOW = globalThis as unknown as Window;

beforeEach(() => {
  vi.stubGlobal("window", WINDOW);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the viewer is told of late answers until each of them has come, or nobody asks any more", async () => {
  vi.useFakeTimers();
  const late = new LateAnswers();
  const server = new FakeServer(undefined, late);
  const told: boolean[] = [];
  late.onChange(() => told.push(late.read()));
  const { answer } = server;
  server.answer = tooLate;
  await server.query();
  await server.query(Other);
  server.answer = answer;
  await server.query();
  expect(late.read()).toBe(true);
  await server.query(Other);
  expect(late.read()).toBe(false);
  server.answer = tooLate;
  await server.query();
  vi.runAllTimers();
  expect(told).toEqual([true, false, true, false]);
});

test("identities that do not come are asked for again, and that is known meanwhile", async () => {
  vi.useFakeTimers();
  const server = new FakeServer();
  const { answer } = server;
  server.answer = tooLate;
  const found = vi.fn();
  const identities = new PairIdentities(server.client, found);
  identities.start();
  await vi.waitUntil(() => identities.hasFailed);
  server.answer = answer;
  vi.advanceTimersByTime(RETRIED_MS);
  await vi.waitUntil(() => found.mock.calls.length === 1);
  expect(identities.hasFailed).toBe(false);
  expect(server.requests).toBe(2);
  identities.pause();
  expect(vi.getTimerCount()).toBe(0);
});

test("names that do not come are asked for again", async () => {
  vi.useFakeTimers();
  const server = new FakeServer();
  const { answer } = server;
  server.answer = tooLate;
  const names = new AssetNames();
  void names.load(server.client);
  // A view that is opened meanwhile does not ask beside it.
  await vi.waitUntil(() => vi.getTimerCount() > 0);
  void names.load(server.client);
  expect(server.requests).toBe(1);
  server.answer = answer;
  let isLoaded = false;
  names.onChange(() => {
    isLoaded = true;
  });
  vi.advanceTimersByTime(RETRIED_MS);
  await vi.waitUntil(() => isLoaded);
  expect(server.requests).toBe(2);
});
