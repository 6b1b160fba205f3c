-- Settle an open group: pass it to the trainer, or drop it and free its place.
-- KEYS: [1] group record, [2] members, [3] run, [4] in flight, [5] groups stream, [6] sampled group
-- ARGV: [1] group id, [2] `ready`, `degenerate`, or the reason of a drop, [3] GroupEntry, [4] traceparent,
--       [5] degenerate groups that may be dropped per step, [6] sum of rewards, [7] traces scored,
--       [8] time to live of a dropped record in ms
-- A degenerate group is dropped until as many were dropped since the last step as may be; then it is passed on.
-- Returns {what became of it, admitted_at, groups lost in a row}, or {'late'} when it was settled before.
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return {'late'} end
local fate = ARGV[2]
redis.call('DEL', KEYS[2])
redis.call('HINCRBYFLOAT', KEYS[3], 'window_reward', ARGV[6])
redis.call('HINCRBY', KEYS[3], 'window_scored', ARGV[7])
redis.call('HINCRBY', KEYS[3], 'traces_scored', ARGV[7])
if fate == 'degenerate' then
  local dropped = tonumber(redis.call('HGET', KEYS[3], 'window_degenerate') or '0')
  if dropped >= tonumber(ARGV[5]) then fate = 'ready' end
end
local lost = 0
if fate == 'unscored' or fate == 'failed' then
  lost = redis.call('HINCRBY', KEYS[3], 'lost_in_a_row', 1)
elseif fate ~= 'stale' and fate ~= 'untrainable' then
  redis.call('HSET', KEYS[3], 'lost_in_a_row', '0')
end
if fate == 'ready' then
  redis.call('HSET', KEYS[1], 'state', 'ready')
  redis.call('XADD', KEYS[5], '*', 'p', ARGV[3], 't', ARGV[4])
else
  redis.call('HSET', KEYS[1], 'state', 'dropped', 'reason', fate)
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('HINCRBY', KEYS[3], 'dropped:' .. fate, 1)
  redis.call('UNLINK', KEYS[6])
  if fate == 'degenerate' then redis.call('HINCRBY', KEYS[3], 'window_degenerate', 1) end
end
return {fate, redis.call('HGET', KEYS[1], 'admitted_at'), lost}
