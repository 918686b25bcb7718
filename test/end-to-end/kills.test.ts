import { describe, expect, it } from 'vitest';
import { travelWithKills } from './kills.ts';

describe('kill -9 of backend, gateway and receiver at random moments', () => {
  it.each([1, 2])('loses nothing: the update arrives and is confirmed (seed %i)', async (seed) => {
    const journey = await travelWithKills(seed, 100_000);
    expect(journey.kills.length).toBeGreaterThan(0);
    expect(journey.slotIsNew).toBe(true);
    expect(journey.confirmed).toMatchObject({ slot: 'B', version: journey.newVersion });
  });
});
