import { describe, expect, it } from 'vitest';
import { stanzasOf } from './apt.ts';

const stanza = (suites: string): string => `Types: deb\nSuites: ${suites}\nComponents: main`;

describe('the sources of apt', () => {
  it('are those of the released suite, or all', () => {
    const all = [stanza('bookworm bookworm-updates'), stanza('bookworm-security')];
    expect(stanzasOf(all, 'main')).toEqual([stanza('bookworm')]);
    expect(stanzasOf(all, 'security')).toEqual(all);
  });
});
