import { describe, expect, it } from 'vitest';
import { travelWithKills } from './kills.ts';

describe('kill -9 at random moments, many seeds', () => {
  it.each(Array.from({ length: 30 }, (_, i) => 100 + i))('seed %i', async (seed) => {
    const journey = await travelWithKills(seed, 150_000);
    expect(journey.slotIsNew).toBe(true);
    expect(journey.confirmed).toMatchObject({ slot: 'B', version: journey.newVersion });
  });
});
