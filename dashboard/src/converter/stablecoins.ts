// The stablecoins that promise one US dollar each, with their reviewed ids: those of gateway/queries/conversion/assets.py, which a test compares.

export const STABLECOINS: readonly { code: string; id: string; name: string }[] = [
  { code: "USDT", id: "tether", name: "Tether" },
  { code: "USDC", id: "usd-coin", name: "USDC" },
  { code: "DAI", id: "dai", name: "Dai" },
  { code: "FDUSD", id: "first-digital-usd", name: "First Digital USD" },
  { code: "GUSD", id: "gemini-dollar", name: "Gemini Dollar" },
  { code: "PYUSD", id: "paypal-usd", name: "PayPal USD" },
  { code: "RLUSD", id: "ripple-usd", name: "Ripple USD" },
  { code: "TUSD", id: "true-usd", name: "TrueUSD" },
  { code: "USD1", id: "usd1-wlfi", name: "USD1" },
  { code: "USDP", id: "paxos-standard", name: "Pax Dollar" },
  { code: "USDS", id: "usds", name: "USDS" },
]

/** The distance of a price from one, in basis points, for display. */
export function offOneBps(rate: string): number {
  return (Number(rate) - 1) * 10_000;
}
