import { answerParent } from './child-process.ts';
import { type LoadPlan, load } from './load.ts';

answerParent((plan: LoadPlan) => load(plan));
