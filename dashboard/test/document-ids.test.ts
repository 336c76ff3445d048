import { Client, CombinedError, type Exchange, fetchExchange, subscriptionExchange } from "urql";
import { expect, test } from "vitest";
import { pipe, subscribe } from "wonka";
import { documentIds } from "../src/graphql/document-ids";
import { nameDocument } from "../src/graphql/named-document";

const TEXT = "query Name{__typename}";
const LIVE_TEXT = "subscription Live{__typename}";
const Named = nameDocument<{ __typename: string }, Record<string, never>>("query", "sha256:1", TEXT);
const Live = nameDocument<{ __typename: string }, Record<string, never>>("subscription", "sha256:2", LIVE_TEXT);
const DATA = { __typename: "Query" };

interface Body {
  query?: string | undefined;
  documentId?: string | undefined;
}

/** A client whose gateway refuses identifiers with `code`; `sent` has what each request named. */
function connect(code: string | null, sent: (string | undefined)[], exchanges: Exchange[] = [documentIds]): Client {
  const answer = ({ query, documentId }: Body) => {
    sent.push(query ?? documentId);
    return code === null || query !== undefined ? { data: DATA } : { errors: [{ message: "no", extensions: { code } }] };
  };
  const forwardSubscription = (body: Body) => ({
    subscribe: (sink: { next(value: object): void; error(why: unknown): void }) => {
      const result = answer(body);
      // As graphql-ws does with the message `error`.
      if (result.errors === undefined) sink.next(result);
      else sink.error(result.errors);
      return { unsubscribe: () => undefined };
    },
  });
  return new Client({
    url: "http://localhost/graphql",
    requestPolicy: "network-only",
    preferGetMethod: false,
    fetch: async (_url, init) => Response.json(answer(JSON.parse(String(init?.body)))),
    exchanges: [...exchanges, fetchExchange, subscriptionExchange({ forwardSubscription })],
  });
}

test("the identifier is sent alone", async () => {
  const sent: (string | undefined)[] = [];
  expect((await connect(null, sent).query(Named, {}).toPromise()).data).toEqual(DATA);
  expect(sent).toEqual(["sha256:1"]);
});

test.each(["PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED"])("%s is answered by the text, each time", async (code) => {
  const sent: (string | undefined)[] = [];
  const client = connect(code, sent);
  for (let round = 0; round < 2; round += 1) {
    const { data, error } = await client.query(Named, {}).toPromise();
    expect([data, error]).toEqual([DATA, undefined]);
  }
  expect(sent).toEqual(["sha256:1", TEXT, "sha256:1", TEXT]);
});

test("a subscription goes on with the text, and sees nothing of the refusal", async () => {
  const sent: (string | undefined)[] = [];
  const client = connect("PERSISTED_QUERY_NOT_FOUND", sent);
  const seen = await new Promise((resolve) => {
    pipe(
      client.subscription(Live, {}),
      subscribe(({ data, error }) => resolve(error ?? data)),
    );
  });
  expect(seen).toEqual(DATA);
  expect(sent).toEqual(["sha256:2", LIVE_TEXT]);
});

test("another refusal is the caller's", async () => {
  const sent: (string | undefined)[] = [];
  const { error } = await connect("BUDGET_EXHAUSTED", sent).query(Named, {}).toPromise();
  expect(error).toBeInstanceOf(CombinedError);
  expect(sent).toEqual(["sha256:1"]);
});

test("without the exchange, the same documents are sent as texts", async () => {
  const sent: (string | undefined)[] = [];
  expect((await connect("PERSISTED_QUERY_NOT_SUPPORTED", sent, []).query(Named, {}).toPromise()).data).toEqual(DATA);
  expect(sent).toEqual([TEXT]);
});
