import type { ServerCommand } from './server-command.ts';

/**
 * The story of the services: what development runs against is one {@link ManagedService} each, listed in
 * `registry.ts`. It says how its servers are configured, how to ask whether they work, and how programs are told of
 * them. An {@link Engine} (processes of this machine, or containers) brings the servers to life; `services.ts` does
 * what `up`, `down` and `status` mean, the same for all. A new service is one file and a line in the registry.
 */
export interface ManagedService {
  /** On the command line, in tables, and the name of its plan in the data folder. */
  readonly name: string;
  /** The variable that programs read its address from. When it is set, the server is somebody else's. */
  readonly variable: string;
  /** The first of its ports on this machine, and how many it takes from there. */
  readonly firstPort: number;
  readonly portCount: number;
  /** Its servers: folders of the data folder, and containers of `infra/docker/compose.yaml`. */
  readonly servers: readonly string[];
  /** What brings its programs on Debian. */
  readonly packages: readonly string[];

  /** Programs and files that this machine lacks to run it natively; nothing when it is installed. */
  missing(): string[];
  /** Brings what no package brings, with the programs of the packages. */
  readonly download?: Download;
  /** Writes the configuration of every process below the data folder and says how to run it. May be repeated. */
  prepare(dataFolder: string, plan: ServicePlan): Promise<readonly ServerCommand[]>;
  /** What {@link ManagedService.variable} shall hold for these servers. */
  address(plan: ServicePlan): string;
  /** What `compose.yaml` is told about them. */
  composeVariables(plan: ServicePlan): Readonly<Record<string, string>>;
  /**
   * One real round trip, as a program of ours would make it.
   * @param whole every server must work; otherwise it is enough that clients are served
   * @returns who answered, for people: a version, roles
   * @throws the reason why it cannot be used now
   */
  ask(address: string, timeoutMs: number, whole: boolean): Promise<string>;
}

/** How to get what Debian does not have. */
export interface Download {
  /** Programs that this machine lacks to download. */
  missing(): string[];
  /** @throws with the reason when it fails */
  run(): Promise<void>;
}

/** What differs from one data folder to another. It is kept there, readable for its owner alone. */
export interface ServicePlan {
  readonly ports: readonly number[];
  /** Generated, hexadecimal. */
  readonly password: string;
}

export type EngineName = 'native' | 'docker';

/** Brings servers to life and ends them. Whether they work is not its business: that is a round trip's. */
export interface Engine {
  readonly name: EngineName;
  /**
   * Starts the servers that do not run yet.
   * @returns the names of those it started; none when all of them ran
   * @throws when one cannot be started; those it has started are ended again
   */
  start(service: ManagedService, plan: ServicePlan): Promise<string[]>;
  /** Ends the servers, and is done when they are gone. @returns the names of those that ran */
  stop(service: ManagedService): Promise<string[]>;
  /** The names of its servers that run at this moment. */
  running(service: ManagedService): Promise<string[]>;
  /** The last lines of what the servers wrote, and where the rest is. */
  lastWords(service: ManagedService): Promise<string>;
}

/** A fault that is for the user to mend; its message is all there is to say. */
export class ServicesError extends Error {}
