-- Make a stopped or failed run wait for a trainer again.
-- KEYS: [1] run, [2] live runs, [3] the policy's register entry
-- ARGV: [1] run id
-- Returns {'resumed'} (also when it was going already), {'refused', state}, or {'owned', run id} when its policy's
-- name belongs to another run by now.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'pending' or state == 'running' then return {'resumed'} end
if state ~= 'stopped' and state ~= 'failed' then return {'refused', state} end
local owner = redis.call('HGET', KEYS[3], 'run_id')
if owner ~= ARGV[1] then return {'owned', owner} end
redis.call('HSET', KEYS[1], 'state', 'pending', 'lost_in_a_row', '0', 'window_unusable', '0')
redis.call('HDEL', KEYS[1], 'error', 'ended_at')
redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'created_at'), ARGV[1])
return {'resumed'}
