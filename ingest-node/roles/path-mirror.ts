import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { FollowedLog } from '../../shared/stream/followed-log.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { DEFAULT_SESSION_BOUNDS, type SessionBounds } from '../distribution/session.ts';
import { SessionRegistry } from '../distribution/session-registry.ts';

export type PathMirrorOptions = {
  /** Names this node in greetings. */
  readonly server: string;
  readonly source: StreamSource;
  readonly clock: Clock;
  /** Without a session for this long the path is no longer read. */
  readonly releaseAfterMs?: number;
  /** As those of `/ws/exchange`. */
  readonly bounds?: SessionBounds;
};

const LOOK_EVERY_MS = 1_000;

/**
 * The full stream as one infrastructure gives it back, for the clients of `/ws/redis` and the like: it stops when that
 * does, which is what they want to see. Read only while somebody asks for it.
 */
export class PathMirror {
  readonly sessions: SessionRegistry;
  readonly #options: Required<PathMirrorOptions>;
  readonly #followed: FollowedLog;
  #idleSince = 0;
  #cancelLook: CancelTimer = () => {};

  constructor(options: PathMirrorOptions) {
    this.#options = { releaseAfterMs: 30_000, bounds: DEFAULT_SESSION_BOUNDS, ...options };
    const { server, source, clock, bounds } = this.#options;
    const log = new StreamLog();
    this.sessions = new SessionRegistry({ server, log, clock, bounds });
    this.#followed = new FollowedLog({
      log,
      sources: [source],
      clock,
      onHeartbeat: () => this.sessions.heartbeat(),
      onTurn: ({ state }) => this.sessions.setUpstream(state),
    });
  }

  /** Somebody is about to read. */
  need(): void {
    this.#idleSince = this.#options.clock.monotonic();
    if (this.#followed.isFollowing) return;
    this.#followed.start();
    this.#look();
  }

  stop(): void {
    this.#cancelLook();
    this.#followed.stop();
    this.sessions.stop();
  }

  #look(): void {
    const { clock, releaseAfterMs } = this.#options;
    this.#cancelLook = clock.setTimer(LOOK_EVERY_MS, () => {
      const now = clock.monotonic();
      if (this.sessions.size > 0) this.#idleSince = now;
      if (now - this.#idleSince < releaseAfterMs) {
        this.#look();
        return;
      }
      this.#followed.stop('nobody reads it');
      this.sessions.setUpstream('seeking');
    });
  }
}
