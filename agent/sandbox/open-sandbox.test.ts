import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import type { Method } from './launch.ts';
import { ALL_METHODS, openSandbox } from './open-sandbox.ts';
import type { ProcessResult } from './run-process.ts';
import type { RunOptions, Sandbox, View } from './sandbox.ts';

let data: string;
let tree: string;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'wrtfarm sandbox, '));
  tree = join(data, 'warm tree');
  mkdirSync(join(tree, 'keys'), { recursive: true });
  writeFileSync(join(tree, 'Makefile'), 'all:\n\t@echo built by make\n');
  writeFileSync(join(tree, 'repositories'), 'one\n');
});

afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwX', data]);
  rmSync(data, { recursive: true });
});

async function open(methods: readonly Method[] = ALL_METHODS): Promise<Sandbox> {
  return await openSandbox(
    { log: silentLog },
    { directory: join(data, 'attempts'), environment: { http_proxy: 'http://proxy:1' }, methods },
  );
}

async function run(view: View, script: string, options: Partial<RunOptions> = {}): Promise<ProcessResult> {
  return await view.run(['/bin/sh', '-c', script], {
    signal: new AbortController().signal,
    timeoutMs: 10_000,
    ...options,
  });
}

async function output(view: View, script: string): Promise<string> {
  const result = await run(view, script);
  expect(result.stderr.tail()).toBe('');
  expect(result.end).toEqual({ by: 'exit', code: 0 });
  return result.stdout.tail();
}

describe.each(ALL_METHODS)('$layering with $jail', (method) => {
  test('two views at the same time see neither each other nor change the tree', async () => {
    const sandbox = await open([method]);
    await using one = await sandbox.openView(tree);
    await using two = await sandbox.openView(tree);
    const script = (name: string): string =>
      `echo ${name} >Makefile; rm -rf keys; sleep 0.2; cat Makefile; ls`;
    const outputs = await Promise.all([output(one, script('one')), output(two, script('two'))]);
    expect(outputs).toEqual(['one\nMakefile\nrepositories\n', 'two\nMakefile\nrepositories\n']);
    expect(readFileSync(join(tree, 'Makefile'), 'utf8')).toContain('built by make');
    expect(existsSync(join(tree, 'keys'))).toBe(true);
  });

  test('a view keeps what one run wrote for the next one', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    await output(view, 'rm -rf keys; echo kept >dl; echo image >/out/image.bin');
    expect(await output(view, 'cat dl; ls -d keys 2>/dev/null || echo none; make')).toBe(
      'kept\nnone\nbuilt by make\n',
    );
    expect(readFileSync(join(view.outDirectory, 'image.bin'), 'utf8')).toBe('image\n');
  });

  test('a build is root without the rights of root, and sees a fixed and small world', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    const world = await output(
      view,
      'pwd; id -u; id -g; umask; ulimit -n; env | grep -vE "^(PWD|SHLVL|_|OLDPWD)=" | sort; ls /; ls /proc | grep -cE "^[0-9]+$"; ls /proc/self/fd | wc -l',
    );
    expect(world.split('\n').filter((line) => !/^(lib\w*|s?bin)$/.test(line))).toEqual([
      '/builder',
      '0',
      '0',
      '0022',
      '1024',
      'FAKEROOTDONTTRYCHOWN=1',
      'HOME=/tmp',
      'LC_ALL=C',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'http_proxy=http://proxy:1',
      'builder',
      'dev',
      'etc',
      'out',
      'proc',
      'run',
      'tmp',
      'usr',
      'var',
      expect.stringMatching(/^[1-5]$/),
      '4',
      '',
    ]);
  });

  test('nothing of the host can be written, nor can anything be mounted', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    const script =
      'try() { "$@" 2>/dev/null && echo "could $*"; }; ' +
      'try touch /usr/x; try touch /etc/passwd; try mount -t tmpfs x /tmp; try chroot / true; try mknod n c 1 3; ' +
      'try dd if=/proc/sys/vm/swappiness of=/proc/sys/vm/swappiness; try kill -0 -1; try cat /etc/shadow; echo end';
    expect(await output(view, script)).toBe('end\n');
  });

  test('a build owns files, and fills and removes folders that are not writable', async () => {
    mkdirSync(join(tree, 'readonly'));
    writeFileSync(join(tree, 'readonly', 'file'), 'x');
    chmodSync(join(tree, 'readonly'), 0o555);
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    const script =
      'touch readonly/more; chown 0:0 readonly/more; chmod 4755 readonly/more; stat -c "%a %u" readonly/more; rm -rf readonly; ls';
    expect(await output(view, script)).toBe('4755 0\nMakefile\nkeys\nrepositories\n');
    expect(readdirSync(join(tree, 'readonly'))).toEqual(['file']);
  });

  test('files written beforehand are seen in place of the tree, with modes that do not depend on the agent', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    await view.write('builder', 'repositories', 'two\n');
    await view.write('builder', 'keys/custom-0.pem', 'key\n');
    expect(
      await output(view, 'cat repositories keys/custom-0.pem; ls -d /files 2>/dev/null || echo no files'),
    ).toBe('two\nkey\nno files\n');
    await view.write('files', 'etc/uci-defaults/99-asu-defaults', 'script\n');
    expect(
      await output(view, 'cd /files; cat etc/uci-defaults/99-asu-defaults; find . -printf "%p %m\\n"'),
    ).toBe('script\n. 755\n./etc 755\n./etc/uci-defaults 755\n./etc/uci-defaults/99-asu-defaults 644\n');
    expect(readFileSync(join(tree, 'repositories'), 'utf8')).toBe('one\n');
  });

  test('the devices that scripts use are there', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    const script =
      'echo out >/dev/stdout; head -c 4 /dev/urandom >/dev/null; head -c 2 /dev/zero | wc -c; cat <(echo in)';
    const result = await view.run(['/bin/bash', '-c', `${script}; echo err >/dev/stderr`], {
      signal: new AbortController().signal,
      timeoutMs: 10_000,
    });
    expect(result.stdout.tail()).toBe('out\n2\nin\n');
    expect(result.stderr.tail()).toBe('err\n');
  });

  test('a view in place changes the tree itself', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree, { inPlace: true });
    await output(view, 'echo made >.profiles.mk');
    expect(readFileSync(join(tree, '.profiles.mk'), 'utf8')).toBe('made\n');
  });

  test('times of the tree are seen as they are', async () => {
    execFileSync('touch', ['-d', '2020-01-01T00:00:00Z', join(tree, 'Makefile')]);
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    expect(await output(view, 'stat -c %Y Makefile')).toBe('1577836800\n');
  });

  test('loopback of the host is reached', async () => {
    const server = createServer((_request, response) => response.end('feed\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    expect(await output(view, `wget -q --no-proxy -O - http://localhost:${port}/`)).toBe('feed\n');
    await new Promise((resolve) => server.close(resolve));
  });

  test('abort and time limit leave nothing running, and disposing leaves no file', async () => {
    const mark = `1000.${randomUUID().replaceAll(/\D/g, '')}`;
    const sandbox = await open([method]);
    const view = await sandbox.openView(tree);
    const script = `setsid sleep ${mark} & mkdir deep; chmod 0 deep; echo up; sleep ${mark}`;
    const limited = await run(view, script, { timeoutMs: 3_000 });
    expect(limited.end).toEqual({ by: 'timeout' });
    expect(limited.stdout.tail()).toBe('up\n');
    const controller = new AbortController();
    const aborted = await run(view, `setsid sleep ${mark} & echo up; sleep ${mark}`, {
      signal: controller.signal,
      onStdout: () => controller.abort(),
    });
    expect(aborted.end).toEqual({ by: 'abort' });
    expect(commandLines().includes(mark)).toBe(false);
    await view[Symbol.asyncDispose]();
    expect(readdirSync(join(data, 'attempts'))).toEqual(['etc']);
  });

  test("a build's background processes end with it", async () => {
    const mark = `1000.${randomUUID().replaceAll(/\D/g, '')}`;
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree);
    await output(view, `setsid sleep ${mark} >/dev/null 2>&1 & true`);
    expect(commandLines().includes(mark)).toBe(false);
  });

  test('an exit code is told as it is, and a tree that vanished is a sandbox that did not start', async () => {
    const sandbox = await open([method]);
    await using view = await sandbox.openView(tree, { inPlace: true });
    expect((await run(view, 'exit 125')).end).toEqual({ by: 'exit', code: 125 });
    rmSync(tree, { recursive: true });
    await expect(run(view, 'true')).rejects.toMatchObject({
      code: 'infrastructure',
      details: { breakage: 'sandbox' },
    });
  });
});

