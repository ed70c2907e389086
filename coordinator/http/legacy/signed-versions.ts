import { openWrtKeyOf } from '../../../shared/domain/upstream-keys.ts';
import { ReadyBytes } from '../../catalog/ready-bytes.ts';

const MAX_READY_BYTES = 1024 ** 2;

/** Completes `/api/versions` of asu v0.3.0 with the key of each version; its bytes are made anew only when the list is another. */
export class SignedVersions {
  readonly #ready = new ReadyBytes(MAX_READY_BYTES);

  /** @param list `ClientLists.legacyVersions`. */
  async complete(list: Buffer): Promise<Buffer> {
    return await this.#ready.get('versions', [list], () => {
      const { branches, ...versions } = JSON.parse(list.toString('utf8')) as Record<
        string,
        { branch: string }
      >;
      const signed = Object.entries(versions).map(([version, entry]) => [
        version,
        { ...entry, pubkey: keyOf(entry.branch) },
      ]);
      return { ...Object.fromEntries(signed), branches };
    });
  }
}

/** @param gitBranch `master` or `openwrt-24.10`. */
function keyOf(gitBranch: string): string {
  return openWrtKeyOf(gitBranch === 'master' ? 'SNAPSHOT' : gitBranch.replace(/^openwrt-/, '')) ?? '';
}
