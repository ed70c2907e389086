import type { BuildRecord } from '../../builds/build-record.ts';
import { type JobView, jobView } from '../job-view.ts';

/** Where the files of a build are, in the words of the first clients. */
export interface LegacyFiles {
  /** Below `/store/`. */
  readonly binDir: string;
  /** Whether `buildlog.txt` is among them. */
  readonly hasLog: boolean;
}

/**
 * A build as `/api/build` tells it: what asu v0.3.0 said, what it said in 2021 and what it says under `/api/v1`, together
 * (pitfall 23). Here `status` is a text and dates are those of HTTP; clients take of the rest what they know.
 * @param files of a final build; undefined when it has none.
 */
export function legacyView(record: BuildRecord, files: LegacyFiles | undefined): JobView {
  const view = jobView(record, 'GET');
  const body = {
    ...view.body,
    enqueued_at: new Date(record.acceptedAt).toUTCString(),
    status: statusOf(record),
    ...(files ? { bin_dir: files.binDir, buildlog: files.hasLog } : {}),
  };
  switch (view.status) {
    case 200:
      return {
        ...view,
        body: { ...body, url: `/store/${files?.binDir}`, version_commit: view.body.version_code },
      };
    case 500:
      return { ...view, body: { ...body, message: view.body.detail } };
    default:
      return { ...view, body };
  }
}

function statusOf({ state }: BuildRecord): string {
  switch (state) {
    case 'queued':
      return 'queued';
    case 'running':
    case 'publishing':
      return 'started';
    case 'done':
      return 'done';
    case 'failed':
    case 'cancelled':
      return 'failed';
  }
}
