import { type SlowProxyOptions, startSlowProxy } from '../../support/slow-proxy.ts';
import { answerParent } from '../child-process.ts';

/** Each message opens one more line, which lives as long as this process; the answer is its address. */
answerParent(async (options: SlowProxyOptions) => (await startSlowProxy(options)).address);