test('paths that lead elsewhere are refused', async () => {
  symlinkSync('/etc', join(tree, 'link'));
  const sandbox = await open();
  await using view = await sandbox.openView(tree);
  for (const path of [
    '../x',
    '/etc/x',
    'keys/../../x',
    '',
    'keys/',
    'a b',
    'link/x',
    'link',
    'keys',
    'Makefile/x',
  ]) {
    await expect(view.write('builder', path, 'x'), path).rejects.toSatisfy((thrown) =>
      hasCode(thrown, 'invalid_request'),
    );
  }
});

test('the best way that works is taken, and the log line says why not a better one', async () => {
  expect((await open()).description).toBe('overlay over bubblewrap');
  const [, copy, , last] = ALL_METHODS;
  if (!copy || !last) throw new Error('methods are missing');
  expect((await open([copy])).description).toMatch(/^copy under bubblewrap/);
  expect((await open([last])).description).toMatch(/^copy under unshare, no bubblewrap: not tried/);
});

test('folders of an earlier life are removed at open, also unwritable ones', async () => {
  const old = join(data, 'attempts', 'view-old');
  mkdirSync(join(old, 'work', 'work'), { recursive: true });
  chmodSync(join(old, 'work', 'work'), 0);
  await open();
  expect(readdirSync(join(data, 'attempts'))).toEqual(['etc']);
});

test('without any way that works the sandbox does not open', async () => {
  await expect(open([])).rejects.toSatisfy((thrown) => hasCode(thrown, 'failed_precondition'));
});

function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');
}
