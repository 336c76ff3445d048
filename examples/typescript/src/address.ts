// Where the gateway is: RATEWIRE_URL, or what `make run` serves.
export const url = process.env.RATEWIRE_URL ?? "http://localhost:8000/graphql";
export const socketUrl = url.replace("http", "ws");
