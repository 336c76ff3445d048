// graphql-eslint over schema.graphql: the recommended rules and those of Relay. docs/decisions/0049 argues each exception.
import { fileURLToPath } from "node:url";
import graphql from "@graphql-eslint/eslint-plugin";

const schema = process.env.LINTED_SCHEMA ?? fileURLToPath(new URL("../../schema.graphql", import.meta.url));
export default [
  {
    files: ["**/*.graphql"],
    plugins: { "@graphql-eslint": graphql },
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema } } },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      "@graphql-eslint/strict-id-in-types": ["error", { exceptions: {
        // Answers, events and pages: what they are of has ids.
        suffixes: ["List", "Event", "Connection", "Edge"],
        // Parts of the object that has them, and statements about what is not there.
        types: ["PageInfo", "CallBudget", "ConsensusCandle", "ConsensusContribution", "ConversionLeg", "Gap", "MinuteChecks",
          "SourcePeriod", "SourcePoint", "UnavailableConversion", "UnavailableRate",
          // Answers of history to the arguments of one query, and trades, which never change.
          "RateAt", "SourceHistory", "Summary", "Trade", "WindowStats",
          // What the one who asks has left, and what an operation would cost it.
          "Budget", "OperationCost", "StreamBudget"],
      } }],
      // Lists that are bounded by their arguments are no pages.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
    },
  },
];
