import { describe, expect, test } from 'vitest';
import { CLOSE_CODES } from '../../shared/wire/close-codes.ts';
import { EdgeModel, expectedTrades } from './testing/edge-model.ts';

async function following(cut: 'full' | 'lite' = 'full') {
  const model = new EdgeModel();
  model.node.stream.seal(40);
  const browser = model.browser(cut);
  browser.connect();
  await model.pass(300);
  return { model, browser, stream: model.node.stream };
}

/** A browser whose socket has just been found too full. */
async function slow() {
  const model = new EdgeModel();
  model.backlog = 0;
  model.node.stream.seal(40);
  const browser = model.browser();
  browser.connect();
  await model.pass(300);
  browser.socket!.backlog = 5 * 1024 * 1024;
  model.node.stream.seal(8);
  await model.pass(100);
  return { model, browser };
}

describe('coming and following', () => {
  test('[SNP1] a newcomer is greeted, told the status, given a snapshot, and then every batch', async () => {
    const { model, browser, stream } = await following();
    expect(browser.kinds.slice(0, 3)).toEqual(['hello', 'status', 'snapshot']);
    stream.seal(10);
    await model.pass(100);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.state.events().length).toBe(stream.log.latest.events().length);
    expect(browser.texts.find(text => text.includes('"snapshot"'))).toContain('"reason":"initial","recovered":true');
  });

  test('[SNP1] the second newcomer is served from the shard, at a batch boundary, and misses nothing', async () => {
    const { model, stream } = await following();
    stream.seal(10);
    await model.pass(100);
    const second = model.browser();
    second.connect();
    stream.seal(10);
    await model.pass(600);
    expect(second.position).toEqual(stream.log.position);
    expect(second.holes).toBe(0);
  });

  test('[CNF1] what is sealed within one pace travels as one merged batch', async () => {
    const { model, browser, stream } = await following();
    const before = browser.texts.length;
    for (let count = 0; count < 10; count++) stream.seal(8);
    await model.pass(100);
    const batches = browser.texts.slice(before).filter(text => text.includes('"events":[{'));
    expect(batches).toHaveLength(1);
    expect(browser.trades).toHaveLength(20);
  });

  test('[CUT1] lite leaves out order books and keeps the same offsets', async () => {
    const { model, browser, stream } = await following('lite');
    stream.seal(40);
    await model.pass(100);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.texts.some(text => text.includes('orderBook'))).toBe(false);
  });

  test('[HB1] a heartbeat is passed on when one came and nothing else was sent, and never invented', async () => {
    const { model, browser, stream } = await following();
    const count = () => browser.kinds.filter(kind => kind === 'heartbeat').length;
    const before = count();
    await model.settle();
    model.clock.advance(400);
    await model.settle();
    expect(count()).toBe(before);
    model.node.beat();
    model.clock.advance(100);
    await model.settle();
    expect(count()).toBe(before + 1);
    model.node.beat();
    stream.seal(4);
    model.clock.advance(100);
    await model.settle();
    expect(count()).toBe(before + 1);
  });

  test('one encoding serves everybody: two browsers of a cut receive the very same texts', async () => {
    const { model, browser, stream } = await following();
    const other = model.browser();
    other.connect();
    await model.pass(600);
    const seen = [browser.texts.length, other.texts.length] as const;
    for (let round = 0; round < 5; round++) {
      stream.seal(6);
      await model.pass(100);
    }
    expect(browser.texts.slice(seen[0])).toEqual(other.texts.slice(seen[1]));
  });
});

describe('coming back', () => {
  test('[RES1] who presents a position in history receives exactly what follows it, and no snapshot', async () => {
    const { model, browser, stream } = await following();
    const trades = browser.trades.length;
    browser.leave();
    stream.seal(40);
    await model.pass(400);
    browser.connect();
    await model.pass(100);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.trades.slice(trades)).toEqual(expectedTrades(80, 40));
    expect(browser.kinds.filter(kind => kind === 'snapshot')).toHaveLength(1);
  });

  test('[RES1] who is ahead of the shard is sent what comes and trims it', async () => {
    const { model, stream } = await following();
    const ahead = model.browser();
    const { epoch, offset } = stream.log.position;
    ahead.receiver.receive({
      type: 'snapshot',
      epoch,
      offset: offset + 6,
      part: 1,
      parts: 1,
      reason: 'initial',
      recovered: true,
      lineage: [],
      events: [],
    });
    ahead.connect();
    await model.settle();
    stream.seal(10);
    await model.pass(100);
    expect(ahead.position).toEqual(stream.log.position);
    expect(ahead.trades).toEqual(expectedTrades(50, 46));
    expect(ahead.holes).toBe(0);
  });

  test('[GAP1] what neither shard nor hub remembers is read from a node', async () => {
    const { model, browser, stream } = await following();
    browser.leave();
    await model.pass(31_000);
    expect(model.node.readers).toBe(0);
    stream.seal(40);
    browser.connect();
    await model.pass(300);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.lost).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(80, 40));
  });

  test('[GAP1] what nobody remembers is declared by a snapshot that says so', async () => {
    const { model } = await following();
    const stranger = model.browser();
    stranger.connect({ epoch: 7, offset: 7 });
    await model.pass(600);
    expect(stranger.lost).toBe(1);
    expect(stranger.texts.find(text => text.includes('"snapshot"'))).toContain('"reason":"lost","recovered":false');
  });

  test('[GAP1] while no node can be asked nothing is declared lost: the browser waits, and is told that we live', async () => {
    const { model, browser, stream } = await following();
    browser.leave();
    await model.pass(31_000);
    stream.seal(40);
    model.node.isUp = false;
    browser.connect();
    await model.pass(3_000);
    expect(browser.lost).toBe(0);
    expect(model.clock.monotonic() - browser.lastHeardAt).toBeLessThan(1_500);
    model.node.isUp = true;
    await model.pass(12_000);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.lost).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(80, 40));
  });
});

