-- Take or renew the lease of a run; a pending run begins to run.
-- KEYS: [1] run, [2] lease
-- ARGV: [1] trainer id, [2] lease in ms, [3] now
-- Returns 1 when the trainer has the lease, 0 when the run is not to be had.
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'pending' and state ~= 'running' then return 0 end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if state == 'pending' then
  redis.call('HSET', KEYS[1], 'state', 'running')
  redis.call('HSETNX', KEYS[1], 'started_at', ARGV[3])
end
return 1
