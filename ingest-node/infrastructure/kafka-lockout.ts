/**
 * The broker was reached, and does not take us as we come, or we do not take it: a password, a certificate, no TLS where
 * there should be some. Somebody has to change a setting, so asking again at once does not help.
 */
export class KafkaLockout extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'KafkaLockout';
  }
}

const WANTS_TLS = 'KAFKA_WANTS_TLS';
/** Node's and OpenSSL's codes of a certificate that is not trusted, and of a TLS that does not come about. */
const TLS_FAILED = /CERT|^UNABLE_TO_|^HOSTNAME_MISMATCH$|^ERR_(SSL|TLS)_|^EPROTO$/;
const SASL_TYPES = new Set(['UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE', 'SASL_AUTHENTICATION_FAILED']);

/** For a socket that is to be ended because a broker has answered in TLS. */
export function wantsTls(): Error {
  return Object.assign(new Error('it speaks TLS, and we do not (KAFKA_TLS)'), { code: WANTS_TLS });
}

/** What is wrong with how we come; `null` when making the connection failed for another reason. */
export function lockoutOf(error: unknown): KafkaLockout | null {
  const { name, message, code, type } = error as Error & { readonly code?: unknown; readonly type?: string };
  const words = message.replace(/^Connection error: /, '');
  if (code === WANTS_TLS) return new KafkaLockout(words, error);
  if (name === 'KafkaJSSASLAuthenticationError') return new KafkaLockout(words, error);
  if (type !== undefined && SASL_TYPES.has(type))
    return new KafkaLockout(`${type}: ${words} (KAFKA_SASL_MECHANISM)`, error);
  if (typeof code === 'string' && TLS_FAILED.test(code))
    return new KafkaLockout(`TLS: ${words} (KAFKA_CA_FILE)`, error);
  return null;
}
