#!/usr/bin/env node
// Drops what CMake remembers of another folder: a checkout that was copied or moved is configured anew instead of refused.
import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';

const cache = 'build/CMakeCache.txt';
if (existsSync(cache)) {
  const [, home] = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8')) ?? [];
  if (home !== realpathSync('.')) for (const name of [cache, 'build/CMakeFiles']) rmSync(name, { recursive: true, force: true });
}
