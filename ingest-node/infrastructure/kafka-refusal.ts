/** The broker was reached and said no; `type` is the protocol's name of it. Anything else that rejects is silence. */
export class KafkaRefusal extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.name = 'KafkaRefusal';
    this.type = type;
  }
}

/** The same error, with what was asked and who was. */
export function toldBy(error: Error, subject: string, broker: string): Error {
  const about = `${subject} at ${broker}: `;
  if (error.message.startsWith(about)) return error;
  const refusal = refusalOf(error);
  if (refusal !== null) return new KafkaRefusal(refusal.type, `${about}${refusal.type}, ${refusal.message}`);
  return new Error(`${about}${error.message.replace(/^(Connection error: )+/, '')}`, { cause: error });
}

/** Whether the broker went away before it answered, by what {@link toldBy} says. */
export function isLost({ cause }: Error): boolean {
  return cause instanceof Error && cause.name.startsWith('KafkaJSConnection');
}

export const TOPIC_ALREADY_EXISTS = 'TOPIC_ALREADY_EXISTS';
const TOO_LARGE = 'MESSAGE_TOO_LARGE';

/** What the broker said, when it was the broker; `null` when nobody did. */
export function refusalOf(error: unknown): KafkaRefusal | null {
  if (error instanceof KafkaRefusal) return error;
  // Of several topics: the worst that was said of one.
  const { errors } = error as { readonly errors?: readonly Error[] };
  if (errors !== undefined) {
    const refusals = errors.flatMap(each => refusalOf(each) ?? []);
    return refusals.find(({ type }) => type !== TOPIC_ALREADY_EXISTS) ?? refusals[0] ?? null;
  }
  const { type, message, name } = error as Error & { readonly type?: string };
  return type === undefined || name.startsWith('KafkaJSConnection') ? null : new KafkaRefusal(type, message);
}

/** The record batch is larger than its topic allows. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof KafkaRefusal && error.type === TOO_LARGE;
}

/** @param limit what the topic allows; `null`: not known */
export function tooLarge(topic: string, bytes: number, limit: number | null): KafkaRefusal {
  const allowed = limit === null ? '' : ` of ${limit}`;
  return new KafkaRefusal(TOO_LARGE, `${topic}: a record of ${bytes} bytes is larger than max.message.bytes${allowed}`);
}
