-- Halt a run: stopped or failed. Groups that are not complete are dropped; complete ones wait for a resume.
-- KEYS: [1] run, [2] in flight, [3] live runs, [4] lease
-- ARGV: [1] new state, [2] error, [3] now, [4] run id, [5] time to live of dropped records in ms,
--       [6] prefix of group keys, [7] trainer that asks, or empty, then the states that it may be halted from
-- The lease stays with its trainer until it runs out, so that a resumed run never has two.
-- Returns {'halted'}, or {'refused', state}, or {'lease', holder} when another trainer has the run.
local state = redis.call('HGET', KEYS[1], 'state')
if state == ARGV[1] then return {'halted'} end
local allowed = false
for i = 8, #ARGV do allowed = allowed or state == ARGV[i] end
if not allowed then return {'refused', state} end
local holder = redis.call('GET', KEYS[4])
if ARGV[7] ~= '' and holder and holder ~= ARGV[7] then return {'lease', holder} end
redis.call('HSET', KEYS[1], 'state', ARGV[1], 'error', ARGV[2], 'ended_at', ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[4])
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local record = ARGV[6] .. id
  if redis.call('HGET', record, 'state') == 'open' then
    redis.call('HSET', record, 'state', 'dropped', 'reason', 'stopped')
    redis.call('PEXPIRE', record, ARGV[5])
    redis.call('DEL', record .. ':members')
    redis.call('ZREM', KEYS[2], id)
    redis.call('HINCRBY', KEYS[1], 'dropped:stopped', 1)
  end
end
return {'halted'}
