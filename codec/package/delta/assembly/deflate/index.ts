/** What the host calls: one stream at a time. */

export { openDeflate, deflateInputAt, deflatePush } from './compress';
export { inflate } from './inflate';
