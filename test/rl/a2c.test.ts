/** A run of actor-critic: the same bits on any number of threads and after any stop; what it refuses; what it frees. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { setThreads } from '../../lib/index.js';
import { Adam } from '../../lib/optim/adam.js';
import { linear } from '../../lib/optim/schedule.js';
import { A2C, ActorCritic, agentPolicy, mazes, play, type A2CEvent, type A2CSetup } from '../../lib/rl/index.js';
import { MultigridMemory } from '../../lib/models/index.js';
import { Rng } from '../../lib/tensor/rng.js';
import { tinyConfig } from '../train/tiny.js';
import { bitsOf, tinyAgent, TMaze } from './worlds.js';
import { inspectTensors } from '../../lib/files/safetensors.js';
import { undisposedTensors } from '../../lib/tensor/tensor.js';

const folder = mkdtempSync(join(tmpdir(), 'mg-a2c-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PER_UPDATE = 4 * 3; // rollouts of 4 steps, 3 episodes

/** A tiny memory in small mazes; episodes are cut after 7 steps, so that cuts fall everywhere in a rollout. */
function tinySetup(seed = 1): A2CSetup {
  const agent = new ActorCritic({ memory: new MultigridMemory(tinyConfig, { rng: new Rng(2) }), rng: new Rng(seed) });
  return {
    agent,
    env: mazes({ size: 5, outputSide: 6, episodes: 3, steps: 7, seed }),
    rollout: 4,
    seed,
    optimizer: new Adam(agent, { lr: linear(1e-2, 1e-3, 200) }),
    entropy: linear(0.02, 0.01, 200),
  };
}

/** What training made of it, times left out. */
async function trained(run: A2C, steps: number): Promise<string> {
  const events: Partial<A2CEvent>[] = [];
  for await (const { elapsedMs: _, stepsPerSecond: __, memoryBytes: ___, ...event } of run.run({ steps })) events.push(event);
  const { agent, optimizer } = run.setup;
  return `${events.map((event) => JSON.stringify(event)).join('\n')}\n${bitsOf(agent)}\n${bitsOf(optimizer)}`;
}

