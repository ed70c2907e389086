import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { repositoryKeyFile } from '../../shared/domain/repository-key.ts';
import { FarmError } from '../../shared/errors.ts';
import type { Flavour } from '../builders/warm-builder.ts';

/** Where the feeds of every official ImageBuilder point. */
const OPENWRT_UPSTREAM = /https?:\/\/downloads\.openwrt\.org\//;
/** A URL without anything that ends a word, a line or a quotation in a feed list. */
const URL_PATTERN = /^https?:\/\/[^\s"'`\\<>|;&$(){}]+$/;
const NAME_PATTERN = /^[A-Za-z0-9_.-]+$/;

/** The file of an ImageBuilder that lists its feeds. */
export function repositoriesFile(flavour: Flavour): string {
  return flavour === 'apk' ? 'repositories' : 'repositories.conf';
}

/**
 * The feed list for a build: the builder's own, read from `upstream`, with the request's feeds after or instead of them.
 * Comment lines stay as they are, and so do the lines of opkg's list that are no remote feed (local packages, options).
 * @throws FarmError `invalid_request` for a feed whose name or URL is not plain.
 */
export function rewriteRepositories(
  text: string,
  flavour: Flavour,
  upstream: string,
  spec: Pick<BuildSpec, 'repositories' | 'repositoriesMode'>,
): string {
  const added = Object.entries(spec.repositories).map(([name, url]) => feedLine(flavour, name, url));
  const isReplaced = added.length > 0 && spec.repositoriesMode === 'replace';
  const own = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !(isReplaced && isRemoteFeed(line, flavour)))
    .map((line) => (isComment(line) ? line : toMirror(line, upstream)));
  return [...own, ...added].map((line) => `${line}\n`).join('');
}

/**
 * The request's keys as files of the builder, by path.
 * @throws FarmError `invalid_request` for what is no key.
 */
export function keyFiles(keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    keys.map((key, number) => {
      const file = repositoryKeyFile(key, number);
      if (file) return [file.path, file.text];
      throw new FarmError(
        'invalid_request',
        `Repository key ${number + 1} is neither a usign nor a PEM public key`,
      );
    }),
  );
}

function feedLine(flavour: Flavour, name: string, url: string): string {
  if (!NAME_PATTERN.test(name) || !URL_PATTERN.test(url)) {
    throw new FarmError('invalid_request', `${JSON.stringify(`${name} ${url}`.slice(0, 300))} is no feed`);
  }
  return flavour === 'apk' ? url : `src/gz ${name} ${url}`;
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#');
}

/** opkg reads `src/gz`; `src` names a local folder. */
function isRemoteFeed(line: string, flavour: Flavour): boolean {
  if (isComment(line)) return false;
  return flavour === 'apk' || /^\s*src\/gz\s/.test(line);
}

function toMirror(line: string, upstream: string): string {
  return line.replace(OPENWRT_UPSTREAM, () => `${upstream.replace(/\/+$/, '')}/`);
}
