-- Give an entry up: copy it to the dead letters, tell the next stage, acknowledge; at most once.
-- KEYS: [1] the entry's stream, [2] rlvr:dead, [3..] the stream of each outgoing entry
-- ARGV: [1] consumer group, [2] entry id, [3] dead letter, then payload and traceparent of each outgoing entry
-- Returns 1 when this call buried it, 0 when it was already gone.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '10000', '*', 'p', ARGV[3])
for i = 3, #KEYS do
  local at = 4 + (i - 3) * 2
  redis.call('XADD', KEYS[i], '*', 'p', ARGV[at], 't', ARGV[at + 1])
end
return 1
