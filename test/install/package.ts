// The package as a user gets it: packed, and installed where there is no compiler.
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const platform = `${process.platform}-${process.arch}`;

export interface Packed {
  readonly tarball: string;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly unpackedBytes: number;
}

/** Of the top level: no part of a checkout, or made again for the package. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'build', 'dist', 'docs', 'prebuilds', 'runs', '.offline']);

/**
 * Packs a copy of this checkout: TypeScript compiled anew, and as the prebuilt engine the one in build/Release, stripped. With
 * MG_PACKAGE, the folder of a release with its own prebuilds, that folder is packed as it is.
 */
export function packPackage(folder: string): Packed {
  const stage = process.env.MG_PACKAGE ?? makeStage(join(folder, 'stage'));
  const output = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: stage,
    encoding: 'utf8',
  });
  const [packed] = JSON.parse(output) as [{ filename: string; size: number; unpackedSize: number; files: { path: string }[] }];
  return {
    tarball: join(folder, packed.filename),
    files: packed.files.map(({ path }) => path).sort(),
    bytes: packed.size,
    unpackedBytes: packed.unpackedSize,
  };
}

function makeStage(stage: string): string {
  cpSync(root, stage, { recursive: true, filter: (file) => !LEFT_OUT.has(relative(root, file)) });
  symlinkSync(realpathSync(join(root, 'node_modules')), join(stage, 'node_modules'));
  execFileSync('npm', ['run', '--silent', 'build:ts'], { cwd: stage });
  const prebuilt = join(stage, 'prebuilds', platform, `multigrid-memory${process.platform === 'linux' ? '.glibc' : ''}.node`);
  mkdirSync(join(prebuilt, '..'), { recursive: true });
  copyFileSync(process.env.MG_BINDING ?? join(root, 'build/Release/multigrid_memory.node'), prebuilt);
  execFileSync('strip', process.platform === 'linux' ? ['--strip-unneeded', prebuilt] : ['-x', prebuilt]);
  execFileSync(process.execPath, [join(stage, 'native/checksums.mjs')], { cwd: stage });
  return stage;
}

/** Where a name on PATH leads, symbolic links followed. */
function found(name: string): string {
  const folder = process.env.PATH!.split(delimiter).find((entry) => existsSync(join(entry, name)));
  if (folder === undefined) throw new Error(`${name} is not on PATH`);
  return realpathSync(join(folder, name));
}

/** What the registry's client needs to know about this machine's network, and nothing else. */
const NETWORK = new RegExp(
  `^(${
    [
      'https?_proxy',
      'no_proxy',
      'all_proxy',
      'node_extra_ca_certs',
      'ssl_cert_(file|dir)',
      'npm_config_(registry|cafile|https?_proxy|proxy|noproxy|cache)',
    ].join('|')
  })$`,
  'i',
);

/** An empty folder of a user whose PATH has node, npm, sh and env, and no compiler. */
export class Machine {
  readonly app: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(folder: string) {
    const path = join(folder, 'path');
    this.app = join(folder, 'app');
    mkdirSync(path);
    mkdirSync(this.app);
    for (const name of ['npm', 'sh', 'env']) symlinkSync(found(name), join(path, name));
    symlinkSync(process.execPath, join(path, 'node'));
    writeFileSync(join(this.app, 'package.json'), '{ "name": "app", "private": true }');
    const network = Object.entries(process.env).filter(([name]) => NETWORK.test(name));
    const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();
    this.#env = {
      npm_config_cache: cache,
      npm_config_prefer_offline: 'true',
      npm_config_update_notifier: 'false',
      ...Object.fromEntries(network),
      HOME: folder,
      PATH: path,
    };
  }

  /** Runs a program of the PATH or of the installed packages; `cwd` lies under the app. */
  run(
    program: string,
    args: readonly string[],
    { env = {}, cwd = '.' }: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ): SpawnSyncReturns<string> {
    const PATH = `${join(this.app, 'node_modules/.bin')}${delimiter}${this.#env.PATH}`;
    return spawnSync(program, args, {
      cwd: join(this.app, cwd),
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...this.#env, PATH, ...env },
    });
  }
}
