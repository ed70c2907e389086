/** What the farm mends by itself, for metrics: a closed list. Each one means that something was lost, late or left over. */
export const REPAIRS = [
  'restored_build',
  'adopted_attempt',
  'expired_lease',
  'mended_time',
  'completed_build',
  'republished_build',
  'republished_job',
  'republished_copy',
  'removed_copy',
  'dropped_job',
  'dropped_upload',
] as const;
export type Repair = (typeof REPAIRS)[number];

/** Told of each repair as it is made, of several of one kind at once by their number. Must not throw. */
export type OnRepair = (repair: Repair, count?: number) => void;
