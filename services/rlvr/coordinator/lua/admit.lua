-- Admit a group: its record, its place in flight and its prompt, all or nothing and at most once.
-- KEYS: [1] run, [2] in flight, [3] group record, [4] prompts stream
-- ARGV: [1] sequence number, [2] step, [3] bound on groups in flight at that step, [4] group id, [5] group size,
--       [6] run id, [7] now, [8] payload, [9] traceparent
-- The sequence number makes two coordinators, or one that was restarted, admit each problem once. The step is
-- the version that the prompt asks for and that the bound was computed from.
-- Returns 1 when this call admitted it.
local run = redis.call('HMGET', KEYS[1], 'state', 'next_seq', 'step')
if run[1] ~= 'running' or run[2] ~= ARGV[1] or run[3] ~= ARGV[2] then return 0 end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HINCRBY', KEYS[1], 'next_seq', 1)
redis.call('HSET', KEYS[3], 'state', 'open', 'size', ARGV[5], 'run_id', ARGV[6], 'admitted_at', ARGV[7],
  'min_version', ARGV[2], 'seq', ARGV[1])
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[4])
redis.call('XADD', KEYS[4], '*', 'p', ARGV[8], 't', ARGV[9])
return 1
