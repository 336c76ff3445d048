// The address of the gateway: RATEWIRE_URL, or the default of `make run`.
export const url = process.env.RATEWIRE_URL ?? "http://localhost:8000/graphql";
export const socketUrl = url.replace("http", "ws");