describe('epochs', () => {
  test('[EPO1] a takeover at the end of the old epoch continues without a snapshot', async () => {
    const { model, browser, stream } = await following();
    stream.seal(8);
    stream.takeOver();
    stream.seal(8);
    await model.pass(200);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.holes).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(56, 40));
  });

  test('[EPO1] who saw what no successor knows receives a snapshot marked diverged', async () => {
    const { model, browser, stream } = await following();
    stream.takeOver();
    stream.seal(8);
    await model.pass(100);
    const other = model.browser();
    other.receiver.receive({
      type: 'snapshot',
      epoch: 1_000,
      offset: 9_999,
      part: 1,
      parts: 1,
      reason: 'initial',
      recovered: true,
      lineage: [],
      events: [],
    });
    other.connect();
    await model.pass(600);
    expect(other.diverged).toBe(1);
    expect(other.position).toEqual(browser.position);
    expect(other.holes).toBe(0);
  });
});

describe('losing memory', () => {
  test('[RES1] a shard that was evicted passes on the next batch in order and refills itself', async () => {
    const { model, browser, stream } = await following();
    for (let round = 0; round < 20; round++) {
      stream.seal(7);
      await model.pass(100);
      model.evictShard();
    }
    stream.seal(7);
    await model.pass(200);
    expect(browser.closes).toEqual([]);
    expect(browser.holes).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(40 + 147, 40));
    const newcomer = model.browser();
    newcomer.connect();
    const returning = model.browser();
    returning.connect({ epoch: 1_000, offset: 60 });
    await model.pass(600);
    expect(newcomer.position).toEqual(stream.log.position);
    expect(returning.lost).toBe(0);
  });

  test('[RES1] a browser that was half-served at the eviction is asked to come back', async () => {
    const { model } = await following();
    const returning = model.browser();
    returning.receiver.receive({
      type: 'snapshot',
      epoch: 1_000,
      offset: 20,
      part: 1,
      parts: 1,
      reason: 'initial',
      recovered: true,
      lineage: [],
      events: [],
    });
    returning.connect();
    model.evictShard();
    expect(returning.closes).toEqual([CLOSE_CODES.upstreamReset.code]);
    await model.pass(600);
    expect(returning.position).toEqual(model.node.stream.log.position);
    expect(returning.lost).toBe(0);
  });

  test('[GAP1] a frame that is missing on the relay is never passed over: the hub sends it again', async () => {
    const { model, browser, stream } = await following();
    stream.seal(8);
    model.clock.advance(100);
    expect(model.loseFrame('batch')).toBe(true);
    stream.seal(8);
    await model.pass(300);
    expect(browser.holes).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(56, 40));
  });

  test('[GAP1] a heartbeat beyond what the shard has shows the missing frame before anybody else sees it', async () => {
    const { model, browser, stream } = await following();
    stream.seal(8);
    model.clock.advance(100);
    expect(model.loseFrame('batch')).toBe(true);
    model.node.beat();
    await model.pass(300);
    expect(browser.holes).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(48, 40));
  });

  test('[RES1] when shard and hub both lost their memory, live browsers are asked to come back and resume', async () => {
    const { model, browser, stream } = await following();
    model.loseBoth();
    expect(browser.closes).toEqual([CLOSE_CODES.upstreamReset.code]);
    stream.seal(40);
    await model.pass(1_000);
    expect(browser.lost).toBe(0);
    expect(browser.holes).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(80, 40));
  });

  test('[RES1] a shard without memory whose relay then closes cannot say where its browsers stand, and asks them back', async () => {
    const { model, browser, stream } = await following();
    model.evictShard();
    model.killHub();
    stream.seal(40);
    expect(browser.closes).toEqual([CLOSE_CODES.upstreamReset.code]);
    await model.pass(1_000);
    expect(browser.trades).toEqual(expectedTrades(80, 40));
    expect(browser.lost).toBe(0);
  });

  test('[GAP1] a hub that died is replaced by one that goes on from where the shard stands', async () => {
    const { model, browser, stream } = await following();
    stream.seal(10);
    model.killHub();
    stream.seal(33);
    await model.pass(2_000);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.closes).toEqual([]);
    expect(browser.holes).toBe(0);
    expect(browser.lost).toBe(0);
    expect(browser.trades).toEqual(expectedTrades(83, 40));
  });

  test('[HB1] while the hub is away browsers are told seeking, never hear silence, and stay', async () => {
    const { model, browser, stream } = await following();
    model.killHub({ staysAway: true });
    for (let round = 0; round < 60; round++) {
      await model.pass(100);
      expect(model.clock.monotonic() - browser.lastHeardAt).toBeLessThan(1_500);
    }
    expect(browser.texts.at(-1)).toContain('"upstream":"seeking"');
    expect(browser.closes).toEqual([]);
    stream.seal(40);
    model.reviveHub();
    await model.pass(3_000);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.texts.findLast(text => text.includes('"status"'))).toContain('"upstream":"live"');
    expect(browser.trades).toEqual(expectedTrades(80, 40));
  });

  test('[HB1] a relay that died in silence is noticed by the next alarm and dialed anew', async () => {
    const { model, browser, stream } = await following();
    const { dials } = model;
    model.silenceRelay();
    stream.seal(20);
    await model.pass(4_500);
    expect(model.dials).toBe(dials + 1);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.holes).toBe(0);
  });

  test('[HB1] while the nodes are away the hub says seeking and no heartbeat is invented', async () => {
    const { model, browser, stream } = await following();
    model.node.isUp = false;
    model.node.drop();
    await model.pass(4_000);
    expect(browser.texts.at(-1)).toContain('"upstream":"seeking"');
    const heartbeats = browser.kinds.filter(kind => kind === 'heartbeat').length;
    await model.pass(2_000);
    expect(browser.kinds.filter(kind => kind === 'heartbeat')).toHaveLength(heartbeats);
    expect(model.clock.monotonic() - browser.lastHeardAt).toBeLessThan(1_500);
    model.node.isUp = true;
    stream.seal(5);
    await model.pass(12_000);
    expect(browser.position).toEqual(stream.log.position);
    expect(browser.closes).toEqual([]);
  });
});

