/** Rates and frequencies as people write them: 250000, 250k, 2.4M, 98.5M. */

const SCALE: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 };

/** Hz, or null if it is not a positive number with an optional k, M or G (and an optional "Hz"). */
export function parseHz(text: string): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,9})?)\s?([kKMG]?)(?:Hz)?$/.exec(text.trim());
  if (match === null) return null;
  const hz = Number(match[1]) * SCALE[match[2]];
  // 98.1M is 98,100,000 and not what binary fractions make of it.
  const rounded = Math.round(hz * 1e6) / 1e6;
  return rounded > 0 ? rounded : null;
}

/** The shortest such text that `parseHz` reads as this, to the whole Hz. */
export function formatHz(hz: number): string {
  const whole = Math.round(hz);
  if (whole >= 1e6 && whole % 100 === 0) return `${whole / 1e6}M`;
  return whole >= 1e3 ? `${whole / 1e3}k` : `${whole}`;
}
