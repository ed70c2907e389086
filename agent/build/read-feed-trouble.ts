import type { Flavour } from '../builders/warm-builder.ts';

interface FeedWords {
  /** A feed that could not be read: its URL, and why where the line tells. */
  readonly feed: readonly RegExp[];
  /** Trouble of a download or a signature without the feed's name. */
  readonly other: readonly RegExp[];
}

/*
 * apk: `WARNING: updating and opening <url>: UNTRUSTED signature`, `… unexpected end of file` after `ERROR: wget: exited with
 * error 4`, and once per package and feed `WARNING: opening from cache <url>: No such file or directory`.
 * opkg: `*** Failed to download the package list from <url>`, ` * opkg_download: Failed to download <url>, wget returned 4.`
 */
const WORDS: Readonly<Record<Flavour, FeedWords>> = {
  apk: {
    feed: [/^WARNING: updating and opening (\S+): (.+)$/gm, /^WARNING: opening from cache (\S+): (.+)$/gm],
    other: [/^ERROR: wget: exited with error \d+.*$/m, /^.*(?:UNTRUSTED|BAD) signature.*$/m],
  },
  opkg: {
    feed: [
      /Failed to download the package list from (\S+)()/g,
      /opkg_download: Failed to download (\S+), (wget returned \d+)/g,
    ],
    other: [/^.*Signature check failed.*$/m, /^.*(?:md5sum|sha256sum) mismatch.*$/m],
  },
};

/** Why packages may be missing by no fault of the request: which feeds or files could not be fetched. `undefined`: none. */
export function readFeedTrouble(words: string, flavour: Flavour): string | undefined {
  const { feed, other } = WORDS[flavour];
  const troubles = new Map<string, string>();
  for (const pattern of feed) {
    for (const [, url = '', why = ''] of words.matchAll(pattern)) {
      if (!troubles.get(url)) troubles.set(url, why.trim());
    }
  }
  const detail = other.map((pattern) => pattern.exec(words)?.[0]?.trim()).find((line) => line !== undefined);
  if (troubles.size === 0) return detail;
  const [[url, why] = ['', '']] = troubles;
  const more = troubles.size > 1 ? ` and ${troubles.size - 1} more` : '';
  const reasons = [...new Set([why, detail].filter((text) => text))].join('; ');
  return `could not fetch ${url}${more}${reasons === '' ? '' : `: ${reasons}`}`;
}
