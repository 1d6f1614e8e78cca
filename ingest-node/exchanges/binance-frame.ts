/**
 * The reader of Binance's frames and the keys whose values some event needs. All channels share them; a letter means
 * another thing in each.
 */
import { FrameReader, keySetOf } from '../conversion/frame-reader.ts';

const frame = new FrameReader();

const CONTROL_KEYS = frame.keys({ result: 'result', id: 'id', error: 'error', code: 'code', msg: 'msg' });

const KEYS = frame.keys({
  ...{ stream: 'stream', data: 'data' },
  ...{ e: 'e', E: 'E', s: 's', T: 'T', t: 't', p: 'p', q: 'q', m: 'm' },
  ...{ P: 'P', c: 'c', o: 'o', h: 'h', l: 'l', v: 'v', k: 'k', i: 'i', x: 'x' },
  ...{ u: 'u', U: 'U', b: 'b', B: 'B', a: 'a', A: 'A' },
  ...{ lastUpdateId: 'lastUpdateId', bids: 'bids', asks: 'asks' },
});

/** Market data names its instrument or a book. */
const ANY_DATA_KEY = keySetOf({ s: KEYS.s, lastUpdateId: KEYS.lastUpdateId });

/** To be taken apart where it is imported: local names are quicker than imported ones. */
export const binanceFrame = { frame, KEYS, CONTROL_KEYS, ANY_CONTROL_KEY: keySetOf(CONTROL_KEYS), ANY_DATA_KEY };
