/** Whether a rate is left out because its source may mean another asset by the code. */
export function isSuspect({ reason }: { reason: string }): boolean {
  return reason === "SUSPECT_IDENTITY";
}
