import type { MountEntry } from './mount-plan.ts';
import { INSIDE } from './sandbox.ts';
import { GATE_SCRIPT, OVERLAY_SCRIPT, ROOT_SCRIPT } from './scripts.ts';

/** What shuts a build in: bubblewrap, or `unshare` and `chroot` where it is missing. */
export type Jail = 'bubblewrap' | 'unshare';
/** How a view gets its own tree: an overlay over the warm one, or a copy of it. */
export type Layering = 'overlay' | 'copy';

/** One way of running builds. */
export interface Method {
  readonly jail: Jail;
  readonly layering: Layering;
}

export interface Launch {
  readonly method: Method;
  /** Whether this program runs as root, which needs no user namespace of its own to mount. */
  readonly isRoot: boolean;
  readonly entries: readonly MountEntry[];
  /** Folder of the view, and the tree below its overlay. Only for `overlay`. */
  readonly overlay?: { readonly viewDirectory: string; readonly tree: string } | undefined;
  /** An empty folder of the view; `unshare` builds the root folder there. */
  readonly rootDirectory: string;
  readonly command: readonly [string, ...string[]];
}

/**
 * What tar, opkg, apk and cp do as root needs inside the user namespace: owners, modes and folders that are not writable.
 * Without them a read-only folder of a package cannot be filled or removed. They reach only files of the agent's own user.
 */
const CAPABILITIES = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID'];

type Command = readonly [string, ...string[]];

/**
 * The argument vector that runs a command inside. Every program in the chain replaces itself by the next, so that the jail
 * is the agent's own child, and the kernel kills the jail and all in it when the agent dies.
 */
export function launchCommand(launch: Launch): Command {
  const gated: Command = ['/bin/bash', '-c', GATE_SCRIPT, 'gate', ...launch.command];
  if (launch.method.jail === 'bubblewrap') {
    const jailed = bubblewrap(launch.entries, gated);
    if (!launch.overlay) return jailed;
    return [...mountNamespace(launch.isRoot), ...mountOverlay(launch, launch.overlay, jailed)];
  }
  const jailed = unshareJail(launch, gated);
  const mounted = launch.overlay ? mountOverlay(launch, launch.overlay, jailed) : jailed;
  return [...mountNamespace(launch.isRoot), ...mounted];
}

/**
 * Inside, the agent's user is root: apk and opkg set owners, and an id that is not mapped cannot be given. The gate is the
 * first process: bubblewrap's own one tells of the end before what is left of the build is gone.
 */
function bubblewrap(entries: readonly MountEntry[], command: Command): Command {
  return [
    'bwrap',
    ...['--unshare-user', '--uid', '0', '--gid', '0'],
    ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--die-with-parent', '--as-pid-1', '--new-session', '--hostname', 'builder'],
    ...['--cap-drop', 'ALL', ...CAPABILITIES.flatMap((name) => ['--cap-add', name])],
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...entries.flatMap((entry) =>
      entry.kind === 'dir'
        ? ['--dir', entry.destination]
        : entry.kind === 'link'
          ? ['--symlink', entry.target, entry.destination]
          : [entry.kind === 'ro' ? '--ro-bind' : '--bind', entry.source, entry.destination],
    ),
    // The kernel lets a process that is root outside write /proc/sys without any capability (fs/proc/proc_sysctl.c).
    ...['--remount-ro', '/proc', '--chdir', INSIDE.builder, '--'],
    ...command,
  ];
}

function mountNamespace(isRoot: boolean): Command {
  return isRoot ? ['unshare', '--mount', '--'] : ['unshare', '--user', '--map-root-user', '--mount', '--'];
}

/** Without trusted.* attributes, which need the first user namespace, overlayfs must keep its own as user.* ones. */
function mountOverlay(
  launch: Launch,
  overlay: { readonly viewDirectory: string; readonly tree: string },
  command: Command,
): Command {
  const options = launch.isRoot ? '' : ',userxattr';
  return [
    '/bin/sh',
    '-c',
    OVERLAY_SCRIPT,
    'overlay',
    overlay.viewDirectory,
    overlay.tree,
    options,
    ...command,
  ];
}

/** `setpriv` ties `unshare` to the agent's life, `--kill-child` the namespace's first process to that of `unshare`. */
function unshareJail(launch: Launch, command: Command): Command {
  const plan = launch.entries.flatMap((entry) =>
    entry.kind === 'dir'
      ? ['dir', '-', entry.destination]
      : entry.kind === 'link'
        ? ['link', entry.target, entry.destination]
        : [entry.kind, entry.source, entry.destination],
  );
  return [
    'setpriv',
    ...['--pdeathsig', 'KILL', '--'],
    ...['unshare', '--pid', '--mount', '--ipc', '--uts', '--fork', '--kill-child', '--'],
    ...['/bin/sh', '-c', ROOT_SCRIPT, 'root', launch.rootDirectory, ...plan, '--', ...command],
  ];
}