describe('a run of A2C', () => {
  it('gives the same bits on 1, 2 and 4 threads, and other bits from another seed', async () => {
    const results: string[] = [];
    for (const threads of [1, 2, 4]) {
      setThreads(threads);
      results.push(await trained(new A2C(tinySetup()), 10 * PER_UPDATE));
    }
    setThreads(2);
    expect(results[1]).toBe(results[0]);
    expect(results[2]).toBe(results[0]);
    expect(await trained(new A2C(tinySetup(2)), 10 * PER_UPDATE)).not.toBe(results[0]);
  });

  it.each([1, 3, 6])('resumed after update %i, it is bit for bit the run that was not stopped', async (stop) => {
    const whole = new A2C(tinySetup());
    await trained(whole, stop * PER_UPDATE);
    const file = join(folder, `${stop}.safetensors`);
    await whole.save(file);
    const setup = tinySetup();
    const frozen = bitsOf(setup.agent.memory);
    const again = await A2C.resume(file, setup);
    expect([again.step, again.update]).toEqual([stop * PER_UPDATE, stop]);
    expect(await trained(again, 12 * PER_UPDATE)).toBe(await trained(whole, 12 * PER_UPDATE));
    expect(bitsOf(setup.agent.memory)).toBe(frozen);
  });

  it('counts steps of all episodes, reports entropy, losses and the means of the latest episodes', async () => {
    const events: A2CEvent[] = [];
    for await (const event of new A2C(tinySetup()).run({ steps: 5 * PER_UPDATE - 1 })) events.push(event);
    expect(events.map(({ step, update }) => [step, update])).toEqual([1, 2, 3, 4, 5].map((k) => [k * PER_UPDATE, k]));
    expect(events[0]!.lr).toBe(1e-2);
    expect(events[1]!.lr).toBeCloseTo(1e-2 - (9e-3 * PER_UPDATE) / 200, 12);
    expect(events[0]!.entropy).toBeCloseTo(Math.log(4), 1);
    expect(events.at(-1)).toMatchObject({ reward: expect.any(Number), coverage: expect.any(Number), bumps: expect.any(Number) });
  });

  it('evaluates on held-out episodes, the same each time, and leaves training as it was', async () => {
    const [disturbed, calm] = [new A2C(tinySetup()), new A2C(tinySetup())];
    await trained(disturbed, 3 * PER_UPDATE);
    await trained(calm, 3 * PER_UPDATE);
    const scores = await disturbed.evaluate({ items: 5 });
    expect(await disturbed.evaluate({ items: 5 })).toEqual(scores);
    expect(Object.keys(scores)).toEqual(['reward', 'coverage', 'bumps']);
    expect(await disturbed.evaluate({ items: 5, greedy: true })).not.toEqual(scores);
    expect(await trained(disturbed, 6 * PER_UPDATE)).toBe(await trained(calm, 6 * PER_UPDATE));
  });

  it('ends after the update during which it is aborted, and leaves no tensor behind', async () => {
    const setup = tinySetup();
    const before = undisposedTensors();
    const run = new A2C(setup);
    const stop = new AbortController();
    for await (const { update } of run.run({ steps: 1000, signal: stop.signal })) if (update === 4) stop.abort();
    expect(run.update).toBe(4);
    await run.evaluate({ items: 3 });
    run.dispose();
    expect(undisposedTensors()).toBe(before);
  });

  it('fits as a Trainer does: log, validation, best step and callbacks; a resumed log equals the one never cut', async () => {
    const heard: string[] = [];
    const tell = {
      onStart: () => void heard.push('start'),
      onStep: ({ update }: A2CEvent) => void heard.push(`step ${update}`),
      onValidate: () => void heard.push('validate'),
      onCheckpoint: (file: string) => void heard.push(file.split('/').at(-1)!),
      onEnd: () => void heard.push('end'),
    };
    const fit = (run: A2C, path: string, updates: number) =>
      run.fit({
        steps: updates * PER_UPDATE,
        validate: { every: 2 * PER_UPDATE, items: 3 },
        checkpoint: { folder: join(folder, path), every: 3 * PER_UPDATE },
      });
    const result = await fit(new A2C({ ...tinySetup(), callbacks: [tell as never], config: { tiny: true } }), 'whole', 4);
    const best = 'best.safetensors';
    expect(heard.slice(2, 5)).toEqual(['step 2', 'validate', best]); // the first score is the best so far
    expect(heard.filter((word) => word !== best)).toEqual([
      'start',
      'step 1',
      'step 2',
      'validate',
      'step 3',
      'checkpoint.safetensors',
      'step 4',
      'validate',
      'checkpoint.safetensors',
      'end',
    ]);
    expect(result).toMatchObject({ reason: 'completed', step: 4 * PER_UPDATE });
    expect(Object.keys(result.best!.metrics)).toEqual(['reward', 'coverage', 'bumps']);
    await fit(new A2C(tinySetup()), 'cut', 3);
    await fit(await A2C.resume(join(folder, 'cut', 'checkpoint.safetensors'), tinySetup()), 'cut', 4);
    const log = (path: string): string[] => readFileSync(join(folder, path, 'metrics.jsonl'), 'utf8').split('\n');
    const steps = (path: string): string[] => log(path).filter((line) => line.includes('gradNorm'));
    expect(steps('cut')).toEqual(steps('whole'));
    for (const file of ['checkpoint', 'best']) {
      const record = async (path: string): Promise<string | undefined> =>
        (await inspectTensors(join(folder, path, `${file}.safetensors`))).metadata.get('record');
      expect(await record('cut')).toBe(await record('whole'));
      expect(JSON.parse((await record('whole'))!)).toMatchObject({ best: result.best });
    }
    expect(Object.keys(JSON.parse(steps('whole')[3]!) as object)).toEqual([
      'step',
      'loss',
      'lr',
      'gradNorm',
      'policyLoss',
      'valueLoss',
      'entropy',
      'reward',
      'coverage',
      'bumps',
    ]);
  });

  it('an agent that plays acts as the run that trains it: the memory of a row does not know of the others', async () => {
    const { agent } = tinySetup();
    const paths = async (episodes: number): Promise<number[][]> => {
      const env = mazes({ size: 5, outputSide: 6, episodes, steps: 6, seed: 4, staggered: false });
      using policy = agentPolicy(agent, { greedy: true });
      await play({ env, policy });
      return env.walks.map(({ path }) => path);
    };
    expect((await paths(6)).slice(0, 2)).toEqual(await paths(2));
  });
});

