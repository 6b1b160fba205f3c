-- Put a trace's verdict in its place in the group.
-- KEYS: [1] group record (hash), [2] members (hash: trace id -> payload)
-- ARGV: [1] trace id, [2] payload, [3] time to live of the members in ms
-- The record's field `state` is `open` from admission until the group is settled; `size` is k.
-- Returns {'late'} when the group is settled or unknown, {'wait'|'dup', n} while members are missing, and
-- {'complete', payload, payload, ...} when all are there, again and again until the group is settled: a
-- coordinator that dies in between finds it complete on the redelivered entry.
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return {'late'} end
local new = redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2])
local n = redis.call('HLEN', KEYS[2])
if n >= tonumber(redis.call('HGET', KEYS[1], 'size')) then
  local reply = redis.call('HVALS', KEYS[2])
  table.insert(reply, 1, 'complete')
  return reply
end
if new == 1 then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  return {'wait', n}
end
return {'dup', n}
