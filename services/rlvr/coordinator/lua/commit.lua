-- Complete a step: keep its record, move the register, free the places of its groups, end the run after the last.
-- KEYS: [1] run, [2] in flight, [3] steps, [4] the policy's register entry, [5] lease, [6] live runs,
--       [7] prompts stream, [8] groups stream, [9] journal, [10..] the records of the groups
-- ARGV: [1] trainer id, [2] step, [3] StepRecord, [4] uri, [5] manifest sha256, [6] run id, [7] steps of the run,
--       [8] sum of rewards and [9] number of traces, negated, that mean_reward_all accounts for, [10] now,
--       [11] time to live in ms of what a run leaves that has succeeded, [12] mean reward, 8 bytes little-endian,
--       [13] prefix of group keys, [14] prefix of sampled groups, [15..] the group ids
-- The trainer deletes a group's record and samples once its checkpoints cover them. It may be killed after the
-- last step and before that, and nobody takes up a run that has succeeded, so what is left then expires.
-- Returns {'committed', state}; {'done', the record that was kept} when the step was completed before;
-- {'ahead', step of the run}; {'lease', holder}; {'owned', run id}; {'group', group id, its state}.
local step = redis.call('HGET', KEYS[1], 'step')
if tonumber(step) > tonumber(ARGV[2]) then return {'done', redis.call('LINDEX', KEYS[3], ARGV[2])} end
if step ~= ARGV[2] then return {'ahead', step} end
local holder = redis.call('GET', KEYS[5])
if holder and holder ~= ARGV[1] then return {'lease', holder} end
local owner = redis.call('HGET', KEYS[4], 'run_id')
if owner ~= ARGV[6] then return {'owned', owner} end
for i = 10, #KEYS do
  local group = redis.call('HMGET', KEYS[i], 'state', 'run_id')
  if group[1] ~= 'ready' or group[2] ~= ARGV[6] then
    return {'group', ARGV[15 + i - 10], group[1] or 'unknown'}
  end
end
for i = 10, #KEYS do
  redis.call('HSET', KEYS[i], 'state', 'trained', 'step', step)
  redis.call('ZREM', KEYS[2], ARGV[15 + i - 10])
end
redis.call('RPUSH', KEYS[3], ARGV[3])
redis.call('HSET', KEYS[4], 'version', tostring(step + 1), 'uri', ARGV[4], 'manifest_sha256', ARGV[5])
local recent = (redis.call('HGET', KEYS[1], 'recent_rewards') or '') .. ARGV[12]
redis.call('HSET', KEYS[1], 'step', tostring(step + 1), 'window_degenerate', '0', 'window_unusable', '0',
  'recent_rewards', string.sub(recent, -512))
redis.call('HINCRBY', KEYS[1], 'groups_trained', #KEYS - 9)
redis.call('HINCRBYFLOAT', KEYS[1], 'window_reward', ARGV[8])
redis.call('HINCRBY', KEYS[1], 'window_scored', ARGV[9])
if step + 1 >= tonumber(ARGV[7]) then
  redis.call('HSET', KEYS[1], 'state', 'succeeded', 'ended_at', ARGV[10])
  redis.call('HDEL', KEYS[1], 'error')
  redis.call('ZREM', KEYS[6], ARGV[6])
  redis.call('DEL', KEYS[5])
  for _, batch in ipairs(redis.call('HVALS', KEYS[9])) do
    for _, id in ipairs(cjson.decode(batch)) do
      redis.call('PEXPIRE', ARGV[13] .. id, ARGV[11])
      redis.call('PEXPIRE', ARGV[14] .. id, ARGV[11])
    end
  end
  for i = 7, 9 do redis.call('PEXPIRE', KEYS[i], ARGV[11]) end
end
return {'committed', redis.call('HGET', KEYS[1], 'state')}
