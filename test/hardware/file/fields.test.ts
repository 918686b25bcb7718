import { describe, expect, it } from 'vitest';
import { Fields } from '#hardware/file/fields.ts';

const LIMITS = { from: 1, to: 10 };

/** What is wrong when `read` takes its fields off `value`. */
function faultOf(value: unknown, read: (fields: Fields) => unknown = () => undefined): string {
  try {
    const fields = new Fields(value);
    read(fields);
    fields.end();
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return '';
}

describe('fields', () => {
  it('are read with their fallbacks', () => {
    const fields = new Fields({ a: 'x', n: 5, w: 3, f: true, c: 'red', two: 4, l: [1], o: { p: '1f' }, m: [{ q: 1 }] });
    expect([fields.text('a'), fields.text('none', 'y')]).toEqual(['x', 'y']);
    expect([fields.number('n', LIMITS), fields.number('none', { ...LIMITS, fallback: 2 })]).toEqual([5, 2]);
    expect([fields.whole('w', LIMITS), fields.flag('f', false), fields.flag('none', true)]).toEqual([3, true, true]);
    expect([fields.choice('c', ['red', 'blue']), fields.choice('two', [1, 4])]).toEqual(['red', 4]);
    expect(fields.list('l', { least: 1 })).toEqual([1]);
    expect(fields.object('o').parsed('p', 'hex', (text) => Number.parseInt(text, 16))).toBe(31);
    expect(fields.objects('m').map((one) => one.whole('q', LIMITS))).toEqual([1]);
    expect([fields.has('a'), fields.has('none'), fields.names().length]).toEqual([true, false, 9]);
    expect(() => fields.end()).not.toThrow();
  });

  it.each<[string, unknown, (fields: Fields) => unknown]>([
    ['The file must be an object; it is [].', [], () => undefined],
    ['The file must be an object; it is null.', null, () => undefined],
    ['a must be a text; it is missing.', {}, (fields) => fields.text('a')],
    ['a must be a text; it is "".', { a: '' }, (fields) => fields.text('a', 'x')],
    ['a must be a text; it is null.', { a: null }, (fields) => fields.text('a', 'x')],
    ['a must be true or false; it is 1.', { a: 1 }, (fields) => fields.flag('a', true)],
    ['a must be a number from 1 to 10; it is 11.', { a: 11 }, (fields) => fields.number('a', LIMITS)],
    ['a must be a number from 1 to 10; it is "5".', { a: '5' }, (fields) => fields.number('a', LIMITS)],
    ['a must be a number from 1 to 10; it is 0.', { a: 0 }, (fields) => fields.whole('a', LIMITS)],
    ['a must be a whole number from 1 to 10; it is 2.5.', { a: 2.5 }, (fields) => fields.whole('a', LIMITS)],
    ['a must be one of 1, 4; it is 3.', { a: 3 }, (fields) => fields.choice('a', [1, 4])],
    ['a must be a list; it is {}.', { a: {} }, (fields) => fields.list('a')],
    ['a must be a list with 1 or more entries; it is [].', { a: [] }, (fields) => fields.list('a', { least: 1 })],
    ['a must be hex; it is 5.', { a: 5 }, (fields) => fields.parsed('a', 'hex', (text) => text)],
    [
      'a.b[1].c must be a text; it is 1.',
      { a: { b: [{ c: '' }, { c: 1 }] } },
      (fields) => {
        const [, second] = fields.object('a').objects('b');
        second.text('c');
      },
    ],
    ['b is not known here; known are a.', { a: 'x', b: 1 }, (fields) => fields.text('a')],
    ['__proto__ is not known here; known are .', JSON.parse('{"__proto__":1}'), () => undefined],
  ])('say what is wrong: %s', (says, value, read) => {
    expect(faultOf(value, read)).toBe(says);
  });

  it('throw the error of the program', () => {
    const fields = new Fields({ a: {} }, 'top', (message) => new RangeError(`here: ${message}`));
    expect(() => fields.object('a').text('b')).toThrow(new RangeError('here: top.a.b must be a text; it is missing.'));
  });
});
