-- Drop a complete group that the trainer will not train on, and free its place.
-- KEYS: [1] group record, [2] run, [3] in flight, [4] sampled group, [5] lease
-- ARGV: [1] group id, [2] reason, [3] time to live of the record in ms, [4] run id, [5] trainer id
-- `failed` ones are counted until the next step: a trainer that can use no group must not go on for ever.
-- Returns {'dropped', groups failed since the last step}, {'done'} when it had left the loop before (its record may have expired since),
-- {'lease', holder}, or {'foreign'} when it is another run's.
local record = redis.call('HMGET', KEYS[1], 'state', 'run_id')
if not record[1] then return {'done'} end
if record[2] ~= ARGV[4] then return {'foreign'} end
local holder = redis.call('GET', KEYS[5])
if holder and holder ~= ARGV[5] then return {'lease', holder} end
if record[1] ~= 'ready' then return {'done'} end
redis.call('HSET', KEYS[1], 'state', 'dropped', 'reason', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'dropped:' .. ARGV[2], 1)
redis.call('UNLINK', KEYS[4])
if ARGV[2] ~= 'failed' then return {'dropped', 0} end
return {'dropped', redis.call('HINCRBY', KEYS[2], 'window_unusable', 1)}
