import { assetPath } from '../../shared/package-root.ts';
import type { Program } from './programs.ts';

/** The command line that runs this very wrtfarm, compiled. */
export function wrtfarmProgram(): Program {
  return [process.execPath, assetPath('dist/cli/main.js')];
}
