// Theme: light, dark, or that of the system. The style sheet applies it through `color-scheme`.
import { Remembered } from "./remembered";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export const theme = new Remembered<Theme>("theme", (stored) => THEMES.find((each) => each === stored) ?? "system");

function show(): void {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

export function nextTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "system";
  theme.set(next, next);
}

theme.onChange(show);
show();
