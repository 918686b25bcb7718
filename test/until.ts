/** Waits for what must happen soon; throws when it does not. */
export async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
