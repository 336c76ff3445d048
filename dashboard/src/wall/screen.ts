// Keeps the screen on, and fills it on request.

/** A browser lets the lock go whenever the page is hidden. */
export function keepScreenOn(): () => void {
  const hold = () => {
    if (!document.hidden) void navigator.wakeLock?.request("screen").catch(() => undefined);
  };
  hold();
  document.addEventListener("visibilitychange", hold);
  return () => document.removeEventListener("visibilitychange", hold);
}

export function toggleFullScreen(): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen?.().catch(() => undefined);
}
