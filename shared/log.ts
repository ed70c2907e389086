import { pino } from 'pino';

/** The few words of a logger that modules use; pino fits. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  child(facts: object): Log;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger that writes one JSON object a line to standard error. `name` says which program speaks. */
export function createLog(name: string, level: LogLevel): Log {
  return pino({ name, level, base: { name } }, pino.destination({ fd: 2, sync: true }));
}

/** A logger for code that must be given one and has nobody to tell. */
export const silentLog: Log = pino({ level: 'silent' });
