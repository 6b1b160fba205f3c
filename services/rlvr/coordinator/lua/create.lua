-- Create a run, and register version 0 of its policy.
-- KEYS: [1] run, [2] all runs, [3] live runs, [4] the policy's register entry, [5] its prompts stream
-- ARGV: [1] run id, [2] time of creation, [3] spec, [4] policy, [5] uri of version 0, [6] prefix of run keys,
--       [7] request id
-- A policy's name belongs to one run that can still go on; a failed or ended run gives it up.
-- Returns {'created'}; {'taken'} when another run has this id; {'owned', run id, state} when another has the policy.
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- The same request, sent again because a connection broke before the reply.
  if redis.call('HGET', KEYS[1], 'request_id') == ARGV[7] then return {'created'} end
  return {'taken'}
end
local owner = redis.call('HGET', KEYS[4], 'run_id')
if owner then
  local state = redis.call('HGET', ARGV[6] .. owner, 'state')
  if state == 'pending' or state == 'running' or state == 'stopped' then return {'owned', owner, state} end
end
redis.call('HSET', KEYS[1], 'state', 'pending', 'step', '0', 'next_seq', '0', 'created_at', ARGV[2], 'spec', ARGV[3],
  'policy', ARGV[4], 'request_id', ARGV[7])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('DEL', KEYS[4])
-- A run of this policy that succeeded let the stream expire.
redis.call('PERSIST', KEYS[5])
redis.call('HSET', KEYS[4], 'version', '0', 'uri', ARGV[5], 'manifest_sha256', '', 'run_id', ARGV[1])
return {'created'}
