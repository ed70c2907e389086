/* What becomes of requests that are built. One farm for all: each costs seconds. */
import './cors-and-urls.ts';
import './legacy.ts';
import './pitfalls.ts';
import './results.ts';
