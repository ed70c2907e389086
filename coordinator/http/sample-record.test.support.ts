import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import type { BuildRecord } from '../builds/build-record.ts';

/** A build that waits. */
export function sampleRecord(): BuildRecord {
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'ath79/generic' };
  return {
    requestHash: 'f'.repeat(64),
    generation: '1'.repeat(32),
    state: 'queued',
    lane: 'open',
    source: { ...builder, versionPath: 'releases/24.10.4', digest: 'a'.repeat(64) },
    spec: plainSpec({ ...builder, versionCode: 'r1-abc', packages: ['vim'], diffPackages: true }),
    client: 'test/1',
    acceptedAt: 1_790_000_000_123,
    attempt: 0,
    stage: null,
    position: 0,
    score: 1,
    etaMs: 95_000,
    answer: null,
    isCacheable: true,
  };
}
