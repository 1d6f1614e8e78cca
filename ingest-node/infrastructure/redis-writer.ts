import type { RedisConnection, RedisReply } from '../../shared/stream/redis/redis-connection.ts';
import {
  entryId,
  FENCE_KEY,
  HISTORY_KEY,
  positionOfEntry,
  readSnapshotHead,
  SNAPSHOT_HEAD_FIELDS,
  SNAPSHOT_KEY,
  wholeNumber,
} from '../../shared/stream/redis/redis-layout.ts';
import type { Position } from '../../shared/wire/position.ts';
import { FencedError, type PathTail } from './infrastructure-service.ts';
import type { PathAnswer, PathSnapshot, PathUnit, PathWriter } from './path-publisher.ts';
import { APPEND_SCRIPT, BEAT_SCRIPT, FENCE_SCRIPT, SNAPSHOT_SCRIPT } from './redis-scripts.ts';

/** The writing half of the stream in a Redis: each step one script. */
export class RedisWriter implements PathWriter {
  readonly #connection: RedisConnection;
  readonly #onFault: (fault: string) => void;

  /** @param onFault told what was found where something of ours should be */
  constructor(connection: RedisConnection, onFault: (fault: string) => void) {
    this.#connection = connection;
    this.#onFault = onFault;
  }

  async fence(writer: number): Promise<PathTail> {
    const { detail } = await this.#run(FENCE_SCRIPT, writer);
    const head = readSnapshotHead(await this.#snapshotHead());
    return {
      writer,
      position: positionOfEntry(detail),
      lineage: head === null || head === 'garbage' ? [] : head.lineage,
    };
  }

  append(unit: PathUnit): Promise<PathAnswer> {
    const { writer, after, position, messages, forget } = unit;
    return this.#run(
      APPEND_SCRIPT,
      writer,
      idOf(after),
      entryId(position),
      entryId({ epoch: forget.epoch, offset: forget.offset + 1 }),
      unit.forgetsSnapshot ? 1 : 0,
      unit.replaces ? 1 : 0,
      unit.isRepeated ? 1 : 0,
      ...messages,
    );
  }

  beat(writer: number, after: Position | null, message: string): Promise<PathAnswer> {
    return this.#run(BEAT_SCRIPT, writer, idOf(after), message);
  }

  async writeSnapshot({ writer, position, lineage, messages }: PathSnapshot): Promise<void> {
    const { epoch, offset } = position;
    await this.#run(SNAPSHOT_SCRIPT, writer, epoch, offset, JSON.stringify(lineage), ...messages);
  }

  /** What lies there, without raising or repairing anything. */
  async tail(): Promise<PathTail> {
    const [fence, newest, headReply] = await Promise.all([
      this.#connection.command('GET', FENCE_KEY),
      this.#connection.command('XREVRANGE', HISTORY_KEY, '+', '-', 'COUNT', 1),
      this.#snapshotHead(),
    ]);
    const [id, fields] = list(list(newest)[0]);
    const position = positionOfEntry(id);
    const head = readSnapshotHead(headReply);
    const isHead = head !== null && head !== 'garbage';
    const writers = [wholeNumber(fence), wholeNumber(list(fields)[1]), isHead ? head.position.epoch : null];
    return {
      writer: Math.max(0, ...writers.map(writer => writer ?? 0)),
      position,
      lineage: isHead ? head.lineage : [],
    };
  }

  async #snapshotHead(): Promise<readonly RedisReply[]> {
    return list(await this.#connection.command('HMGET', SNAPSHOT_KEY, ...SNAPSHOT_HEAD_FIELDS));
  }

  async #run(
    script: string,
    writer: number,
    ...words: readonly (string | number)[]
  ): Promise<PathAnswer & { readonly detail: RedisReply | undefined }> {
    const keys = [FENCE_KEY, HISTORY_KEY, SNAPSHOT_KEY];
    const reply = await this.#connection.command('EVAL', script, keys.length, ...keys, writer, ...words);
    const [verdict, detail, lacksSnapshot, ...repaired] = list(reply);
    for (const fault of repaired) this.#onFault(`${fault}; replaced`);
    if (verdict === 'fenced') throw new FencedError('redis', wholeNumber(detail) ?? writer + 1);
    return { hasMoved: verdict === 'moved', lacksSnapshot: lacksSnapshot === 1, detail };
  }
}

function list(reply: RedisReply | undefined): readonly RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

function idOf(position: Position | null): string {
  return position === null ? '' : entryId(position);
}
