// Documents that requests name by an identifier, so that a gateway can limit itself to documents that it trusts.
import type { OperationType, TypedDocumentNode } from "urql";

const NOT_TAKEN: readonly unknown[] = ["PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED"];

export interface NamedDocument<Data, Variables> extends TypedDocumentNode<Data, Variables> {
  /** `sha256:` and the hash of the text. */
  documentId: string;
  text: string;
}

/** As much of a parsed document as urql reads; it sends `loc.source.body` as the text. */
export function nameDocument<Data, Variables>(operation: OperationType, documentId: string, text: string): NamedDocument<Data, Variables> {
  const definitions = [{ kind: "OperationDefinition", operation }];
  return { kind: "Document", definitions, loc: { source: { body: text } }, documentId, text } as unknown as NamedDocument<Data, Variables>;
}

/** Whether a gateway has refused a request because it knows, or takes, no such identifier. */
export function isNotTaken(errors: readonly { extensions?: { code?: unknown } | undefined }[] | undefined): boolean {
  return errors?.some(({ extensions }) => NOT_TAKEN.includes(extensions?.code)) === true;
}
