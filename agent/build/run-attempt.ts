import type { AttemptResult, Breakage, BuildOutput } from '../../shared/domain/attempt-result.ts';
import { BREAKAGES } from '../../shared/domain/attempt-result.ts';
import type { Stage } from '../../shared/domain/build.ts';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { builderName } from '../../shared/domain/builder.ts';
import { type Manifest, parseManifest } from '../../shared/domain/manifest.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { WarmBuilder } from '../builders/warm-builder.ts';
import type { ProcessResult } from '../sandbox/run-process.ts';
import type { Sandbox, View } from '../sandbox/sandbox.ts';
import { BuildLog, commandLine } from './build-log.ts';
import { checkManifest } from './check-manifest.ts';
import { collectOutput } from './collect-output.ts';
import { type Command, makeImage, makeManifest, packagesToInstall } from './make-arguments.ts';
import { prepareView } from './prepare-view.ts';
import { type FailureReading, readFailure, unknownProfileFailure } from './read-failure.ts';

export interface Attempt {
  /** In use until the attempt ended: see `BuilderCache.acquire`. */
  readonly builder: WarmBuilder;
  readonly spec: BuildSpec;
  readonly sandbox: Sandbox;
  /** Mirror to take feeds from. */
  readonly upstream: string;
}

export interface AttemptOptions {
  /** Told of each stage reached, in order. */
  readonly onStage: (stage: Stage) => void;
  /** Told of each piece of the log, valid UTF-8. */
  readonly onLog: (text: string) => void;
  readonly signal: AbortSignal;
  /** Longest time one make may take, milliseconds. */
  readonly buildTimeoutMs: number;
  /** Log beyond this many bytes is dropped. Default: no limit, for who limits what it keeps. */
  readonly maxLogBytes: number;
}

/** How an attempt ended, and its files. Disposing removes them. */
export interface FinishedAttempt extends AsyncDisposable {
  readonly result: AttemptResult;
  /** Holds the artifacts by name; empty when the attempt broke before there was a folder. */
  readonly outputDirectory: string;
}

/**
 * Builds one image: a private view of the builder, its manifest, the checks, the image. Failures of the build and of this
 * machine are results.
 * @throws FarmError `cancelled` when the signal was aborted; nothing is left then. Nothing else.
 */
export async function runAttempt(attempt: Attempt, options: AttemptOptions): Promise<FinishedAttempt> {
  const log = new BuildLog(options.onLog, options.maxLogBytes);
  let view: View | undefined;
  try {
    throwIfAborted(options.signal);
    options.onStage('init');
    const { source } = attempt.builder;
    log.heading(
      `${builderName(source)}, profile ${attempt.spec.profile}, builder ${source.digest.slice(0, 12)}`,
    );
    options.onStage('container_setup');
    view = await attempt.sandbox.openView(attempt.builder.directory, { signal: options.signal });
    const result = await new RunningAttempt(attempt, options, log, view).run();
    return finished(result, view);
  } catch (thrown) {
    if (options.signal.aborted || hasCode(thrown, 'cancelled')) {
      await view?.[Symbol.asyncDispose]();
      throw new FarmError('cancelled', 'the attempt was cancelled', { cause: thrown });
    }
    log.heading(`the attempt broke: ${messageOf(thrown)}`);
    return finished({ outcome: 'broken', breakage: breakageOf(thrown), reason: messageOf(thrown) }, view);
  }
}

/** What one make said, and whether it did what it was started for. */
interface MakeRun {
  readonly output: BuildOutput;
  /** Beginning and end, which failures are read from. */
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

class RunningAttempt {
  readonly #attempt: Attempt;
  readonly #options: AttemptOptions;
  readonly #log: BuildLog;
  readonly #view: View;

  constructor(attempt: Attempt, options: AttemptOptions, log: BuildLog, view: View) {
    this.#attempt = attempt;
    this.#options = options;
    this.#log = log;
    this.#view = view;
  }

