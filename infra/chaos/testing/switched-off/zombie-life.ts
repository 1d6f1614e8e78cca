import { ManualClock } from '../../../../shared/base/testing/manual-clock.ts';
import { trade } from '../../../../shared/model/testing/market-events.ts';
import { ResilientSource } from '../../../../shared/stream/resilient-source.ts';
import { type Opening, ScriptedSource } from '../../../../shared/stream/testing/scripted-source.ts';
import { DeliveryRecorder } from '../../delivery-recorder.ts';
import { checkStream, type Violation } from '../../stream-checker.ts';
import type { SealedBatch } from '../../stream-reference.ts';

const sealed = (epoch: number, first: number, next: number): SealedBatch => {
  const events = Array.from({ length: next - first }, (_, index) => ({ ...trade(), offset: first + index }));
  return { epoch, first, next, events };
};

/** Epoch 5 ended at 4. A deposed leader went on to 5 without knowing that; nobody else has heard of it. */
const LINEAGE = [{ epoch: 5, end: 4 }];
const PUBLISHED = [sealed(5, 1, 3), sealed(5, 3, 4), sealed(5, 4, 5), sealed(7, 1, 3)];
const DEPOSED = [sealed(5, 5, 6)];

/**
 * A consumer on two paths: the first one is written by the new leader, who copies the old epoch forward; it breaks off, and
 * the second one still belongs to the old leader. What both know is history, whoever sends it; what only the old
 * leader knows must not reach somebody who has heard of the new one.
 */
export function liveWithZombie(): readonly Violation[] {
  const clock = new ManualClock();
  const [living, zombie] = [new ScriptedSource('living'), new ScriptedSource('zombie')];
  living.atOnce = opening => {
    if (living.openings.length === 1) {
      opening.hello(7, 2, LINEAGE);
      opening.snapshot(5, 2, 'initial', { lineage: [] });
      say(opening, PUBLISHED[1]!, 7);
      clock.setTimer(100, () => opening.end());
    } else if (zombie.openings.length === 0) opening.end();
    else catchUp(opening);
  };
  zombie.atOnce = opening => {
    opening.hello(5, 5, []);
    if (opening.request.position?.offset === 3) for (const batch of [PUBLISHED[2]!, ...DEPOSED]) say(opening, batch, 5);
    clock.setTimer(100, () => opening.end());
  };
  const recorder = new DeliveryRecorder(() => clock.monotonic());
  const consumer = new ResilientSource({
    sources: [living, zombie],
    clock,
    random: () => 0.5,
    onBatch: batch => recorder.batch(batch),
    onSnapshot: snapshot => recorder.snapshot(snapshot),
  });
  consumer.start();
  clock.advance(30_000);
  consumer.stop();
  const { violations, figures } = checkStream({
    reference: PUBLISHED,
    deposed: DEPOSED,
    deliveries: recorder.deliveries,
  });
  const { position } = figures;
  if (position?.epoch === 7 && position.offset === 2) return violations;
  return [
    ...violations,
    { rule: 'GAP1', delivery: recorder.deliveries.length, text: 'the new leader was never heard' },
  ];
}

function catchUp(opening: Opening): void {
  const { position } = opening.request;
  opening.hello(7, 2, LINEAGE);
  if (position?.epoch === 5 && position.offset > 4) {
    opening.snapshot(7, 0, 'diverged', { lineage: LINEAGE });
  } else if (position?.offset === 3) say(opening, PUBLISHED[2]!, 7);
  if (position?.epoch !== 7) opening.batch(7, 1, 3, { lineage: LINEAGE, events: PUBLISHED[3]!.events });
}

function say(opening: Opening, { epoch, first, next, events }: SealedBatch, writer: number): void {
  opening.batch(epoch, first, next, { writer, events });
}
