/* What the farm tells before anything is built. One farm for all: each costs seconds. */
import './endpoints.ts';
import './indexes.ts';
import './packages.ts';
import './request-model.ts';
