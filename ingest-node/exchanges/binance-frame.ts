/**
 * The reader of Binance's frames and the keys whose values some event needs. All channels share them; a letter means
 * another thing in each.
 */
import { FrameReader } from '../conversion/frame-reader.ts';

export const frame = new FrameReader();

export const KEYS = frame.keys({
  ...{ stream: 'stream', data: 'data' },
  ...{ result: 'result', id: 'id', error: 'error', code: 'code', msg: 'msg' },
  ...{ e: 'e', E: 'E', s: 's', T: 'T', t: 't', p: 'p', q: 'q', m: 'm' },
  ...{ P: 'P', c: 'c', o: 'o', h: 'h', l: 'l', v: 'v', k: 'k', i: 'i', x: 'x' },
  ...{ u: 'u', U: 'U', b: 'b', B: 'B', a: 'a', A: 'A' },
  ...{ lastUpdateId: 'lastUpdateId', bids: 'bids', asks: 'asks' },
});
