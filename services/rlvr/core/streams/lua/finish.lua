-- Finish an entry: keep the result, pass the work on and acknowledge, all or nothing and at most once.
-- KEYS: [1] result key, [2] the entry's stream, [3..] the stream of each outgoing entry
-- ARGV: [1] consumer group, [2] entry id, [3] result, [4] time to live in ms,
--       then payload and traceparent of each outgoing entry
-- An entry that is not pending any more was finished by another worker, whatever has become of its result since.
-- Returns 1 when this call finished the work, 0 when it was finished before.
if #redis.call('XPENDING', KEYS[2], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
local first = redis.call('SET', KEYS[1], ARGV[3], 'NX', 'PX', ARGV[4])
if first then
  for i = 3, #KEYS do
    local at = 5 + (i - 3) * 2
    redis.call('XADD', KEYS[i], '*', 'p', ARGV[at], 't', ARGV[at + 1])
  end
end
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[2], ARGV[2])
return first and 1 or 0
