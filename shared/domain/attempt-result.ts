import type { Artifact } from './artifact.ts';
import type { Manifest } from './manifest.ts';

/** Why a build failed by its own fault. All but `build_error` and `timeout` fail the same way every time. */
export const BUILD_FAILURES = [
  /** Packages are unknown, conflict or clash. */
  'package_selection',
  /** A package has another version than the client asked for. */
  'package_version',
  /** The builder's revision is not the one the client asked for. */
  'version_code',
  'unknown_profile',
  /** A feed or its key is not one. */
  'repository',
  /** The root filesystem that was asked for is not one this builder makes. */
  'filesystem',
  /** The image does not fit the device or the root filesystem its partition. */
  'too_big',
  /** The ImageBuilder failed in some other way. */
  'build_error',
  /** The attempt took longer than allowed. */
  'timeout',
] as const;
export type BuildFailure = (typeof BUILD_FAILURES)[number];

/** Why an attempt was lost by the farm's fault; the build is tried again elsewhere. */
export const BREAKAGES = [
  /** A feed or package could not be fetched. */
  'feed',
  /** The builder could not be fetched, verified or unpacked. */
  'builder',
  'disk',
  'sandbox',
  /** The agent itself failed. */
  'agent',
] as const;
export type Breakage = (typeof BREAKAGES)[number];

/** What the ImageBuilder was told and said; the same shape however the attempt ended. */
export interface BuildOutput {
  /** Tail of the output, capped; `stderr` holds the tools' words only. */
  readonly stdout: string;
  readonly stderr: string;
  /** Argument vector of `make image`, empty when it was not reached. */
  readonly buildCommand: readonly string[];
}

/** How an attempt ended on its agent. `failed` is a result; `broken` is nobody's result. */
export type AttemptResult =
  | {
      readonly outcome: 'succeeded';
      readonly output: BuildOutput;
      readonly artifacts: readonly Artifact[];
      /** Text of the profiles.json that `make image` wrote. */
      readonly profilesJson: string;
      /** By ABI-free name. */
      readonly manifest: Manifest;
      /** The value of PACKAGES, one name each. */
      readonly buildPackages: readonly string[];
    }
  | {
      readonly outcome: 'failed';
      readonly output: BuildOutput;
      readonly artifacts: readonly Artifact[];
      readonly failure: BuildFailure;
      /** For the client, without the `Error: ` that goes before it. */
      readonly reason: string;
    }
  | { readonly outcome: 'broken'; readonly breakage: Breakage; readonly reason: string };
