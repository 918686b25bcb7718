/**
 * A job is one update at one gateway. Its states, and what each event makes of them; an event that is not in a row changes
 * nothing (a repeated receipt, a receipt that comes after the withdrawal).
 *
 *     planned --come-due--> due --stored--> stored --on-air--> on-air --finished--> finished
 *        any state that has not ended: withdraw -> withdrawn, expire -> expired, refused -> refused
 */

export type JobState = 'planned' | 'due' | 'stored' | 'on-air' | 'finished' | 'withdrawn' | 'refused' | 'expired';
export type JobEvent = 'come-due' | 'stored' | 'on-air' | 'finished' | 'refused' | 'withdraw' | 'expire';

/** `stored` and `on-air` may be skipped: their receipts can be lost with a connection, later evidence implies them. */
export const JOB_STATES: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  planned: { 'come-due': 'due', withdraw: 'withdrawn', expire: 'expired' },
  due: {
    stored: 'stored',
    'on-air': 'on-air',
    finished: 'finished',
    refused: 'refused',
    withdraw: 'withdrawn',
    expire: 'expired',
  },
  stored: {
    'on-air': 'on-air',
    finished: 'finished',
    refused: 'refused',
    withdraw: 'withdrawn',
    expire: 'expired',
  },
  'on-air': { finished: 'finished', refused: 'refused', withdraw: 'withdrawn', expire: 'expired' },
  finished: {},
  withdrawn: {},
  refused: {},
  expired: {},
};

/** The gateway holds these, or should. */
export const LIVE_STATES: readonly JobState[] = ['due', 'stored', 'on-air'];
/** The gateway has said that it holds these. */
export const HELD_STATES: readonly JobState[] = ['stored', 'on-air'];
/** These can still change. */
export const OPEN_STATES: readonly JobState[] = ['planned', ...LIVE_STATES];