  async run(): Promise<AttemptResult> {
    const { builder, spec, upstream } = this.#attempt;
    try {
      await prepareView(this.#view, builder, spec, upstream);
    } catch (thrown) {
      if (!hasCode(thrown, 'invalid_request')) throw thrown;
      return this.#ended({ kind: 'failed', failure: 'repository', reason: messageOf(thrown) });
    }
    this.#options.onStage('validate_revision');
    const { revision, profiles } = builder.info;
    if (spec.versionCode !== '' && spec.versionCode !== revision) {
      const reason = `Received incorrect version ${revision} (requested ${spec.versionCode})`;
      return this.#ended({ kind: 'failed', failure: 'version_code', reason });
    }
    if (!Object.hasOwn(profiles, spec.profile)) return this.#ended(unknownProfileFailure(spec.profile));
    this.#options.onStage('validate_manifest');
    const packages = packagesToInstall(spec, builder.info);
    const run = await this.#make(makeManifest(spec, packages), []);
    if ('outcome' in run) return run;
    if (run.exitCode !== 0) return this.#ended(this.#read('manifest', run, 'none'), run.output);
    const manifest = parseManifest(run.output.stdout);
    const mismatch = checkManifest(manifest, spec.packagesVersions);
    if (mismatch) return this.#ended({ kind: 'failed', ...mismatch }, run.output);
    return await this.#buildImage(packages, manifest);
  }

  async #buildImage(packages: readonly string[], manifest: Manifest): Promise<AttemptResult> {
    const { spec } = this.#attempt;
    const command = makeImage(spec, packages, manifest);
    this.#options.onStage('building_image');
    const run = await this.#make(command, command);
    if ('outcome' in run) return run;
    const files = await collectOutput(this.#view.outDirectory, spec.profile, this.#options.signal);
    if (run.exitCode !== 0 || files.images !== 'some') {
      const images = files.images === 'some' ? 'none' : files.images;
      return this.#ended(this.#read('image', run, images), run.output);
    }
    const { artifacts, profilesJson } = files;
    this.#log.heading(`${artifacts.length} files built`);
    return {
      outcome: 'succeeded',
      output: run.output,
      artifacts,
      profilesJson,
      manifest,
      buildPackages: packages,
    };
  }

  /** Runs make in the view, its words going to the log as they come. A make that took too long is a result. */
  async #make(command: Command, buildCommand: readonly string[]): Promise<MakeRun | AttemptResult> {
    const { signal, buildTimeoutMs } = this.#options;
    this.#log.heading(commandLine(command));
    const [stdout, stderr] = [this.#log.stream(), this.#log.stream()];
    const result = await this.#view.run(command, {
      signal,
      timeoutMs: buildTimeoutMs,
      onStdout: (chunk) => stdout.write(chunk),
      onStderr: (chunk) => stderr.write(chunk),
    });
    stdout.end();
    stderr.end();
    throwIfAborted(signal);
    const output = outputOf(result, buildCommand);
    switch (result.end.by) {
      case 'timeout': {
        const reason = `${command.slice(0, 2).join(' ')} took longer than ${buildTimeoutMs / 1000} s`;
        return this.#ended({ kind: 'failed', failure: 'timeout', reason }, output);
      }
      case 'exit':
        return {
          output,
          stdout: result.stdout.headAndTail(),
          stderr: result.stderr.headAndTail(),
          exitCode: result.end.code,
        };
      case 'signal':
      case 'abort': {
        const how = result.end.by === 'signal' ? `was killed by ${result.end.signal}` : 'was stopped';
        return this.#ended({ kind: 'broken', breakage: 'sandbox', reason: `the sandbox ${how}` });
      }
    }
  }

  #read(
    step: 'manifest' | 'image',
    run: MakeRun,
    images: 'no profiles.json' | 'no profile' | 'none',
  ): FailureReading {
    const { stdout, stderr, exitCode } = run;
    const { builder, spec } = this.#attempt;
    const customFeeds = Object.values(spec.repositories);
    return readFailure({ step, flavour: builder.flavour, exitCode, stdout, stderr, images, customFeeds });
  }

  #ended(reading: FailureReading, output: BuildOutput = NO_OUTPUT): AttemptResult {
    this.#log.heading(reading.reason);
    if (reading.kind === 'broken') {
      return { outcome: 'broken', breakage: reading.breakage, reason: reading.reason };
    }
    return {
      outcome: 'failed',
      output,
      artifacts: [],
      failure: reading.failure,
      reason: reading.reason,
    };
  }
}

const NO_OUTPUT: BuildOutput = { stdout: '', stderr: '', buildCommand: [] };

function outputOf(result: ProcessResult, buildCommand: readonly string[]): BuildOutput {
  return { stdout: result.stdout.tail(), stderr: result.stderr.tail(), buildCommand };
}

function finished(result: AttemptResult, view: View | undefined): FinishedAttempt {
  return {
    result,
    outputDirectory: view?.outDirectory ?? '',
    [Symbol.asyncDispose]: async () => await view?.[Symbol.asyncDispose](),
  };
}

/** Which of ours failed, as the error's maker noted it. */
function breakageOf(thrown: unknown): Breakage {
  const noted = thrown instanceof FarmError ? thrown.details.breakage : undefined;
  return BREAKAGES.find((breakage) => breakage === noted) ?? 'agent';
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new FarmError('cancelled', 'the attempt was cancelled');
}
