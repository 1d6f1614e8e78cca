/** Errors of Upbit and Bithumb sockets, in their words (https://docs.upbit.com/kr/reference/websocket-guide). */
export type KoreanError = { name: string; message: string };

export const KOREAN_ERRORS = {
  WRONG_FORMAT: 'Format 이 맞지 않습니다.',
  NO_TICKET: '티켓이 존재하지 않거나, 유효하지 않습니다.',
  NO_TYPE: 'type 필드가 존재하지 않습니다.',
  NO_CODES: 'codes 필드가 존재하지 않습니다.',
  INVALID_PARAM: 'codes 필드가 비어 있습니다.',
  INVALID_AUTH: '인증 정보가 올바르지 않습니다.',
  TOO_MANY_REQUEST: '요청 수 제한을 초과했습니다.',
} as const;
export type KoreanErrorName = keyof typeof KOREAN_ERRORS;

export const KOREAN_FORMATS = ['DEFAULT', 'SIMPLE', 'JSON_LIST', 'SIMPLE_LIST'] as const;
export type KoreanFormat = (typeof KOREAN_FORMATS)[number];

/** What tells Upbit's and Bithumb's reading of one request apart. */
export type RequestGrammar = {
  types: ReadonlySet<string>;
  formats: readonly KoreanFormat[];
  /** Names of the flags; the other exchange's spelling is not read. */
  onlySnapshot: string;
  onlyRealtime: string;
  /** The error for a part with codes but without a type. */
  missingType: KoreanErrorName;
  /** What an unusual `level` does: `silent` gives no data, `error` answers WRONG_FORMAT. */
  oddLevel: 'silent' | 'error';
  plainLevels: readonly number[];
  hasList: boolean;
};

export type RequestedPart = {
  type: string;
  codes: string[];
  onlySnapshot: boolean;
  onlyRealtime: boolean;
  /** False when the level asked for is one that yields no data. */
  hasData: boolean;
};

export type KoreanRequest =
  | { kind: 'ping' }
  | { kind: 'error'; error: KoreanError }
  | { kind: 'list'; ticket: string; format: KoreanFormat }
  | { kind: 'subscribe'; parts: RequestedPart[]; format: KoreanFormat };

export function koreanError(name: KoreanErrorName, message: string = KOREAN_ERRORS[name]): KoreanError {
  return { name, message };
}

/** Read one client message. */
export function readKoreanRequest(text: string, grammar: RequestGrammar): KoreanRequest {
  if (text === 'PING') return { kind: 'ping' };
  try {
    return readArray(JSON.parse(text), grammar);
  } catch (error) {
    if (error instanceof RequestFault) return { kind: 'error', error: error.error };
    return { kind: 'error', error: koreanError('WRONG_FORMAT') };
  }
}

class RequestFault extends Error {
  readonly error: KoreanError;

  constructor(name: KoreanErrorName, message?: string) {
    super(name);
    this.error = koreanError(name, message);
  }
}

function readArray(body: unknown, grammar: RequestGrammar): KoreanRequest {
  if (!Array.isArray(body)) throw new RequestFault('WRONG_FORMAT');
  const parts: RequestedPart[] = [];
  let ticket = '';
  let format: KoreanFormat = 'DEFAULT';
  let isList = false;
  for (const entry of body) {
    if (!isRecord(entry)) throw new RequestFault('WRONG_FORMAT');
    if (typeof entry['ticket'] === 'string') ticket = entry['ticket'];
    if ('format' in entry) format = grammar.formats.find(known => known === entry['format']) ?? 'DEFAULT';
    if (entry['method'] === 'LIST_SUBSCRIPTIONS' && grammar.hasList) isList = true;
    else if ('type' in entry) parts.push(readPart(entry, grammar));
    else if ('codes' in entry) throw new RequestFault(grammar.missingType);
  }
  if (ticket === '') throw new RequestFault('NO_TICKET');
  if (isList) return { kind: 'list', ticket, format };
  if (parts.length === 0) throw new RequestFault(grammar.missingType);
  return { kind: 'subscribe', parts, format };
}

function readPart(entry: Record<string, unknown>, grammar: RequestGrammar): RequestedPart {
  const type = String(entry['type']);
  if (!grammar.types.has(type)) throw new RequestFault('INVALID_PARAM', `${type} 은 지원하지 않는 타입입니다.`);
  const codes = entry['codes'];
  if (codes === undefined || codes === null) throw new RequestFault('NO_CODES');
  if (!Array.isArray(codes)) throw new RequestFault('WRONG_FORMAT');
  if (codes.length === 0) throw new RequestFault('INVALID_PARAM');
  const level = entry['level'];
  const isPlain = level === undefined || grammar.plainLevels.some(known => known === level);
  if (!isPlain && grammar.oddLevel === 'error') throw new RequestFault('WRONG_FORMAT');
  return {
    type,
    codes: codes.map(String),
    onlySnapshot: entry[grammar.onlySnapshot] === true,
    onlyRealtime: entry[grammar.onlyRealtime] === true,
    hasData: isPlain,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