describe('limits', () => {
  test('[SLO1] a slow browser is skipped, and goes on without a loss once it has drained', async () => {
    const { model, browser } = await slow();
    const heard = browser.texts.length;
    for (let round = 0; round < 5; round++) {
      model.node.stream.seal(8);
      await model.pass(100);
    }
    expect(browser.texts).toHaveLength(heard);
    browser.socket!.backlog = 0;
    await model.pass(500);
    expect(browser.position).toEqual(model.node.stream.log.position);
    expect(browser.trades).toEqual(expectedTrades(88, 40));
    expect(browser.holes + browser.lost).toBe(0);
  });

  test('[SLO1] a browser that is too slow again within a minute is closed', async () => {
    const { model, browser } = await slow();
    browser.socket!.backlog = 0;
    await model.pass(500);
    browser.socket!.backlog = 5 * 1024 * 1024;
    model.node.stream.seal(8);
    await model.pass(100);
    expect(browser.closes).toEqual([CLOSE_CODES.tooSlow.code]);
  });

  test('any message but a ping is counted and answered by closing', async () => {
    const { model, browser } = await following();
    model.shard.refuse(browser.socket!, 5);
    await model.settle();
    expect(browser.closes).toEqual([CLOSE_CODES.unexpectedMessage.code]);
    expect(model.hub.shards()[0]).toMatchObject({ sessions: 0, refused: 1 });
    const other = model.browser();
    other.connect();
    model.shard.refuse(other.socket!, 5_000);
    expect(other.closes).toEqual([CLOSE_CODES.messageTooLarge.code]);
  });

  test('a shard says when it is full, and the hub then opens another', async () => {
    const { model } = await following();
    for (let count = 0; count < 9; count++) model.browser().connect();
    await model.pass(600);
    expect(model.shard.isFull).toBe(true);
    expect(model.hub.place(null)).toBe('local-2');
    model.browsers[0]!.leave();
    await model.pass(600);
    expect(model.hub.place(null)).toBe('local-1');
  });

  test('while all is well a shard has no timer pending: nothing keeps it from being put to sleep', async () => {
    const { model, stream } = await following();
    stream.seal(4);
    await model.pass(600);
    model.killHub({ staysAway: true });
    const whileSeeking = model.clock.pending;
    model.reviveHub();
    await model.pass(3_000);
    expect(model.clock.pending).toBeLessThan(whileSeeking);
  });

  test('without viewers for 30 s the hub lets go of everything, and comes back for the next', async () => {
    const { model, browser } = await following();
    browser.leave();
    await model.pass(29_000);
    expect(model.node.readers).toBe(1);
    await model.pass(2_000);
    expect(model.node.readers).toBe(0);
    expect(model.hasRelay).toBe(false);
    expect(model.clock.pending).toBe(0);
    browser.connect(null);
    await model.pass(600);
    expect(browser.position).toEqual(model.node.stream.log.position);
  });
});
