/**
 * What we send to Binance to subscribe, and how its answers are read: each names the `id` of the message. An unknown
 * symbol is acknowledged and stays silent; a stream name that it cannot read refuses the whole message, and does not say
 * which one it is.
 */
import type { SubscriptionAnswers } from './exchange-adapter.ts';

/** @param id a plain whole number, unique on its socket */
export function subscribeMessage(streams: readonly string[], id: number): string {
  return JSON.stringify({ method: 'SUBSCRIBE', params: streams, id });
}

export const binanceSubscriptionAnswers: SubscriptionAnswers = {
  keyOf: message => String(read(message).id),
  topicsOf: message =>
    read(message).params.map(stream => {
      const [code = '', channel = ''] = stream.split('@', 2);
      return { nativeCode: code.toUpperCase(), channel };
    }),
  halvesOf: (message, part) => {
    const { params } = read(message);
    if (params.length < 2) return null;
    const middle = Math.ceil(params.length / 2);
    return [subscribeMessage(params.slice(0, middle), part), subscribeMessage(params.slice(middle), part + 1)];
  },
};

/** Ours, so there is nothing to doubt. */
function read(message: string): { readonly params: readonly string[]; readonly id: number } {
  return JSON.parse(message);
}
