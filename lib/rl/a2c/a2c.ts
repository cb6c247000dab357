/** Synchronous advantage actor-critic: rollouts of an agent on its frozen memory, one update after each. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkInteger, checkOptions, checkSignal, checkString, fail, words } from '../../check.js';
import { rateAt } from '../../optim/schedule.js';
import type { DType, TypedArrayOf } from '../../tensor/dtype.js';
import { Rng } from '../../tensor/rng.js';
import { scope } from '../../tensor/scope.js';
import { memory } from '../../tensor/tensor.js';
import { queueReads } from '../../tensor/transfers.js';
import type { Sink } from '../../train/checkpoint.js';
import type { FitResult, StepEvent, Training } from '../../train/events.js';
import { Fit } from '../../train/fit.js';
import { locateNonFinite } from '../../train/guard.js';
import { claim, Turns } from '../../train/turns.js';
import { emptyRecord, restoreListeners, type RunRecord } from '../../train/record.js';
import { checkFitOptions, type FitOptions } from '../../train/trainer-setup.js';
import { checkA2C, type A2CSetup, type ResolvedA2C } from './a2c-setup.js';
import { loadA2C, saveA2C } from './a2c-file.js';
import { a2cLoss } from './a2c-loss.js';
import { advantages } from './advantages.js';
import { dispose } from './judge.js';
import { EpisodeLog } from './episode-log.js';
import { Actor, type Rollout } from './rollout.js';
import { agentPolicy } from './agent-policy.js';
import { play } from '../play.js';

/**
 * One update. `reward` and the environment's measures (`coverage`, …) are means over the latest episodes that ended, as many as
 * run side by side, and absent before the first one has ended.
 */
export type A2CEvent = StepEvent & {
  readonly policyLoss: number;
  /** Mean squared error of the value, in scaled rewards. */
  readonly valueLoss: number;
  /** Of the policy, in nats; ln A when it is undecided. */
  readonly entropy: number;
  readonly reward?: number;
} & Readonly<Record<string, number>>;

const refuseHeldOut = (where: string): never =>
  fail(
    'ERR_MG_ARGUMENT',
    where,
    'an environment with heldOut, which makes episodes that training never draws',
    words('one without it'),
  );

/** Distance between the seeds of training and held-out episodes. */
const HELD_OUT = 0x5eed_0001;

/**
 * Trains an agent in an environment: T steps of E episodes, generalized advantages, one update, and again. A step is one action
 * of one episode: an update counts T·E. Equal setups give equal bits, whatever the number of threads, and a run that was saved
 * and resumed is bit for bit the run that was not. Source: Mnih et al. 2016, with all episodes in step; Schulman et al. 2016.
 */
export class A2C implements Training {
  readonly setup: ResolvedA2C;
  readonly #draws: Rng;
  #record: RunRecord = emptyRecord();
  readonly #episodes: EpisodeLog;
  readonly #turns = new Turns();
  #actor: Actor;
  #step = 0;
  #update = 0;

  constructor(setup: A2CSetup) {
    this.setup = checkA2C(setup);
    const { agent, env, seed } = this.setup;
    this.#draws = new Rng(seed).split('actions');
    this.#episodes = new EpisodeLog(env);
    this.#actor = new Actor(agent, env);
  }

  /** Steps done, over all episodes. */
  get step(): number {
    return this.#step;
  }
  /** Optimizer updates done. */
  get update(): number {
    return this.#update;
  }

  get config(): unknown {
    return this.setup.config;
  }

