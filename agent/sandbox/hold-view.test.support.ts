import { silentLog } from '../../shared/log.ts';
import { ALL_METHODS, openSandbox } from './open-sandbox.ts';

/*
 * A program for tests to kill: opens the sandbox below argument 1 in the way numbered by argument 2, and runs in a view of
 * the tree at argument 3 processes that carry argument 4 in their command line. Writes a line when they run.
 */
const [, , directory = '', methodNumber = '', tree = '', mark = ''] = process.argv;
const method = ALL_METHODS[Number(methodNumber)];
const sandbox = await openSandbox(
  { log: silentLog },
  { directory, environment: {}, methods: method ? [method] : [] },
);
const view = await sandbox.openView(tree);
await view.run(
  ['/bin/sh', '-c', `setsid sleep ${mark} & (trap "" TERM HUP; sleep ${mark}) & echo up; wait`],
  {
    signal: new AbortController().signal,
    timeoutMs: 60_000,
    onStdout: () => process.stdout.write('up\n'),
  },
);
