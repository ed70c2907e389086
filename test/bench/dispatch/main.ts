import { report } from '../reach.ts';
import { measureFull } from './measure-full.ts';
import { measureIdle } from './measure-idle.ts';

/*
 * How the farm hands out builds: how soon an agent is told of one in an idle farm, and whether a coordinator with 1,000 agents and
 * 100,000 waiting builds answers its clients as one with 10. Real servers, agents that only pull. Ends with 1 when a reach is missed.
 */

const reaches = [...(await measureIdle()), ...(await measureFull())];
process.exitCode = report(reaches) ? 0 : 1;