  /** Trains until `steps` steps have been done in all. Saves, validates and calls back on the way; the best step is by reward. */
  async fit(options: FitOptions): Promise<FitResult> {
    checkFitOptions(options);
    const { env, callbacks } = this.setup;
    if (options.validate !== undefined && env.heldOut === undefined) refuseHeldOut('fit, validate');
    using _ = this.#claim('fit');
    const save = (sink: Sink): Promise<void> => saveA2C(this.#parts(), sink);
    const updates = this.#updates.bind(this);
    const judged = { headline: 'reward', better: { reward: 'higher' } } as const;
    return await new Fit<A2C>(this, options, { callbacks, ...judged, record: this.#record, save, updates }).run();
  }

  /**
   * The same loop, pulled by the caller: one event per update. Ends at `steps`, or after the update during which `signal`
   * aborts.
   */
  async *run(options: { steps: number; signal?: AbortSignal }): AsyncGenerator<A2CEvent> {
    checkOptions('run', options, ['steps', 'signal']);
    const { steps, signal } = options;
    checkInteger('run', 'steps', steps, 0);
    checkSignal('run', signal);
    using _ = this.#claim('run');
    yield* this.#updates({ steps, ...(signal === undefined ? {} : { signal }) });
  }

  async *#updates({ steps, signal }: { steps: number; signal?: AbortSignal }): AsyncGenerator<A2CEvent> {
    const started = performance.now();
    const startStep = this.#step;
    let workedMs = 0; // without what the caller does between events
    while (this.#step < steps && signal?.aborted !== true) {
      const began = performance.now();
      const numbers = await this.#turns.take(() => this.#advance());
      const now = performance.now();
      workedMs += now - began;
      yield {
        step: this.#step,
        update: this.#update,
        ...numbers,
        ...this.#episodes.means(),
        elapsedMs: now - started,
        stepsPerSecond: ((this.#step - startStep) / workedMs) * 1000,
        memoryBytes: memory().bytes,
      } as A2CEvent;
      await nextTurn();
    }
  }

  /**
   * Plays `items` episodes of the environment's held-out kind to their ends. `reward` and the environment's measures, means over
   * episodes; `greedy`: the likeliest actions instead of drawn ones. While the agent is trained, its next update waits.
   * ERR_MG_ARGUMENT for an environment without `heldOut`.
   */
  async evaluate(
    options: { items: number; seed?: number; greedy?: boolean; signal?: AbortSignal },
  ): Promise<Record<string, number>> {
    checkOptions('evaluate', options, ['items', 'seed', 'greedy', 'signal']);
    const items = checkInteger('evaluate', 'items', options.items, 1);
    const { env, agent } = this.setup;
    const seed = checkInteger('evaluate', 'seed', options.seed ?? (this.setup.seed + HELD_OUT) % Number.MAX_SAFE_INTEGER, 0);
    const heldOut = env.heldOut?.({ episodes: items, seed }) ?? refuseHeldOut('evaluate');
    const { signal, greedy = false } = options;
    checkSignal('evaluate', signal);
    return await this.#turns.take(async () => {
      using policy = agentPolicy(agent, { seed, greedy });
      return await play({ env: heldOut, policy, ...(signal === undefined ? {} : { signal }) });
    });
  }

  /** Writes policy, optimizer, memory and where everything stands crash-safely to one safetensors file. */
  async save(file: string): Promise<void> {
    checkString('A2C.save', 'file', file);
    await this.#turns.take(() => saveA2C(this.#parts(), file));
  }

  /** A run that goes on where `file` was saved, bit for bit. The setup must be that of the saved run. */
  static async resume(file: string, setup: A2CSetup): Promise<A2C> {
    checkString('A2C.resume', 'file', file);
    const run = new A2C(setup);
    const { state, step, update, record } = await loadA2C(run.#parts(), file);
    run.#actor.dispose();
    run.#actor = new Actor(run.setup.agent, run.setup.env, state);
    run.#step = step;
    run.#update = update;
    run.#record = record;
    restoreListeners(record, run.setup.callbacks);
    return run;
  }

  /** Frees the state of the memory. Agent, optimizer and environment belong to the caller. */
  dispose(): void {
    this.#actor.dispose();
  }

  #parts() {
    const at = { step: this.#step, update: this.#update, record: this.#record };
    return { setup: this.setup, episodes: this.#episodes, state: this.#actor.state, ...at };
  }

  #claim(where: string): Disposable {
    const { agent, optimizer, env } = this.setup;
    return claim(where, { agent, optimizer, env });
  }

  /** A rollout and an update. What fails on the way, and numbers that are not finite, leave everything where it stood before. */
  async #advance(): Promise<Record<string, number>> {
    const { env } = this.setup;
    const [world, episodes, state] = [env.save(), this.#episodes.save(), this.#actor.kept()];
    try {
      const numbers = await this.#learn(await this.#play());
      state.dispose();
      return numbers;
    } catch (error) {
      env.restore(world);
      this.#episodes.restore(episodes);
      this.#actor.goBack(state);
      throw error;
    }
  }

  async #play(): Promise<Rollout> {
    const { rollout: steps, rewardScale, env } = this.setup;
    return await this.#actor.play({
      steps,
      draws: this.#draws,
      first: this.#step / env.episodes,
      rewardScale,
      onStep: (reward, ended) => this.#episodes.add(reward, ended),
    });
  }

  /** One update. Frees the rollout. The optimizer has left everything alone where a number was not finite. */
  async #learn(rollout: Rollout): Promise<Record<string, number>> {
    const { optimizer } = this.setup;
    const taken = rollout.actions.length;
    try {
      const { reads, lr } = this.#queueUpdate(rollout);
      try {
        const [loss, norm, made, policyLoss, valueLoss, entropy] = (await reads).map(([value]) => value!);
        if (!Number.isFinite(loss) || !Number.isFinite(made)) await this.#refuse(loss!, norm!);
        this.#step += taken;
        this.#update += 1;
        return { loss: loss!, lr, gradNorm: norm!, policyLoss: policyLoss!, valueLoss: valueLoss!, entropy: entropy! };
      } catch (error) {
        optimizer.uncount(taken);
        throw error;
      }
    } finally {
      dispose(rollout);
    }
  }

  /** ERR_MG_NON_FINITE with the first tensor that is not finite, causes before effects. */
  async #refuse(loss: number, norm: number): Promise<never> {
    const { agent, optimizer } = this.setup;
    const parts = { parameters: agent.namedParameters(), optimizer: optimizer.stateDict(), state: this.#actor.state.toTensors() };
    const where = await locateNonFinite({ window: null, ...parts, loss, norm, gradients: [] });
    return fail('ERR_MG_NON_FINITE', 'A2C', `finite numbers at step ${this.#step}`, words(`a non-finite ${where}`));
  }

  #queueUpdate(rollout: Rollout): { reads: Promise<readonly TypedArrayOf<DType>[]>; lr: number } {
    using _ = scope();
    const { agent, optimizer, entropy, valueWeight, gamma, lambda, clipNorm } = this.setup;
    const taken = rollout.actions.length;
    const weights = {
      value: valueWeight,
      entropy: rateAt('A2C', entropy, { timeStep: this.#step, update: this.#update }),
    };
    const targets = { actions: rollout.actions, ...advantages(rollout.numbers, { gamma, lambda }) };
    const parts = a2cLoss(agent.forward(rollout.memory, rollout.observation), targets, weights);
    try {
      parts.loss.backward();
      const { norm, made, lr, make } = optimizer.prepare({ timeSteps: taken, maxNorm: clipNorm, watched: [parts.loss] });
      const reads = queueReads([parts.loss, norm, made, parts.policyLoss, parts.valueLoss, parts.entropy]);
      make(); // the last for which memory might lack is behind us
      return { reads, lr };
    } finally {
      optimizer.zeroGrad();
    }
  }
}
