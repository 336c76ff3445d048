// How a viewer is told: a notification of the browser, and a sound.
import { Remembered } from "../browser/remembered";
import { describeFiring } from "./words";
import type { Firing } from "./engine";

export const sound = new Remembered<boolean>("alert-sound", (stored) => stored !== "off");

const TONES_HZ = [660, 880];
const TONE_S = 0.14;
const VOLUME = 0.15;

let context: AudioContext | null = null;

export function setSound(isOn: boolean): void {
  sound.set(isOn, isOn ? "on" : "off");
  if (isOn) ring();
}

/** "unavailable": the browser has no notifications here, as without TLS. */
export function notificationPermission(): NotificationPermission | "unavailable" {
  return "Notification" in window ? Notification.permission : "unavailable";
}

export async function askForNotifications(): Promise<void> {
  if (notificationPermission() === "default") await Notification.requestPermission();
}

export function signal(firing: Firing): void {
  if (sound.value) ring();
  if (notificationPermission() !== "granted") return;
  try {
    // One notification for a rule: a newer one replaces it.
    const shown = new Notification("Ratewire", { body: describeFiring(firing), tag: firing.rule.id, icon: "/icon-192.png" });
    shown.onclick = () => window.focus();
  } catch {
    // Phones show notifications of service workers only. The page and the sound tell the viewer.
  }
}

/** Silent until the viewer has touched the page: browsers demand that. */
function ring(): void {
  try {
    context ??= new AudioContext();
    void context.resume();
    const volume = context.createGain();
    volume.gain.value = VOLUME;
    volume.connect(context.destination);
    for (const [index, frequency] of TONES_HZ.entries()) {
      const tone = context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(volume);
      tone.start(context.currentTime + index * TONE_S);
      tone.stop(context.currentTime + (index + 1) * TONE_S);
    }
  } catch {
    // No audio device.
  }
}