describe('faults', () => {
  it('a reward that is not finite ends the run and names its episode', async () => {
    const env = new TMaze({ episodes: 2 });
    const broken = Object.assign(Object.create(env) as TMaze, {
      step: () => ({ reward: [0, NaN], terminated: [0, 0], truncated: [0, 0] }),
    });
    const agent = tinyAgent({ channels: 3, actions: 3 });
    const run = new A2C({ agent, env: broken, optimizer: new Adam(agent) });
    await expect(trained(run, 10)).rejects.toMatchObject({
      code: 'ERR_MG_NON_FINITE',
      message: expect.stringContaining('episode 1'),
    });
  });

  it('a fault in the middle of a rollout leaves all as it was before: the run goes on as if it had not been', async () => {
    const [calm, disturbed] = [new A2C(tinySetup()), new A2C(tinySetup())];
    await trained(calm, 2 * PER_UPDATE);
    await trained(disturbed, 2 * PER_UPDATE);
    const { env } = disturbed.setup;
    const { step } = env;
    let calls = 0;
    env.step = (actions) => {
      if (++calls === 3) throw new Error('the world fell over');
      return step.call(env, actions);
    };
    const before = undisposedTensors();
    await expect(trained(disturbed, 4 * PER_UPDATE)).rejects.toThrow('the world fell over');
    expect(undisposedTensors()).toBe(before);
    env.step = step;
    expect(await trained(disturbed, 4 * PER_UPDATE)).toBe(await trained(calm, 4 * PER_UPDATE));
  });

  it.each([
    ['a weight', ({ agent }: A2CSetup) => [...agent.parameters()][0]!, /non-finite weight reader\.\S+$/],
    [
      'the optimizer\'s state',
      ({ optimizer }: A2CSetup) => [...optimizer.stateDict()].find(([name]) => name.endsWith('.v'))![1],
      /non-finite optimizer \S+\.v$/,
    ],
  ])('NaN in %s is found in its update and named, and changes nothing: mended, the run goes on as if it had not been', async (
    _what,
    chosen,
    message,
  ) => {
    const [calm, disturbed] = [new A2C(tinySetup()), new A2C(tinySetup())];
    await trained(calm, 2 * PER_UPDATE);
    await trained(disturbed, 2 * PER_UPDATE);
    const { agent, optimizer } = disturbed.setup;
    const tensor = chosen(disturbed.setup);
    const values = await tensor.data();
    tensor.copyFrom(values.map((value, i) => (i === 0 ? NaN : value)) as Float32Array);
    const [before, alive] = [`${bitsOf(agent)}${bitsOf(optimizer)}`, undisposedTensors()];
    await expect(trained(disturbed, 3 * PER_UPDATE)).rejects.toMatchObject({
      code: 'ERR_MG_NON_FINITE',
      message: expect.stringMatching(message),
    });
    expect([disturbed.step, disturbed.update, optimizer.update]).toEqual([2 * PER_UPDATE, 2, 2]);
    expect(`${bitsOf(agent)}${bitsOf(optimizer)}`).toBe(before);
    expect(undisposedTensors()).toBe(alive);
    tensor.copyFrom(values as Float32Array);
    expect(await trained(disturbed, 4 * PER_UPDATE)).toBe(await trained(calm, 4 * PER_UPDATE));
  });

  it('an agent is trained by one call at a time', async () => {
    const run = new A2C(tinySetup());
    const first = run.run({ steps: PER_UPDATE });
    await first.next();
    await expect(run.fit({ steps: PER_UPDATE })).rejects.toThrow('not being trained');
    await first.return(undefined);
    expect((await run.fit({ steps: 2 * PER_UPDATE })).step).toBe(2 * PER_UPDATE);
  });

  it.each<[Partial<Record<keyof A2CSetup, unknown>>, string]>([
    [{ rollout: 0 }, 'rollout'],
    [{ gamma: 1.1 }, 'gamma'],
    [{ lambda: -1 }, 'lambda'],
    [{ entropy: -0.1 }, 'A2C, entropy'],
    [{ clipNorm: 0 }, 'clipNorm above 0'],
    [{ env: {} }, 'an environment, with observe'],
    [{ env: new TMaze() }, '4 actions'],
    [{ agent: null }, 'an ActorCritic'],
    [{ rolout: 3 } as never, 'options among'],
    [{ callbacks: {} }, 'A2C: expected callbacks to be a list'],
    [{ callbacks: [{ onSteps() {} }] }, 'did you mean onStep?'],
  ])('refuses %o', (change, message) => {
    const setup = { ...tinySetup(), ...change } as A2CSetup;
    expect(() => new A2C(setup)).toThrow(expect.objectContaining({ code: 'ERR_MG_ARGUMENT' }));
    expect(() => new A2C(setup)).toThrow(message);
  });

  it('refuses an optimizer of another agent, a memory without readers, and a file of another run', async () => {
    const optimizer = new Adam(tinySetup().agent);
    expect(() => new A2C({ ...tinySetup(), optimizer })).toThrow('the agent\'s own parameters');
    const single = new MultigridMemory({ input: { 0: 2 }, lstm: [[0, 0, 4]], tail: [[0, 0, 1]] });
    expect(() => new ActorCritic({ memory: single })).toThrow('a writer and a reader');
    const file = join(folder, 'other.safetensors');
    await new A2C(tinySetup()).save(file);
    await expect(A2C.resume(file, { ...tinySetup(), gamma: 0.5 })).rejects.toMatchObject({
      code: 'ERR_MG_CHECKPOINT',
      message: expect.stringContaining('gamma 0.5'),
    });
    await expect(
      new A2C({ ...tinySetup(), env: Object.assign(mazes({ size: 5 }), { heldOut: undefined }) }).evaluate({ items: 1 }),
    )
      .rejects.toThrow('heldOut');
  });
});
