import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EqualTrades } from './equal-trades.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`equal trades are drawn with FUZZ_SEED=${seed}`);

/** Few, and some that differ only beyond 32 bits. */
const digests = fc
  .tuple(fc.nat({ max: 2 ** 21 - 1 }), fc.nat({ max: 12 }))
  .map(([high, low]) => (high % 4) * 2 ** 51 + (high % 3) * 2 ** 32 + (low % 2) * 2 ** 31 + low);
const steps = fc.array(fc.record({ digest: digests, kind: fc.constantFrom('fetched', 'framed', 'seen') }), {
  maxLength: 200,
});

it('counts what was published and what of it no frame has brought, as plain counting does', () => {
  fc.assert(
    fc.property(steps, list => {
      const equals = new EqualTrades();
      const reference = new Map<number, { published: number; unseen: number }>();
      for (const { digest, kind } of list) {
        const counts = reference.get(digest) ?? { published: 0, unseen: 0 };
        if (kind === 'seen') {
          expect(equals.see(digest)).toBe(counts.unseen > 0);
          counts.unseen = Math.max(0, counts.unseen - 1);
        } else {
          equals.publish(digest, kind === 'fetched');
          counts.published += 1;
          if (kind === 'fetched') counts.unseen += 1;
          reference.set(digest, counts);
        }
        expect(equals.size).toBe(reference.size);
      }
      const copy = new EqualTrades();
      equals.copyLast(5, copy);
      for (const [index, [digest, { published, unseen }]] of [...reference].entries()) {
        const isCopied = index >= reference.size - 5;
        expect(copy.has(digest)).toBe(isCopied);
        for (const set of isCopied ? [equals, copy] : [equals]) {
          expect(set.published(digest)).toBe(published);
          for (let left = unseen; left > 0; left -= 1) expect(set.see(digest)).toBe(true);
          expect(set.see(digest)).toBe(false);
        }
      }
    }),
    { seed },
  );
});

it('does not count beyond what it has room for, nor begin anew', () => {
  const equals = new EqualTrades();
  for (let count = 0; count < 70_000; count += 1) equals.publish(1, true);
  expect(equals.published(1)).toBe(65_535);
});
